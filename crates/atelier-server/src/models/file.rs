//! The adapter files of models, whole or in part.

use atelier_http::answer::disposition::Disposition;
use atelier_http::answer::file::KeptFile;
use atelier_http::answer::{FailureBody, Result};
use atelier_store::ModelId;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::extract::{AppFor, PathOf};

/// The adapter file of a model, under the model's name.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/file", tag = "models",
    params(("model" = String, Path, format = "uuid")),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part that `Range` names.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "It is the one that the client has."),
        (status = 404, body = FailureBody, description = "There is no such model."),
        (status = 416, body = FailureBody, description = "The file has no such part.")
    )
)]
pub(crate) async fn get_model_file(
    AppFor(app): AppFor,
    PathOf(id): PathOf<ModelId>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let find = move || {
        library
            .get_model(id)
            .map(|one| (library.model_file(&one), one))
    };
    let (path, model) = app.work().catalogue(find).await?;
    let name = format!("{}.safetensors", model.about.name);
    let file = KeptFile {
        path,
        hash: model.hash,
        size_bytes: model.size_bytes,
        name,
    };
    let opened = file.open().await?;
    // What it holds follows from its hash; which model that is may change.
    opened
        .answer(
            &asked,
            ("application/octet-stream", Disposition::Attachment),
            "private, no-cache",
        )
        .await
}

//! The files of drawn pictures, whole or in part.

use atelier_http::answer::file::KeptFile;
use atelier_http::answer::{FailureBody, Result};
use atelier_store::PictureId;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::datasets::image_file::FileQuery;
use crate::extract::{AppFor, PathOf, QueryOf};

/// The file of a drawn picture, with its recipe inside.
#[utoipa::path(
    get, path = "/api/v1/pictures/{picture}/file", tag = "pictures",
    params(("picture" = String, Path, format = "uuid"), FileQuery),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "image/*"),
        (status = 206, description = "The part that `Range` names.", body = Vec<u8>, content_type = "image/*"),
        (status = 304, description = "It is the one that the client has."),
        (status = 404, body = FailureBody, description = "There is no such picture."),
        (status = 416, body = FailureBody, description = "The file has no such part.")
    )
)]
pub(crate) async fn get_picture_file(
    AppFor(app): AppFor,
    PathOf(id): PathOf<PictureId>,
    QueryOf(query): QueryOf<FileQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let picture = library.get_picture(id)?;
        Ok((library.blobs().path(&picture.hash), picture))
    });
    let (path, picture) = found.await?;
    let file = KeptFile {
        path,
        name: super::file_name(&picture),
        hash: picture.hash,
        size_bytes: picture.size_bytes,
    };
    file.answer_picture(&asked, query.disposition()).await
}

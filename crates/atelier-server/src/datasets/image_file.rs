//! The files of pictures, as they were added, whole or in part.

use atelier_http::answer::disposition::Disposition;
use atelier_http::answer::file::KeptFile;
use atelier_http::answer::{FailureBody, Result};
use atelier_store::{DatasetId, ImageId};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{AppFor, PathOf, QueryOf};

/// How the file is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// To be saved instead of shown.
    #[serde(default)]
    #[param(default = false)]
    download: bool,
}

impl FileQuery {
    /// What a browser is to do with it.
    pub(crate) fn disposition(&self) -> Disposition {
        if self.download {
            Disposition::Attachment
        } else {
            Disposition::Inline
        }
    }
}

/// The file of an image, as it was added.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/images/{image}/file", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid"), ("image" = String, Path, format = "uuid"), FileQuery),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "image/*"),
        (status = 206, description = "The part that `Range` names.", body = Vec<u8>, content_type = "image/*"),
        (status = 304, description = "It is the one that the client has."),
        (status = 404, body = FailureBody, description = "There is no such dataset or image."),
        (status = 416, body = FailureBody, description = "The file has no such part.")
    )
)]
pub(crate) async fn get_image_file(
    AppFor(app): AppFor,
    PathOf((dataset, id)): PathOf<(DatasetId, ImageId)>,
    QueryOf(query): QueryOf<FileQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let image = library.get_image(dataset, id, None)?;
        let path = library.blobs().path(&image.blob);
        Ok((image, path))
    });
    let (image, path) = found.await?;
    let file = KeptFile {
        path,
        hash: image.blob,
        size_bytes: image.size_bytes,
        name: image.file_name,
    };
    file.answer_picture(&asked, query.disposition()).await
}

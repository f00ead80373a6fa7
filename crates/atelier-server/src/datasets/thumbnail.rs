//! Small pictures of the images of datasets.

use atelier_http::answer::file::FOR_EVER;
use atelier_http::answer::{FailureBody, Result};
use atelier_store::{DatasetId, ImageId};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{AppFor, PathOf, QueryOf};
use crate::thumbnails::{Original, answer};
use atelier_data::thumbnail::Part;

/// Which thumbnail is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ThumbnailQuery {
    /// The longer side in pixels, rounded up to 64, 128, 256, 384, 512, 768 or 1024.
    #[param(minimum = 16, maximum = 1024)]
    side: u32,
    /// The square that is trained on instead of the whole picture.
    #[serde(default)]
    #[param(default = false)]
    crop: bool,
    /// Whose square; that of the last version which has the image when absent.
    version: Option<u32>,
}

/// A small JPEG of an image, upright, as a whole or of the square that is trained on.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/images/{image}/thumbnail", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid"), ("image" = String, Path, format = "uuid"), ThumbnailQuery),
    responses(
        (status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "It is the one that the client has."),
        (status = 400, body = FailureBody, description = "A value cannot be used."),
        (status = 404, body = FailureBody, description = "There is no such dataset or image.")
    )
)]
pub(crate) async fn get_thumbnail(
    AppFor(app): AppFor,
    PathOf((dataset, id)): PathOf<(DatasetId, ImageId)>,
    QueryOf(query): QueryOf<ThumbnailQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let image = app.work();
    let image = image.catalogue(move || library.get_image(dataset, id, query.version));
    let image = image.await?;
    let part = if query.crop {
        Part::Square(image.crop)
    } else {
        Part::Whole
    };
    // The whole picture never changes; its square may, and is asked for again.
    let keep = if query.crop && query.version.is_none() {
        "private, no-cache"
    } else {
        FOR_EVER
    };
    let original = Original {
        hash: image.blob,
        name: image.file_name,
        path: None,
        pixels: u64::from(image.width) * u64::from(image.height),
    };
    answer(&app, original, (part, query.side), (&asked, keep)).await
}

//! Small pictures of drawn pictures.

use atelier_http::answer::file::FOR_EVER;
use atelier_http::answer::{FailureBody, Result};
use atelier_store::PictureId;
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
pub(crate) struct SideQuery {
    /// The longer side in pixels, rounded up to 64, 128, 256, 384, 512, 768 or 1024.
    #[param(minimum = 16, maximum = 1024)]
    pub(crate) side: u32,
}

/// A small JPEG of a drawn picture.
#[utoipa::path(
    get, path = "/api/v1/pictures/{picture}/thumbnail", tag = "pictures",
    params(("picture" = String, Path, format = "uuid"), SideQuery),
    responses(
        (status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "It is the one that the client has."),
        (status = 400, body = FailureBody, description = "A value cannot be used."),
        (status = 404, body = FailureBody, description = "There is no such picture.")
    )
)]
pub(crate) async fn get_picture_thumbnail(
    AppFor(app): AppFor,
    PathOf(id): PathOf<PictureId>,
    QueryOf(SideQuery { side }): QueryOf<SideQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let picture = app.work().catalogue(move || library.get_picture(id));
    let picture = picture.await?;
    let original = Original {
        name: super::file_name(&picture),
        hash: picture.hash,
        path: None,
        pixels: u64::from(picture.width) * u64::from(picture.height),
    };
    answer(&app, original, (Part::Whole, side), (&asked, FOR_EVER)).await
}

//! The files of start pictures, and small pictures of them.

use atelier_http::answer::file::{FOR_EVER, KeptFile};
use atelier_http::answer::{FailureBody, Result};
use atelier_store::StartPictureId;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::datasets::image_file::FileQuery;
use crate::extract::{AppFor, PathOf, QueryOf};
use crate::pictures::thumbnail::SideQuery;
use crate::thumbnails::{Original, answer};
use atelier_data::thumbnail::Part;

/// The file of a start picture, as it was sent.
#[utoipa::path(
    get, path = "/api/v1/start-pictures/{start_picture}/file", tag = "start pictures",
    params(("start_picture" = String, Path, format = "uuid"), FileQuery),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "image/*"),
        (status = 206, description = "The part that `Range` names.", body = Vec<u8>, content_type = "image/*"),
        (status = 304, description = "It is the one that the client has."),
        (status = 404, body = FailureBody, description = "There is no such start picture."),
        (status = 416, body = FailureBody, description = "The file has no such part.")
    )
)]
pub(crate) async fn get_start_picture_file(
    AppFor(app): AppFor,
    PathOf(id): PathOf<StartPictureId>,
    QueryOf(query): QueryOf<FileQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let picture = library.get_start_picture(id)?;
        Ok((library.blobs().path(&picture.hash), picture))
    });
    let (path, picture) = found.await?;
    let file = KeptFile {
        path,
        name: picture.name,
        hash: picture.hash,
        size_bytes: picture.size_bytes,
    };
    file.answer_picture(&asked, query.disposition()).await
}

/// A small JPEG of a start picture.
#[utoipa::path(
    get, path = "/api/v1/start-pictures/{start_picture}/thumbnail", tag = "start pictures",
    params(("start_picture" = String, Path, format = "uuid"), SideQuery),
    responses(
        (status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "It is the one that the client has."),
        (status = 400, body = FailureBody, description = "A value cannot be used."),
        (status = 404, body = FailureBody, description = "There is no such start picture.")
    )
)]
pub(crate) async fn get_start_picture_thumbnail(
    AppFor(app): AppFor,
    PathOf(id): PathOf<StartPictureId>,
    QueryOf(SideQuery { side }): QueryOf<SideQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let picture = app
        .work()
        .catalogue(move || library.get_start_picture(id))
        .await?;
    let original = Original {
        name: picture.name,
        hash: picture.hash,
        path: None,
        pixels: u64::from(picture.width) * u64::from(picture.height),
    };
    answer(&app, original, (Part::Whole, side), (&asked, FOR_EVER)).await
}

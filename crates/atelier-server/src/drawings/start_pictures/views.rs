//! How start pictures look in answers.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{StartPicture, StartPictureId};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::{AppFor, PathOf};

/// A picture that drawings can start from, or a mask of one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StartPicture)]
pub(crate) struct StartPictureView {
    #[schema(format = "uuid")]
    id: String,
    /// What its file was called, without folders.
    name: String,
    /// SHA-256 of its file, by which recipes know it.
    hash: String,
    /// The file's length.
    size_bytes: u64,
    /// Width of the upright picture in pixels.
    width: u32,
    /// Height of the upright picture in pixels.
    height: u32,
    /// When it came into the library, in milliseconds since the Unix epoch.
    created_ms: i64,
    /// When it may go, unless a drawing started from it.
    expires_ms: i64,
}

impl From<StartPicture> for StartPictureView {
    fn from(picture: StartPicture) -> Self {
        Self {
            id: picture.id.to_string(),
            expires_ms: picture.expires_ms(),
            name: picture.name,
            hash: picture.hash,
            size_bytes: picture.size_bytes,
            width: picture.width,
            height: picture.height,
            created_ms: picture.created_ms,
        }
    }
}

/// The answer to who made one.
pub(super) fn made(picture: StartPicture) -> impl IntoResponse {
    let location = format!("/api/v1/start-pictures/{}", picture.id);
    let answer = Json(StartPictureView::from(picture));
    (StatusCode::CREATED, [(header::LOCATION, location)], answer)
}

/// A start picture.
#[utoipa::path(
    get, path = "/api/v1/start-pictures/{start_picture}", tag = "start pictures",
    params(("start_picture" = String, Path, format = "uuid")),
    responses((status = 200, description = "The start picture.", body = StartPictureView), (status = 404, body = FailureBody, description = "There is none, or none any more."))
)]
pub(crate) async fn get_start_picture(
    AppFor(app): AppFor,
    PathOf(id): PathOf<StartPictureId>,
) -> Result<Json<StartPictureView>> {
    let library = app.library();
    let found = app.work().catalogue(move || library.get_start_picture(id));
    Ok(Json(found.await?.into()))
}

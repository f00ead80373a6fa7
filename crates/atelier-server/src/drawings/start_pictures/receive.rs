//! Start pictures come in through a form.

use std::path::Path;

use atelier_http::answer::{Failure, FailureBody, Result};
use atelier_http::incoming::receive::broken;
use axum::extract::Request;
use axum::response::IntoResponse;
use utoipa::ToSchema;

use super::keep::keep_file;
use super::views::{StartPictureView, made};
use crate::app::App;
use crate::datasets::upload::begin::{new_folder, open_form};
use crate::datasets::upload::single::write_one;
use crate::extract::AppFor;

/// A picture to start from, or a mask: white where something new is drawn, black where the start stays.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it only describes the request")]
pub(crate) struct SendStartPicture {
    /// The picture (PNG, JPEG, WebP, GIF, BMP), of at most what `/api/v1/about` says.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Keeps a picture, so that drawings can start from it, or use it as the mask of one.
#[utoipa::path(
    post, path = "/api/v1/start-pictures", tag = "start pictures",
    request_body(content = SendStartPicture, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The start picture; `Location` is its address.", body = StartPictureView),
        (status = 400, body = FailureBody, description = "The body is not as expected."),
        (status = 408, body = FailureBody, description = "The body came too slowly."),
        (status = 413, body = FailureBody, description = "The file is larger than is accepted."),
        (status = 415, body = FailureBody, description = "The body is of another type."),
        (status = 422, body = FailureBody, description = "The file is no picture that can be used."),
        (status = 503, body = FailureBody, description = "As many uploads as are taken at the same time are under way."),
        (status = 507, body = FailureBody, description = "The disk has too little room.")
    )
)]
pub(crate) async fn add_start_picture(
    AppFor(app): AppFor,
    request: Request,
) -> Result<impl IntoResponse> {
    let _turn = app.upload_place().await?;
    let (folder, _interest) = new_folder(&app).await?;
    let path = folder.path().join("0");
    let name = receive(&app, request, &path).await?;
    Ok(made(keep_file(&app, (path, folder), name).await?))
}

/// Writes the part `file` of a form, and says what it is called.
async fn receive(app: &App, request: Request, path: &Path) -> Result<String> {
    let (mut form, progress) = open_form(app, request).await?;
    let mut found = None;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        progress.made();
        if field.name() != Some("file") || found.is_some() {
            return Err(Failure::invalid(
                "the form has another field than one `file`",
            ));
        }
        found = Some(field.file_name().unwrap_or_default().to_owned());
        let most = ("picture", app.limits().picture_bytes);
        write_one(app, field, (path, &progress), most).await?;
    }
    found.ok_or_else(|| Failure::invalid("the form has no field `file`"))
}

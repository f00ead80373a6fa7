//! What every request that brings files begins with: its form, and a folder for what comes.

use atelier_http::answer::{Failure, Result};
use atelier_http::incoming::folder::{Interest, UploadFolder};
use atelier_http::incoming::metered::{Progress, metered};
use atelier_http::security::media_type;
use axum::extract::multipart::Multipart;
use axum::extract::{FromRequest as _, Request};
use axum::http::StatusCode;

use crate::app::App;

/// The fields of a form, and where it is told that they go on.
///
/// # Errors
/// When the request has another body than a form.
pub(crate) async fn open_form(app: &App, request: Request) -> Result<(Multipart, Progress)> {
    if media_type(request.headers()) != Some("multipart/form-data") {
        let message = "the request has a body of another type than `multipart/form-data`";
        let failure = Failure::invalid(message);
        return Err(failure.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let (head, body) = request.into_parts();
    let (body, progress) = metered(body);
    let request = Request::from_parts(head, body);
    match Multipart::from_request(request, app).await {
        Ok(form) => Ok((form, progress)),
        Err(error) => Err(Failure::invalid(error.body_text()).with_status(error.status())),
    }
}

/// A new folder for what comes, and the interest in it, which ends with the request, however that ends.
pub(crate) async fn new_folder(app: &App) -> Result<(UploadFolder, Interest)> {
    let uploads = app.uploads().to_owned();
    let made = app.work().files(move || UploadFolder::new(&uploads));
    made.await?.map_err(Failure::io)
}

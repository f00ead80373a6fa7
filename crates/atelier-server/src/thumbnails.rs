//! Thumbnails as answers: made before, made now, or not sent again.

use std::path::PathBuf;

use atelier_core::ErrorCode;
use atelier_data::thumbnail::{Part, draw};
use atelier_http::answer::etag::is_known;
use atelier_http::answer::{Failure, Result};
use atelier_http::security::only_this_picture;
use atelier_kept::ThumbnailName as Name;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::app::App;

/// Smallest side that is asked for.
const LEAST_SIDE: u32 = 16;

/// The picture that a thumbnail is of.
#[derive(Debug)]
pub(crate) struct Original {
    /// The hash of its file.
    pub(crate) hash: String,
    /// Where it lies, where it is none of the library's kept files.
    pub(crate) path: Option<PathBuf>,
    /// What it is called.
    pub(crate) name: String,
    /// How many pixels it has.
    pub(crate) pixels: u64,
}

/// What a request with these headers is answered with; `keep` says how long clients may keep it.
pub(crate) async fn answer(
    app: &App,
    original: Original,
    (part, side): (Part, u32),
    (asked, keep): (&HeaderMap, &'static str),
) -> Result<Response> {
    let name = (side >= LEAST_SIDE).then(|| Name::of(&original.hash, part, side));
    let name = name.flatten().ok_or_else(|| {
        Failure::invalid(format!(
            "side `{side}`: expected is a number from {LEAST_SIDE} to 1024"
        ))
    })?;
    let etag = name.etag();
    let mut response = if is_known(asked, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(made(app, original, (name, part)).await?).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    only_this_picture(headers);
    Ok(response)
}

/// The one that was made before, or a new one.
async fn made(app: &App, original: Original, (name, part): (Name, Part)) -> Result<Vec<u8>> {
    let (found, name_again) = (app.clone(), name.clone());
    let found = move || found.thumbnails().get(&name_again);
    if let Some(jpeg) = app.work().files(found).await? {
        return Ok(jpeg);
    }
    let pixels = Some(original.pixels);
    let library = app.library();
    let kept = app.clone();
    let draw = move || -> Result<Vec<u8>> {
        let bytes = match &original.path {
            Some(path) => fs_err::read(path).map_err(Failure::io)?,
            None => library.blobs().read(&original.hash)?,
        };
        let jpeg = draw(&bytes, part, name.side).map_err(|problem| {
            let message = format!("cannot draw `{}`: {problem}", original.name);
            Failure::new(ErrorCode::BadPicture, message)
        })?;
        // Without a place to keep it, it is drawn again the next time.
        if let Err(error) = kept.thumbnails().put(&name, &jpeg) {
            kept.note(&format_args!("cannot keep a thumbnail: {error}"));
        }
        Ok(jpeg)
    };
    app.work().decode(pixels, draw).await?
}

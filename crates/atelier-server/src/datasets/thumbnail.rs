//! Small pictures of the images of datasets.

use atelier_store::{DatasetId, Image, ImageId};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use atelier_core::ErrorCode;

use crate::answer::{Failure, FailureBody, Result};
use crate::app::App;
use crate::extract::{PathOf, QueryOf};
use crate::security::only_this_picture;
use crate::thumbnails::{Name, Part, draw};

/// Smallest side that is asked for.
const LEAST_SIDE: u32 = 16;

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
    State(app): State<App>,
    PathOf((dataset, id)): PathOf<(DatasetId, ImageId)>,
    QueryOf(query): QueryOf<ThumbnailQuery>,
    headers: HeaderMap,
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
    let name = (query.side >= LEAST_SIDE).then(|| Name::of(&image.blob, part, query.side));
    let name = name.flatten().ok_or_else(|| {
        let side = query.side;
        Failure::invalid(format!(
            "side `{side}`: expected is a number from {LEAST_SIDE} to 1024"
        ))
    })?;
    let etag = name.etag();
    let known = headers.get(header::IF_NONE_MATCH);
    let is_known = known.is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(made(&app, image, (name, part)).await?).into_response()
    };
    // The whole picture never changes; its square may, and is asked for again.
    let keep = if query.crop && query.version.is_none() {
        "private, no-cache"
    } else {
        "private, max-age=31536000, immutable"
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
async fn made(app: &App, image: Image, (name, part): (Name, Part)) -> Result<Vec<u8>> {
    let (found, name_again) = (app.clone(), name.clone());
    let found = move || found.thumbnails().get(&name_again);
    if let Some(jpeg) = app.work().files(found).await? {
        return Ok(jpeg);
    }
    let (width, height) = (u64::from(image.width), u64::from(image.height));
    let pixels = Some(width * height);
    let library = app.library();
    let kept = app.clone();
    let draw = move || -> Result<Vec<u8>> {
        let bytes = library.blobs().read(&image.blob)?;
        let jpeg = draw(&bytes, part, name.side).map_err(|problem| {
            let message = format!("cannot draw `{}`: {problem}", image.file_name);
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

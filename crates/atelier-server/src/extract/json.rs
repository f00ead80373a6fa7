//! JSON documents that requests bring. Each kind has as many bytes as its values can need, and no more than [`Limits`] has.
//!
//! [`Limits`]: atelier_http::Limits

use std::sync::Arc;

use atelier_core::ErrorCode;
use atelier_http::answer::{Failure, Result};
use atelier_http::incoming::body::{is_timeout, too_slow, unreadable};
use atelier_http::security::media_type;
use atelier_http::work::{Place, aside};
use atelier_store::AccountId;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::session::Viewer;

/// Names and passwords: two of 1,024 bytes, or one and a name, with every letter of theirs in six bytes.
pub(crate) const SHORT_BYTES: usize = 8 << 10;
/// The four prompts of a drawing, each as long as it may be, with every letter in twelve bytes. Nothing but captions of many has
/// more.
pub(crate) const USUAL_BYTES: usize = 512 << 10;
/// As many as the server takes.
pub(crate) const LONG_BYTES: usize = usize::MAX;

/// Larger documents need a place. Smaller ones are read before others would notice, and those of all connections together take
/// little memory.
const SMALL_BYTES: usize = 64 << 10;

/// A JSON document of so many bytes at most.
#[derive(Debug)]
pub(crate) struct JsonOf<T, const MOST_BYTES: usize = USUAL_BYTES>(pub(crate) T);

impl<T: DeserializeOwned, const MOST_BYTES: usize> FromRequest<App> for JsonOf<T, MOST_BYTES> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let most_bytes = app.limits().json_bytes.min(MOST_BYTES);
        json_within(request, app, most_bytes).await.map(Self)
    }
}

/// The JSON document of a request that has so many bytes at most.
pub async fn json_within<T: DeserializeOwned>(
    request: Request,
    app: &App,
    most_bytes: usize,
) -> Result<T> {
    if media_type(request.headers()) != Some("application/json") {
        let message = "the request has a body of another type than `application/json`";
        let failure = Failure::invalid(message);
        return Err(failure.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let viewer = request.extensions().get::<Arc<Viewer>>();
    let account = viewer.and_then(|viewer| viewer.account_id());
    let (bytes, place) = collect((app, account), request.into_body(), most_bytes).await?;
    let read = || serde_json::from_slice(&bytes);
    let value = if place.is_some() { aside(read) } else { read() };
    value.map_err(|error| Failure::invalid(format!("the request's JSON: {error}")))
}

/// What a body has, and the place of a large one.
async fn collect(
    (app, account): (&App, Option<AccountId>),
    mut body: Body,
    most_bytes: usize,
) -> Result<(Vec<u8>, Option<Place>)> {
    // Some say so before they send it.
    if body.size_hint().lower() > most_bytes as u64 {
        return Err(too_large(most_bytes));
    }
    let (mut bytes, mut place) = (Vec::new(), None);
    let mut by = Instant::now() + app.limits().json;
    while let Some(frame) = timeout_at(by, body.frame()).await.map_err(|_| too_slow())? {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else {
            continue;
        };
        let length = bytes.len() + data.len();
        if length > most_bytes {
            return Err(too_large(most_bytes));
        }
        if length > SMALL_BYTES && place.is_none() {
            // Nobody sends slowly whom the server keeps waiting.
            let busy = Instant::now();
            place = Some(app.work_of(account).document().await?);
            by += busy.elapsed();
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, place))
}

fn broken(error: &axum::Error) -> Failure {
    if is_timeout(error) {
        return too_slow();
    }
    unreadable(error)
}

fn too_large(most_bytes: usize) -> Failure {
    let message = format!("the request's JSON has more than {most_bytes} bytes");
    let failure = Failure::new(ErrorCode::TooLarge, message);
    failure.with_details(json!({"most_bytes": most_bytes}))
}

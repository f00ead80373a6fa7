//! Parts of requests, as the clients write them.

use std::str::FromStr;

use atelier_server::door::{App, AppFor, json_within};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::me::user_id;
use super::refusal::{Refusal, Result};

/// The longest value that a failure repeats.
const TOLD_CHARS: usize = 100;

/// A JSON document. Keys that nobody knows are passed over, since newer clients send more of them.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let most_bytes = app.limits().json_bytes;
        Ok(Self(json_within(request, app, most_bytes).await?))
    }
}

/// The id at the end of a path. What can be no id names nothing.
#[derive(Debug)]
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr> FromRequestParts<App> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let text = path.map_err(|error| Refusal::invalid(error.body_text()))?;
        let told: String = text.chars().take(TOLD_CHARS).collect();
        let id = text.parse().ok().map(Self);
        id.ok_or_else(|| Refusal::not_found(format!("there is nothing with the id `{told}`")))
    }
}

/// Whoever asks, named in a path. Others are not told apart from those that there are not.
#[derive(Debug)]
pub(super) struct User;

impl FromRequestParts<App> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Id(user) = Id::<String>::from_request_parts(parts, app).await?;
        let Ok(AppFor(app)) = AppFor::from_request_parts(parts, app).await;
        if user == user_id(&app) {
            return Ok(Self);
        }
        Err(Refusal::not_found("there is no such user"))
    }
}

/// How the client reaches this server, for addresses in answers. That it is a name of this server is checked already.
#[derive(Debug)]
pub(super) struct Address(pub(super) String);

impl FromRequestParts<App> for Address {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let host = parts.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let host = host.ok_or_else(|| Refusal::invalid("the request names no host"))?;
        let scheme = if app.is_https(&parts.headers) {
            "https"
        } else {
            "http"
        };
        Ok(Self(format!("{scheme}://{host}")))
    }
}

/// The number of an element in a path, which some write as `7.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ElementNumber(pub(super) u32);

impl FromStr for ElementNumber {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.strip_suffix(".0").unwrap_or(text);
        text.parse().map(Self).map_err(drop)
    }
}

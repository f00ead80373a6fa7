//! Parts of requests, checked. What does not fit is answered like every other failure.

pub(crate) mod json;
pub(crate) mod paging;

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;

use atelier_http::answer::{Failure, Result};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};

use crate::app::App;
use crate::session::Viewer;

pub(crate) use json::JsonOf;
pub use json::json_within;

/// What handlers share, limited to what those who ask may see.
#[derive(Debug)]
pub struct AppFor(pub App);

impl FromRequestParts<App> for AppFor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let viewer = parts.extensions.get::<Arc<Viewer>>().cloned();
        Ok(Self(app.seen_by(viewer.unwrap_or_default())))
    }
}

/// The named parts of a path.
#[derive(Debug)]
pub(crate) struct PathOf<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for PathOf<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match Path::from_request_parts(parts, app).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(error) => {
                let problem = problem_of_path(&error);
                Err(Failure::invalid(format!("the path: {problem}")))
            }
        }
    }
}

/// What is wrong with a path, in words of ours.
fn problem_of_path(error: &PathRejection) -> String {
    let PathRejection::FailedToDeserializePathParams(error) = error else {
        return "it is not as expected".to_owned();
    };
    match error.kind() {
        ErrorKind::ParseErrorAtKey { key, value, .. } => {
            format!("{key} `{value}` is not as expected")
        }
        ErrorKind::DeserializeError {
            key,
            value,
            message,
        } => format!("{key} `{value}`: {message}"),
        ErrorKind::InvalidUtf8InPathParam { key } => format!("{key} is not UTF-8"),
        ErrorKind::Message(message) => message.clone(),
        _ => "it is not as expected".to_owned(),
    }
}

/// The reason of a failure behind those that only say where it was noticed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// What stands behind the question mark.
#[derive(Debug)]
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for QueryOf<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match Query::from_request_parts(parts, app).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => {
                let problem = innermost(&error);
                Err(Failure::invalid(format!("the query: {problem}")))
            }
        }
    }
}

/// A version of a dataset by its number, or the newest as `latest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VersionName(pub(crate) Option<u32>);

impl FromStr for VersionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self(None));
        }
        let number = text.parse().ok().filter(|number| *number > 0);
        number.map(|number| Self(Some(number))).ok_or_else(|| {
            format!("`{text}` is no version; expected is a number from 1 on, or `latest`")
        })
    }
}

impl<'de> Deserialize<'de> for VersionName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_from_1_on_or_the_latest() {
        assert_eq!("latest".parse(), Ok(VersionName(None)));
        assert_eq!("3".parse(), Ok(VersionName(Some(3))));
        for bad in ["0", "-1", "", "4294967296", "Latest", "1.5"] {
            let error = bad.parse::<VersionName>().unwrap_err();
            assert!(error.contains("a number from 1 on"), "{error}");
        }
    }
}

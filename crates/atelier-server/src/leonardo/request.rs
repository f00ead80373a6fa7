//! Parts of requests, as the clients write them.

use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};

use super::me::USER;
use super::refusal::{Refusal, Result};
use crate::app::App;
use crate::extract::JsonOf;

/// The longest value that a failure repeats.
const TOLD_CHARS: usize = 100;

/// A JSON document. Keys that nobody knows are passed over, since newer clients send more of them.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let JsonOf(value) = JsonOf::from_request(request, app).await?;
        Ok(Self(value))
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

/// The one user that there is, named in a path.
#[derive(Debug)]
pub(super) struct User;

impl FromRequestParts<App> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Id(user) = Id::<String>::from_request_parts(parts, app).await?;
        if user == USER {
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

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let host = parts.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let host = host.ok_or_else(|| Refusal::invalid("the request names no host"))?;
        Ok(Self(format!("http://{host}")))
    }
}

/// A whole number, also one that is written as `7.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(pub(super) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(from)?;
        let is_exact = |value: &f64| value.fract() == 0.0 && value.abs() < 9e15;
        let value = number.as_i64();
        let value = value.or_else(|| number.as_f64().filter(is_exact).map(|value| value as i64));
        let wrong = || de::Error::custom(format!("`{number}`, expected is a whole number"));
        value.map(Self).ok_or_else(wrong)
    }
}

impl Whole {
    /// The number where it lies in a range.
    pub(super) fn within(self, name: &str, (least, most): (i64, i64)) -> Result<usize> {
        let value = (least..=most).contains(&self.0).then_some(self.0);
        let value = value.and_then(|value| usize::try_from(value).ok());
        value.ok_or_else(|| {
            let message = format!("`{name}` must lie between {least} and {most}");
            Refusal::invalid(message)
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_may_have_a_point() {
        let read = |text: &str| {
            serde_json::from_str::<Whole>(text)
                .ok()
                .map(|whole| whole.0)
        };
        assert_eq!(
            (read("7"), read("7.0"), read("-1.0")),
            (Some(7), Some(7), Some(-1))
        );
        for text in ["7.5", "\"7\"", "1e300", "null", "true"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

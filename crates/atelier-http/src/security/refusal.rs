//! Refusals before a handler is asked, in the form in which each API answers failures.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::is_below;
use crate::answer::Failure;

/// The answer to a request at this path.
pub fn refused(path: &str, failure: Failure) -> Response {
    let (_, status, message) = failure.about();
    let body = if is_below(path, "/api/rest") {
        let code = match status {
            StatusCode::UNAUTHORIZED => "invalid-token",
            StatusCode::FORBIDDEN => "access-denied",
            StatusCode::NOT_FOUND => "not-found",
            StatusCode::TOO_MANY_REQUESTS => "rate-limited",
            status if status.is_client_error() => "bad-request",
            _ => "unexpected",
        };
        json!({"error": message, "path": "$", "code": code})
    } else if is_below(path, "/sdapi") {
        let (code, _, _) = failure.about();
        json!({"error": code.name(), "detail": message, "body": "", "errors": ""})
    } else {
        return failure.into_response();
    };
    failure.respond(body)
}

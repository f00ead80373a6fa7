//! What goes wrong while a body comes in.

use axum::http::StatusCode;

use super::steady::TooSlow;
use crate::answer::Failure;

/// What is told of a client that was waited for long enough.
pub fn too_slow() -> Failure {
    let message = "the request's body came too slowly, or its end did not come";
    Failure::invalid(message).with_status(StatusCode::REQUEST_TIMEOUT)
}

/// A body that breaks off, or is not what it should be.
pub fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    Failure::invalid(format!("the request's body cannot be read: {error}"))
}

/// Whether a body failed since it came too slowly.
pub fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

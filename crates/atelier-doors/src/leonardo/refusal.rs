//! Failures in the shape of the other house: `{"error", "path", "code"}`.

use atelier_core::ErrorCode;
use atelier_jobs::Error as JobsError;
use atelier_server::door::Failure;
use atelier_store::{Error as StoreError, ModelId};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The result of a handler.
pub(super) type Result<T, E = Refusal> = std::result::Result<T, E>;

/// A request that is not answered as it was meant.
#[derive(Debug)]
pub(super) struct Refusal(Failure);

impl Refusal {
    /// A value of the request is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self(Failure::invalid(message))
    }

    /// Nothing is there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self(Failure::not_found(message))
    }

    /// The same, with what can be done where a model is not there: it may be one of the other house that nobody here knows yet.
    pub(super) fn or_unmapped(self, model: ModelId) -> Self {
        if self.0.about().0 != ErrorCode::NotFound {
            return self;
        }
        Self::not_found(format!(
            "there is no model `{model}`, and no base stands for it; the owner of this studio can set one for it in the settings"
        ))
    }

    /// Something else is going on with the same thing.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self(Failure::new(ErrorCode::Conflict, message))
    }

    /// Another method than an address takes.
    pub(super) fn wrong_method() -> Self {
        let failure = Failure::invalid("this address does not take this method");
        Self(failure.with_status(StatusCode::METHOD_NOT_ALLOWED))
    }

    /// Something that this studio does not do. No client asks for it again by itself.
    pub(super) fn not_supported(what: &str) -> Self {
        let message = format!("this studio has no {what}");
        Self(Failure::invalid(message).with_status(StatusCode::NOT_IMPLEMENTED))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (_, status, message) = self.0.about();
        let code = match status {
            StatusCode::BAD_REQUEST => "bad-request",
            StatusCode::FORBIDDEN => "access-denied",
            StatusCode::NOT_FOUND => "not-found",
            StatusCode::CONFLICT => "conflict",
            StatusCode::PAYLOAD_TOO_LARGE => "too-large",
            StatusCode::UNPROCESSABLE_ENTITY => "unprocessable",
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "busy",
            StatusCode::NOT_IMPLEMENTED => "not-supported",
            status if status.is_client_error() => "bad-request",
            _ => "unexpected",
        };
        let body = json!({"error": message, "path": "$", "code": code});
        self.0.respond(body)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl From<JobsError> for Refusal {
    fn from(error: JobsError) -> Self {
        Self(error.into())
    }
}

/// What is wrong with a value.
impl From<String> for Refusal {
    fn from(problem: String) -> Self {
        Self::invalid(problem)
    }
}

//! Failures in the shape of the other house: what matters is `detail`.

use atelier_core::ErrorCode;
use atelier_jobs::Error as JobsError;
use atelier_server::door::Failure;
use atelier_store::{Error as StoreError, Job};
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
        Self(Failure::invalid(message).with_status(StatusCode::UNPROCESSABLE_ENTITY))
    }

    /// Nothing is there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self(Failure::not_found(message))
    }

    /// Something that this studio does not do. No client asks for it again by itself.
    pub(super) fn not_supported(what: &str) -> Self {
        let message = format!("this studio has no {what}");
        Self(Failure::invalid(message).with_status(StatusCode::NOT_IMPLEMENTED))
    }

    /// Another method than an address takes.
    pub(super) fn wrong_method() -> Self {
        let failure = Failure::invalid("this address does not take this method");
        Self(failure.with_status(StatusCode::METHOD_NOT_ALLOWED))
    }

    /// A job failed.
    pub(super) fn of_job(job: &Job) -> Self {
        let named = |code: &&ErrorCode| Some(code.name()) == job.error_code.as_deref();
        let code = ErrorCode::ALL.iter().find(named).copied();
        let problem = job.problem.as_deref().unwrap_or("the drawing failed");
        Self(Failure::new(code.unwrap_or(ErrorCode::Internal), problem))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (code, _, message) = self.0.about();
        let body = json!({"error": code.name(), "detail": message, "body": "", "errors": ""});
        self.0.respond(body)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let (_, status, _) = failure.about();
        // There, values that cannot be used are answered so.
        match status {
            StatusCode::BAD_REQUEST => Self(failure.with_status(StatusCode::UNPROCESSABLE_ENTITY)),
            _ => Self(failure),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Failure::from(error).into()
    }
}

impl From<JobsError> for Refusal {
    fn from(error: JobsError) -> Self {
        Failure::from(error).into()
    }
}

/// What is wrong with a value.
impl From<String> for Refusal {
    fn from(problem: String) -> Self {
        Self::invalid(problem)
    }
}

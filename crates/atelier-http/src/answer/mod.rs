//! Answers: values as JSON, and failures with the status and the words that fit an API.

pub mod coding;
pub mod disposition;
pub mod etag;
pub mod file;

use std::time::Duration;

use atelier_core::{BoxedError, Coded, ErrorCode};
use atelier_jobs::Error as JobsError;
use atelier_store::Error as StoreError;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The result of a handler.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A value as the body of an answer.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => {
                let kind = HeaderValue::from_static("application/json");
                let mut response = Body::from(bytes).into_response();
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            Err(error) => Failure::internal(error).into_response(),
        }
    }
}

/// A request that is not answered as it was meant.
#[derive(Debug)]
pub struct Failure(Box<About>);

/// What there is to say about it.
#[derive(Debug)]
struct About {
    code: ErrorCode,
    status: StatusCode,
    message: String,
    hint: &'static str,
    details: Value,
    /// What only the person at the server is told.
    cause: Option<String>,
    /// After how many seconds it may be tried again.
    retry_secs: Option<u64>,
}

/// In the extensions of a response: what only the person at the server is told.
#[derive(Debug, Clone)]
pub struct Cause(pub String);

/// How every failure is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureBody {
    /// What went wrong.
    pub error: FailureAbout,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureAbout {
    /// A stable name for the kind of failure; docs/reference/errors.md lists them.
    #[schema(schema_with = code_schema)]
    pub code: &'static str,
    /// What failed and on what, for people.
    pub message: String,
    /// What can be done about it.
    pub hint: &'static str,
    /// Values from the message, for programs. Which they are follows from the code; often there are none.
    #[schema(value_type = Object)]
    pub details: Value,
}

fn code_schema() -> utoipa::openapi::schema::Object {
    let names = ErrorCode::ALL.iter().map(|code| code.name());
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .enum_values(Some(names))
        .build()
}

impl Failure {
    /// One with the status and the hint of its code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(About {
            code,
            status: status_of(code),
            message: message.into(),
            hint: hint_of(code),
            details: json!({}),
            cause: None,
            retry_secs: None,
        }))
    }

    /// A value of the request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidInput, message)
    }

    /// Nothing is there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// Nobody was recognised where somebody has to be.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unauthenticated, message)
    }

    /// Something was tried too often; it may be tried again after so long.
    pub fn too_often(message: impl Into<String>, wait: Duration) -> Self {
        let mut failure = Self::new(ErrorCode::RateLimited, message);
        // Whoever comes a moment too early is refused again.
        let secs = wait.as_millis().div_ceil(1000).max(1);
        failure.0.retry_secs = Some(u64::try_from(secs).unwrap_or(u64::MAX));
        failure
    }

    /// A defect. The reason goes to the person at the server only.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let message = "the server stopped at a condition that it never expects";
        Self::new(ErrorCode::Internal, message).because(cause)
    }

    /// Reading or writing failed. The reason names files, so it goes to the person at the server only.
    pub fn io(cause: impl std::fmt::Display) -> Self {
        let message = "the server cannot read or write its files";
        Self::new(ErrorCode::Io, message).because(cause)
    }

    /// There is no room for more. The reason names files, as that of [`Self::io`] does.
    pub fn full(cause: impl std::fmt::Display) -> Self {
        let failure = Self::new(ErrorCode::Io, "the studio's disk is full");
        let failure = failure.with_status(StatusCode::INSUFFICIENT_STORAGE);
        failure.because(cause)
    }

    /// The same with another status, where HTTP has a better one than the code.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The same with values for programs.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    fn with_hint(mut self, hint: &'static str) -> Self {
        self.0.hint = hint;
        self
    }

    fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// What went wrong, as a code, a status and words.
    pub fn about(&self) -> (ErrorCode, StatusCode, &str) {
        (self.0.code, self.0.status, &self.0.message)
    }

    /// What is answered, as every failure is.
    pub fn body(&self) -> FailureBody {
        FailureBody {
            error: FailureAbout {
                code: self.0.code.name(),
                message: self.0.message.clone(),
                hint: self.0.hint,
                details: self.0.details.clone(),
            },
        }
    }

    /// The answer with a body of the caller's own form.
    pub fn respond(self, body: impl Serialize) -> Response {
        let mut response = (self.0.status, Json(body)).into_response();
        let headers = response.headers_mut();
        let busy_secs = (self.0.status == StatusCode::SERVICE_UNAVAILABLE).then_some(2);
        if let Some(secs) = self.0.retry_secs.or(busy_secs) {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(cause) = self.0.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = self.body();
        self.respond(body)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        match error {
            // The words of these and the last ones name files of this machine.
            error if error.is_full() => Self::full(message),
            StoreError::Conflict {
                newest, expected, ..
            } => Self::new(code, message)
                .with_details(json!({"newest": newest, "expected": expected})),
            StoreError::NoVersion { newest, number, .. } => {
                Self::new(code, message).with_details(json!({"newest": newest, "number": number}))
            }
            StoreError::Trashed { what, name } => {
                let message = format!("{what} `{name}` is in the trash");
                Self::new(code, message).with_hint("restore it first")
            }
            StoreError::Busy { .. } => {
                let message = "another process is changing the library";
                Self::new(ErrorCode::Busy, message).because(error)
            }
            StoreError::NotFound { .. }
            | StoreError::NoCheckpoint { .. }
            | StoreError::RunInUse { .. }
            | StoreError::RunNotInUse { .. }
            | StoreError::RunQueued { .. }
            | StoreError::JobNotSo { .. }
            | StoreError::Exists { .. }
            | StoreError::NotOwn { .. }
            | StoreError::ReadOnly
            | StoreError::LastOwner { .. }
            | StoreError::Invalid { .. }
            | StoreError::Pictures(_)
            | StoreError::DamagedBlob { .. } => Self::new(code, message),
            StoreError::Superseded { .. } => {
                Self::new(code, "another attempt took the place of this one").because(message)
            }
            StoreError::File(_) => match code {
                ErrorCode::Io => Self::io(message),
                code => Self::new(code, "a file of the library cannot be used").because(message),
            },
            StoreError::Catalogue { .. }
            | StoreError::Full { .. }
            | StoreError::Query(_)
            | StoreError::Io(_) => Self::io(message),
            StoreError::DamagedCatalogue { .. }
            | StoreError::LostCatalogue { .. }
            | StoreError::OtherCatalogue { .. }
            | StoreError::OldCatalogue { .. }
            | StoreError::NoLibrary { .. } => {
                let told = "the library cannot be used as it is";
                Self::new(code, told).because(message)
            }
            // No request makes a backup, and what one says names a folder of this machine.
            StoreError::Incomplete { .. } | StoreError::Cancelled | StoreError::Stopped { .. } => {
                Self::internal(message)
            }
        }
    }
}

/// What the queue says.
impl From<JobsError> for Failure {
    fn from(error: JobsError) -> Self {
        match error {
            JobsError::Library(error) => error.into(),
            JobsError::Invalid { .. } => Self::invalid(error.to_string()),
            JobsError::ShutDown => Self::new(ErrorCode::Busy, error.to_string()),
            // Their words name files of this machine.
            error if error.is_full() => Self::full(error),
            JobsError::Io(_) => Self::io(error),
            _ => Self::internal(error),
        }
    }
}

/// What those who know networks say.
impl From<BoxedError> for Failure {
    fn from(error: BoxedError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        match code {
            ErrorCode::InvalidInput
            | ErrorCode::DatasetEmpty
            | ErrorCode::AdapterMismatch
            | ErrorCode::NotFound
            | ErrorCode::NotEnoughMemory
            | ErrorCode::Device => Self::new(code, message),
            // Their words name files of this machine.
            ErrorCode::Io => Self::io(message),
            ErrorCode::Internal => Self::internal(message),
            _ => Self::new(code, "the base cannot be used as it is").because(message),
        }
    }
}

/// The one table of statuses.
fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorCode::DatasetEmpty
        | ErrorCode::BadPicture
        | ErrorCode::BadWeights
        | ErrorCode::BadBase
        | ErrorCode::AdapterMismatch
        | ErrorCode::NotEnoughMemory
        | ErrorCode::CannotResume => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::AccessDenied | ErrorCode::Network | ErrorCode::BadDownload => {
            StatusCode::BAD_GATEWAY
        }
        ErrorCode::DamagedLibrary
        | ErrorCode::OtherLibrary
        | ErrorCode::LossNotFinite
        | ErrorCode::PictureNotFinite
        | ErrorCode::Device
        | ErrorCode::AddressInUse
        | ErrorCode::Io
        | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The hint of a code, in the words of an API where the table's are those of a command line.
fn hint_of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidInput => "correct the value; /api/v1/openapi.json says what is accepted",
        ErrorCode::NotFound => "check the address; the list it belongs to shows what exists",
        ErrorCode::DatasetEmpty => "add PNG, JPEG, WebP, GIF or BMP pictures",
        ErrorCode::BadPicture => "use another picture",
        ErrorCode::Io => "check the free space and the permissions of the studio's folder",
        ErrorCode::Internal => {
            "this is a defect of the program; please report it with the request that led to it"
        }
        ErrorCode::NotEnoughMemory => {
            "use smaller pictures, a smaller batch, recompute `layer` or precision `int8`"
        }
        code => code.hint(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_files_of_this_machine_is_not_answered() {
        let path = std::path::PathBuf::from("/home/somebody/atelier.db");
        for error in [
            StoreError::Busy { path: path.clone() },
            StoreError::Stopped { path: path.clone() },
            StoreError::Io(std::io::Error::other("no space in /home/somebody")),
            StoreError::Full {
                action: "change",
                path: path.clone(),
            },
            StoreError::DamagedCatalogue {
                path: path.clone(),
                problem: String::new(),
            },
            StoreError::NoLibrary { home: path.clone() },
        ] {
            let failure = Failure::from(error).0;
            assert!(!failure.message.contains("somebody"), "{failure:?}");
            assert!(failure.cause.unwrap().contains("somebody"));
        }
    }

    #[test]
    fn every_code_has_a_status_that_says_whose_mistake_it_is() {
        for &code in ErrorCode::ALL {
            let status = status_of(code);
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{code:?}"
            );
        }
    }
}

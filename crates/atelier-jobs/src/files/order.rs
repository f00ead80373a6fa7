//! What an attempt is told, and what it says on its way.

use atelier_core::{JobKind, Progress};
use atelier_store::{JobId, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of all files of an attempt.
pub(crate) const VERSION: u32 = 1;

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Version of the form.
    pub version: u32,
    /// The job.
    pub job: JobId,
    /// The number of the attempt.
    pub attempt: u32,
    /// The attempt's name outside the library.
    pub token: String,
    /// What kind of work it is.
    pub kind: JobKind,
    /// The run to train.
    pub run: Option<RunId>,
    /// A [`TrainingRequest`](crate::TrainingRequest) or a [`GenerationRequest`](crate::GenerationRequest).
    pub request: Value,
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the form.
    pub version: u32,
    /// The worker's process, for people; nothing is decided by it.
    pub process: u32,
    /// Where the work stands.
    pub progress: Progress,
    /// When its current stretch began, in milliseconds since the Unix epoch.
    pub phase_began_ms: i64,
    /// When this was said.
    pub reported_ms: i64,
}

/// Why an attempt cannot do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// A word of [`atelier_core::ErrorCode`].
    pub code: String,
    /// What happened.
    pub message: String,
    /// What a person can do about it.
    pub hint: String,
}

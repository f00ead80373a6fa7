//! What the queue does, where an entry of it stands, and what is wanted of one that is running.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// It trains a run.
    Training,
    /// It draws pictures.
    Generation,
}

closed_choice!(JobKind, "kind of job", {
    Training => "training",
    Generation => "generation",
});

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// An attempt at it is under way.
    Running,
    /// It was stopped by the user, and goes on when they say so.
    Paused,
    /// Its result is in the library.
    Completed,
    /// It cannot be done as it is.
    Failed,
    /// The user does not want it any more.
    Cancelled,
}

closed_choice!(JobState, "state of a job", {
    Queued => "queued",
    Running => "running",
    Paused => "paused",
    Completed => "completed",
    Failed => "failed",
    Cancelled => "cancelled",
});

impl JobState {
    /// Whether it is neither done nor given up.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Paused)
    }
}

/// What is wanted of a job that is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobWish {
    /// To stop, and to go on later.
    Pause,
    /// To stop for good.
    Cancel,
}

closed_choice!(JobWish, "wish", {
    Pause => "pause",
    Cancel => "cancel",
});

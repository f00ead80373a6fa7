//! Where a run stands.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It has not begun.
    Waiting,
    /// A process works on it.
    Running,
    /// It was stopped, or its process ended; it can go on from its newest checkpoint.
    Stopped,
    /// Its last epoch is done.
    Completed,
    /// It cannot go on as it is.
    Failed,
}

closed_choice!(RunState, "state", {
    Waiting => "waiting",
    Running => "running",
    Stopped => "stopped",
    Completed => "completed",
    Failed => "failed",
});

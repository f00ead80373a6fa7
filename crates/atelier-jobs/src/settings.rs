//! What a queue is made of, and the numbers that it keeps to.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use atelier_core::Clock;
use atelier_store::Library;

use crate::executor::Executor;

/// How much memory new work can take, where that is known.
pub type FreeBytes = Arc<dyn Fn() -> Option<u64> + Send + Sync>;
/// Where remarks go that only the person at the server should read.
pub type Note = Arc<dyn Fn(&dyn Display) + Send + Sync>;

/// Numbers that a queue keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After so many attempts in a row that ended without a word and got no further, a job has failed.
    pub most_fruitless: u32,
    /// After so many attempts in a row that a matter of the moment ended, such as a full disk, a job has failed.
    pub most_refused: u32,
    /// Time between two looks while something runs, and while nothing does.
    pub tick: Duration,
    /// The latter.
    pub idle_tick: Duration,
    /// Time until something is begun or published again after it could not be; for one job it doubles each time.
    pub rest: Duration,
    /// Ended jobs that are shown.
    pub most_ended: usize,
    /// Bytes of a log that are read.
    pub log_bytes: u64,
    /// Bytes of a log that stand in the problem of a job.
    pub problem_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            most_fruitless: 3,
            most_refused: 8,
            tick: Duration::from_millis(100),
            idle_tick: Duration::from_millis(500),
            rest: Duration::from_secs(5),
            most_ended: 100,
            log_bytes: 256 << 10,
            problem_bytes: 2 << 10,
        }
    }
}

/// Places at which a test stops a supervisor, as a power cut would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakpoint {
    /// An attempt is noted.
    Noted,
    /// And no earlier one may give results.
    Fenced,
    /// And it is begun.
    Submitted,
    /// An attempt is done, and nothing of it published.
    BeforePublishing,
    /// Its result is published, and nothing tidied up.
    Published,
}

/// What a queue is made of.
pub struct Settings {
    /// The library that it works for.
    pub library: Library,
    /// Runs its attempts.
    pub executor: Box<dyn Executor>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How much memory is free.
    pub free_bytes: FreeBytes,
    /// Where remarks go.
    pub note: Note,
    /// Numbers that it keeps to.
    pub limits: Limits,
    /// Whether to stop at a place; for tests.
    pub stops_at: Option<Box<dyn Fn(Breakpoint) -> bool + Send>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut settings = f.debug_struct("Settings");
        settings
            .field("library", &self.library)
            .finish_non_exhaustive()
    }
}

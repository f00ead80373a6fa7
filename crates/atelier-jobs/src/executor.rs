//! The seam to whatever runs attempts: processes of this machine today, a cluster's jobs tomorrow.

use std::path::PathBuf;

use atelier_store::JobId;

use crate::error::Result;
use crate::files::AttemptFiles;

/// An attempt, as executors know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The job.
    pub job: JobId,
    /// The number of the attempt.
    pub attempt: u32,
    /// Its name outside the library, which no other attempt has: by it the attempt is found again after a crash.
    pub token: String,
    /// The folder of the job.
    pub folder: PathBuf,
}

impl Ticket {
    /// The attempt's files.
    pub fn files(&self) -> AttemptFiles {
        AttemptFiles::of(&self.folder, self.attempt)
    }
}

/// What an executor knows of an attempt. It is a hint: what the attempt wrote decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was never submitted.
    Unknown,
    /// Something works on it, or is about to.
    Alive,
    /// Nothing works on it any more; the exit status, where that is known: of a process that a signal ended, 128 and its
    /// number, as shells say it.
    Ended(Option<i32>),
}

/// The exit status of what was killed, as the system kills when its memory runs out.
pub const KILLED: i32 = 128 + 9;

/// Runs attempts.
pub trait Executor: Send {
    /// Begins an attempt whose order is written. One that was submitted before and lives is not begun again.
    ///
    /// # Errors
    /// When nothing was begun.
    fn submit(&mut self, ticket: &Ticket) -> Result<()>;

    /// What is known of attempts, also of such that another process submitted; one answer for each ticket, in order.
    fn poll(&mut self, tickets: &[Ticket]) -> Vec<Standing>;

    /// Asks an attempt to save what it has and stop at its next step. One that ended is not harmed.
    fn cancel(&mut self, ticket: &Ticket) -> Result<()>;

    /// The end of what an attempt said.
    fn log(&self, ticket: &Ticket, most_bytes: u64) -> Result<String>;
}

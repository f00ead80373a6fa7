//! What can go wrong with the queue.

use std::io;
use std::path::PathBuf;

use atelier_core::{Coded, ErrorCode};
use atelier_store::JobId;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the queue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library refused.
    #[error(transparent)]
    Library(#[from] atelier_store::Error),
    /// Another process has the queue.
    #[error("the queue of `{}` is another process's, such as another `atelier serve`; use that one, or stop it first", home.display())]
    Supervised {
        /// The folder of jobs.
        home: PathBuf,
    },
    /// Another attempt has the job.
    #[error("attempt {attempt} at job `{job}` may give no result: attempt {now} has begun")]
    Superseded {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// The attempt that may.
        now: u32,
    },
    /// Another process works on the same attempt.
    #[error("another process works on attempt {attempt} at job `{job}`")]
    InUse {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
    },
    /// A file of an attempt cannot be read.
    #[error("cannot read `{}`: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// What an attempt left is not what it says.
    #[error("`{}` is not what its attempt says it wrote: {problem}", path.display())]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// What is different.
        problem: String,
    },
    /// A request cannot be accepted.
    #[error("{what}: {problem}")]
    Invalid {
        /// What of the request, such as `adapters`.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The queue is being shut down.
    #[error("the queue is being shut down and accepts nothing more")]
    ShutDown,
    /// A breakpoint of a test stopped the supervisor.
    #[error("stopped at a breakpoint")]
    Stopped,
    /// The system refused; its words name the file.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// Whether the same may go well at another time, without anybody changing the job.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.code(), ErrorCode::Io | ErrorCode::Conflict)
    }

    /// Whether the disk is full, which no other job gets around either.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Library(error) => error.is_full(),
            Self::Io(error) => atelier_store::Error::is_without_room(error),
            _ => false,
        }
    }
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Library(error) => error.code(),
            Self::Supervised { .. } | Self::Superseded { .. } | Self::InUse { .. } => {
                ErrorCode::Conflict
            }
            Self::Invalid { .. } => ErrorCode::InvalidInput,
            Self::ShutDown => ErrorCode::Busy,
            Self::Unreadable { .. } | Self::OtherContent { .. } | Self::Stopped => {
                ErrorCode::Internal
            }
            Self::Io(_) => ErrorCode::Io,
        }
    }
}

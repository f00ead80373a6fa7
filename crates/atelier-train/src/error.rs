//! What can go wrong in a training.

use std::path::PathBuf;

use atelier_core::{BoxedError, Coded, ErrorCode};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A training cannot start, cannot go on, or cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings have invalid values.
    #[error("invalid settings: {}", problems.join("; "))]
    Settings {
        /// Every problem.
        problems: Vec<String>,
    },
    /// The pictures cannot be used.
    #[error(transparent)]
    Data(#[from] atelier_data::Error),
    /// The base cannot be used.
    #[error(transparent)]
    Base(#[from] atelier_diffusion::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    Weights(#[from] atelier_weights::Error),
    /// The folder holds another run.
    #[error("`{}` already holds a run; continue it with --resume or give another folder", path.display())]
    OutTaken {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds a file of something else that a run would write over.
    #[error(
        "`{}` has a file `{}` that no run wrote; move it away or give another folder",
        out.display(),
        path.file_name().unwrap_or_default().display()
    )]
    FileTaken {
        /// The folder.
        out: PathBuf,
        /// The file.
        path: PathBuf,
    },
    /// The run in the folder was made from other inputs.
    #[error("the run in `{}` has another {what}: it was {recorded}, now it is {given}", path.display())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: String,
        /// The value in the record.
        recorded: String,
        /// The value now.
        given: String,
    },
    /// Another process works in the folder.
    #[error("another process is training in `{}`", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Another attempt at the same work took the place of this one, which wrote nothing since.
    #[error("another attempt took the place of this one: {0}")]
    Superseded(BoxedError),
    /// All checkpoints are damaged.
    #[error("no checkpoint in `{}` can be used: {}", path.display(), damaged.join("; "))]
    NoWholeCheckpoint {
        /// The folder.
        path: PathBuf,
        /// What is wrong with each.
        damaged: Vec<String>,
    },
    /// The record of a run cannot be read.
    #[error("the record `{}` cannot be read: {problem}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The run cannot fit, whatever is computed again.
    #[error(
        "this training needs about {:.1} GB of memory, {:.1} GB {whose}",
        *needed_bytes as f64 / 1e9,
        *free_bytes as f64 / 1e9
    )]
    Memory {
        /// The least that it needs.
        needed_bytes: u64,
        /// What there is for it.
        free_bytes: u64,
        /// Where that is: `are free`, or `can be taken of the device`.
        whose: &'static str,
    },
    /// Loss or gradient is not a finite number.
    #[error("the {what} is {value} at step {step} (epoch {epoch}), on {pictures}")]
    LossNotFinite {
        /// The step, counted from 1.
        step: u64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// `loss` or `gradient`.
        what: &'static str,
        /// The value.
        value: f64,
        /// The pictures with such a loss, or all of the step.
        pictures: String,
    },
    /// A preview cannot be written.
    #[error("cannot write a preview: {0}")]
    Preview(BoxedError),
    /// A file system operation failed.
    #[error("cannot write the run: {0}")]
    Io(#[from] std::io::Error),
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Settings { .. } | Self::OutTaken { .. } | Self::FileTaken { .. } => {
                ErrorCode::InvalidInput
            }
            Self::InUse { .. } => ErrorCode::Conflict,
            Self::Data(source) => source.code(),
            Self::Base(source) => source.code(),
            // What was trained grew too large to be written.
            Self::Weights(atelier_weights::Error::Overflow { .. }) | Self::LossNotFinite { .. } => {
                ErrorCode::LossNotFinite
            }
            Self::Weights(source) => source.code(),
            Self::OtherRun { .. } | Self::Record { .. } | Self::NoWholeCheckpoint { .. } => {
                ErrorCode::CannotResume
            }
            Self::Superseded(source) | Self::Preview(source) => source.code(),
            Self::Memory { .. } => ErrorCode::NotEnoughMemory,
            Self::Io(_) => ErrorCode::Io,
        }
    }
}

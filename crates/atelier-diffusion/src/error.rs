//! What can go wrong between a base folder and a picture.

use std::path::PathBuf;

use atelier_adapters::Misfit;
use atelier_core::{Coded, ErrorCode, Seed};
use atelier_nn::ParamError;

use crate::prompt::PromptError;
use crate::schedule::ScheduleError;
use crate::tokenizer::TokenizerError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A base cannot be loaded, an adapter does not fit, or a request cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the base cannot be read.
    #[error(transparent)]
    Weights(#[from] atelier_weights::Error),
    /// Packed weights cannot be written.
    #[error(transparent)]
    Packed(std::io::Error),
    /// The tokenizer's files cannot be read.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A prompt cannot be drawn as it is written.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The noise schedule is not one that this program knows.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A part's weights do not fit its configuration.
    #[error("part `{part}` of base `{}` does not fit its configuration: {source}", base.display())]
    Part {
        /// The base folder.
        base: PathBuf,
        /// Such as `unet`.
        part: &'static str,
        /// What does not fit.
        source: ParamError,
    },
    /// A configuration value is missing or of the wrong kind.
    #[error("configuration of `{part}`: `{key}` {problem}")]
    Config {
        /// Such as `unet`.
        part: &'static str,
        /// The key in `config.json`.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder holds another kind of model.
    #[error("base `{}` is a `{class}`, this program reads StableDiffusionPipeline folders", path.display())]
    UnknownFamily {
        /// The base folder.
        path: PathBuf,
        /// Its `_class_name`.
        class: String,
    },
    /// An adapter names layers that the base does not have, or has them in other sizes.
    #[error(
        "adapter `{}` does not fit the base: {problem}",
        path.display()
    )]
    AdapterMismatch {
        /// The adapter file.
        path: PathBuf,
        /// What does not fit.
        problem: Box<Misfit>,
    },
    /// The networks gave values that are not numbers.
    #[error("the picture of seed {seed} has values that are not finite numbers")]
    NotFinite {
        /// The seed.
        seed: Seed,
    },
    /// A request has values that cannot be drawn.
    #[error("{0}")]
    Request(String),
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Weights(source) => source.code(),
            Self::Packed(_) => ErrorCode::Io,
            Self::Tokenizer(source) => source.code(),
            Self::Schedule(source) => source.code(),
            Self::Part { source, .. } => source.code(),
            Self::Config { .. } | Self::UnknownFamily { .. } => ErrorCode::BadBase,
            Self::AdapterMismatch { .. } => ErrorCode::AdapterMismatch,
            Self::NotFinite { .. } => ErrorCode::PictureNotFinite,
            Self::Prompt(source) => source.code(),
            Self::Request(_) => ErrorCode::InvalidInput,
        }
    }
}

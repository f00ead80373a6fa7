//! The seams between plain data and compute: who trains and who draws.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{BoxedError, GenerateRequest, Recompute, RunContext, Seed, StartPixels, TrainConfig};

/// What to train, on what, where to.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// A folder of pictures with captions.
    pub dataset: PathBuf,
    /// A base model: a folder or a single file.
    pub base: PathBuf,
    /// The name under which the base is known, for the record and the adapter's metadata.
    pub base_name: String,
    /// Where the run's files go.
    pub out: PathBuf,
    /// Continue from the newest complete checkpoint in `out`.
    pub resume: bool,
    /// Leave unusable pictures out instead of refusing.
    pub skip_bad: bool,
    /// The settings.
    pub config: TrainConfig,
}

/// How a piece of work ended when it did not fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome<T> {
    /// It ran to its end.
    Completed(T),
    /// It was asked to stop, and saved what it had.
    Cancelled {
        /// Steps finished and saved.
        completed_steps: u64,
    },
}

/// What a finished training left behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    /// The adapter file.
    pub adapter: PathBuf,
    /// Adapter files of the epochs that were kept, with their epoch, in order.
    pub checkpoints: Vec<(usize, PathBuf)>,
    /// The folders of previews, with their epoch, in order.
    pub previews: Vec<(usize, PathBuf)>,
    /// Loss of every step, in order.
    pub losses: Vec<f32>,
    /// Number of pictures trained on.
    pub pictures: usize,
    /// Pictures left out, each with the reason.
    pub skipped: Vec<String>,
    /// Things worth telling, such as damaged checkpoints that were passed over.
    pub notes: Vec<String>,
    /// What backward passes computed again.
    pub recompute: Recompute,
    /// The memory that was planned for, in bytes.
    pub planned_peak_bytes: u64,
    /// Training steps of this call.
    pub trained_steps: u64,
    /// Seconds spent in training steps of this call.
    pub training_secs: f64,
    /// Seconds spent drawing previews in this call.
    pub preview_secs: f64,
    /// How many pictures were drawn in them.
    pub preview_pictures: u64,
}

/// One drawn picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width * height * 3` bytes, sRGB, rows from the top.
    pub rgb: Vec<u8>,
    /// The seed that it was drawn from.
    pub seed: Seed,
}

/// Trains adapters.
pub trait Trainer: Send + Sync {
    /// Trains, or continues a training.
    fn train(
        &self,
        request: &TrainRequest,
        context: RunContext<'_>,
    ) -> Result<Outcome<TrainReport>, BoxedError>;
}

/// Draws pictures from one loaded base.
pub trait Generator: Send {
    /// Draws `request.count` pictures, in seed order. `start` holds the pixels of `request.start`.
    fn generate(
        &mut self,
        request: &GenerateRequest,
        start: Option<&StartPixels>,
        context: RunContext<'_>,
    ) -> Result<Outcome<Vec<Picture>>, BoxedError>;

    /// What is worth telling about the requests since the last call, such as words that did not fit.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}

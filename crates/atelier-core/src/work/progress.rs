//! What a long piece of work says about itself. One value feeds terminal, event stream and record.

use serde::{Deserialize, Serialize};

use crate::TrainingPictures;

/// The named stretches of a piece of work, in the order in which they usually come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Checking inputs.
    Preparing,
    /// Fetching files over the network; counted in bytes.
    Downloading,
    /// Reading the base model.
    LoadingBase,
    /// Encoding pictures and captions once.
    CachingLatents,
    /// Training steps.
    Training,
    /// Sampler steps of previews, between training steps.
    Previewing,
    /// Sampler steps.
    Generating,
    /// Writing files.
    Saving,
}

impl Phase {
    /// A label for a progress bar.
    pub fn label(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Downloading => "downloading",
            Self::LoadingBase => "loading base",
            Self::CachingLatents => "encoding pictures",
            Self::Training => "training",
            Self::Previewing => "drawing previews",
            Self::Generating => "drawing",
            Self::Saving => "saving",
        }
    }
}

/// Where a piece of work stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The current stretch.
    pub phase: Phase,
    /// Units finished in this stretch.
    pub done: u64,
    /// Units in this stretch.
    pub total: u64,
    /// Loss of the last training step.
    pub loss: Option<f32>,
}

/// Receives progress; must return quickly.
pub trait ProgressSink: Send + Sync {
    /// Takes note of where the work stands.
    fn report(&self, progress: Progress);

    /// Takes note of something that a person should know, as soon as it is known.
    fn note(&self, _note: &str) {}

    /// Takes note of the pictures that a training found, when it is planned and will begin.
    fn found(&self, _pictures: TrainingPictures) {}
}

/// A sink that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct SilentProgress;

impl ProgressSink for SilentProgress {
    fn report(&self, _progress: Progress) {}
}

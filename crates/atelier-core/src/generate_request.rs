//! What to draw. The same value is the command's flags, the API's body and the record inside the PNG.

use serde::{Deserialize, Serialize};

use crate::{AdapterUse, Precision, SamplerKind, Seed};

/// Everything that decides a picture, besides the base model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateRequest {
    /// What the picture shows.
    pub prompt: String,
    /// What the picture must not show.
    pub negative: String,
    /// Number of sampler steps, at least 1.
    pub steps: usize,
    /// Classifier-free guidance; 1 or less draws without it.
    pub guidance: f32,
    /// The sampler.
    pub sampler: SamplerKind,
    /// Seed of the first picture; the n-th uses `seed + n`.
    pub seed: Seed,
    /// Width in pixels; the base's own size when absent.
    pub width: Option<usize>,
    /// Height in pixels; the base's own size when absent.
    pub height: Option<usize>,
    /// Number of pictures.
    pub count: usize,
    /// How many last layers of the text encoder are skipped.
    pub clip_skip: usize,
    /// The arithmetic of the base.
    pub precision: Precision,
    /// Adapters and their strengths.
    pub adapters: Vec<AdapterUse>,
}

impl Default for GenerateRequest {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            negative: String::new(),
            steps: 30,
            guidance: 7.0,
            sampler: SamplerKind::default(),
            seed: Seed(0),
            width: None,
            height: None,
            count: 1,
            clip_skip: 0,
            precision: Precision::default(),
            adapters: Vec::new(),
        }
    }
}

//! What to draw. The same value is the command's flags, the API's body and the record inside the PNG.

use serde::{Deserialize, Serialize};

use crate::{
    AdapterUse, NoiseKind, Precision, PromptSyntax, SamplerKind, ScheduleKind, Seed, StartImage,
    VaeTiling,
};

/// Everything that decides a picture, besides the base model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateRequest {
    /// What the picture shows.
    pub prompt: String,
    /// What the second text encoder reads, in families that have one; the prompt when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_2: Option<String>,
    /// What the picture must not show. Absent is not the same as empty: some bases were trained to take zeros for it.
    pub negative: Option<String>,
    /// What the second text encoder reads of it; the negative prompt when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_2: Option<String>,
    /// Whether brackets in prompts have a meaning.
    pub prompt_syntax: PromptSyntax,
    /// Number of sampler steps, at least 1.
    pub steps: usize,
    /// Classifier-free guidance; 1 or less draws without it.
    pub guidance: f32,
    /// How far the guided prediction is brought back to the spread of the unguided one, 0 (not at all) to 1.
    pub guidance_rescale: f32,
    /// The sampler.
    pub sampler: SamplerKind,
    /// How its steps spread over the noise levels.
    pub schedule: ScheduleKind,
    /// Seed of the first picture; the n-th uses `seed + n`.
    pub seed: Seed,
    /// Whose random numbers the seed stands for.
    pub noise: NoiseKind,
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
    /// Whether the autoencoder works tile by tile.
    pub vae_tiling: VaeTiling,
    /// Adapters and their strengths.
    pub adapters: Vec<AdapterUse>,
    /// The picture that drawing starts from, where it does not start from noise alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<StartImage>,
}

impl GenerateRequest {
    /// Longest side in pixels of a picture that is drawn.
    pub const MAX_SIDE: usize = 4096;
}

impl Default for GenerateRequest {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            prompt_2: None,
            negative: None,
            negative_2: None,
            prompt_syntax: PromptSyntax::default(),
            steps: 30,
            guidance: 7.0,
            guidance_rescale: 0.0,
            sampler: SamplerKind::default(),
            schedule: ScheduleKind::default(),
            seed: Seed(0),
            noise: NoiseKind::default(),
            width: None,
            height: None,
            count: 1,
            clip_skip: 0,
            precision: Precision::default(),
            vae_tiling: VaeTiling::default(),
            adapters: Vec::new(),
            start: None,
        }
    }
}

//! What to draw, as requests say it and as jobs show it.

use atelier_core::{
    GenerateRequest, NoiseKind, Precision, PromptSyntax, SamplerKind, ScheduleKind, Seed,
    StartImage, VaeTiling,
};
use atelier_jobs::{GenerationRequest, ModelUse, StartUse, StartUsed};
use atelier_store::{ModelId, StartPictureId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Schema;

use crate::openapi::choices;
use crate::seed;

fn seed_schema() -> Schema {
    let what = "Seed of the first picture, from 0 to 2^64 - 1; the n-th uses `seed + n`.";
    seed::schema_of(what, Some(0))
}

/// What to draw. What is absent is as in `GenerateRequest`: 30 steps, guidance 7, seed 0, the base's own size, one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DrawingRequest {
    /// The name of the base; that of the first model, else the usual one, when absent.
    pub base: Option<String>,
    /// The models that take part.
    #[schema(max_items = 8)]
    pub models: Vec<UsedModel>,
    /// What the picture shows.
    #[schema(max_length = 10_000)]
    pub prompt: String,
    /// What the second text encoder reads, in families that have one; the prompt when absent.
    #[schema(max_length = 10_000)]
    pub prompt_2: Option<String>,
    /// What the picture must not show. Absent is not the same as empty.
    #[schema(max_length = 10_000)]
    pub negative: Option<String>,
    /// What the second text encoder reads of it; the negative prompt when absent.
    #[schema(max_length = 10_000)]
    pub negative_2: Option<String>,
    /// Whether brackets in prompts have a meaning.
    #[schema(schema_with = choices::prompt_syntax)]
    pub prompt_syntax: PromptSyntax,
    /// Number of sampler steps.
    #[schema(minimum = 1, maximum = 200)]
    pub steps: usize,
    /// Classifier-free guidance; 1 or less draws without it.
    #[schema(minimum = 0, maximum = 50)]
    pub guidance: f32,
    /// How far the guided prediction is brought back to the spread of the unguided one, 0 (not at all) to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub guidance_rescale: f32,
    /// The sampler.
    #[schema(schema_with = choices::sampler)]
    pub sampler: SamplerKind,
    /// How its steps spread over the noise levels.
    #[schema(schema_with = choices::schedule)]
    pub schedule: ScheduleKind,
    /// Seed of the first picture; the n-th uses `seed + n`.
    #[serde(deserialize_with = "seed::read")]
    #[schema(schema_with = seed_schema)]
    pub seed: Seed,
    /// Whose random numbers the seed stands for.
    #[schema(schema_with = choices::noise)]
    pub noise: NoiseKind,
    /// Width in pixels, a multiple of 8; when absent that of the start picture, else the base's own.
    #[schema(minimum = 8, maximum = 2048, multiple_of = 8)]
    pub width: Option<usize>,
    /// Height in pixels, a multiple of 8; when absent that of the start picture, else the base's own.
    #[schema(minimum = 8, maximum = 2048, multiple_of = 8)]
    pub height: Option<usize>,
    /// Number of pictures.
    #[schema(minimum = 1, maximum = 64)]
    pub count: usize,
    /// How many last layers of the text encoder are skipped.
    #[schema(minimum = 0, maximum = 11)]
    pub clip_skip: usize,
    /// The arithmetic of the base.
    #[schema(schema_with = choices::precision)]
    pub precision: Precision,
    /// Whether the autoencoder works tile by tile.
    #[schema(schema_with = choices::vae_tiling)]
    pub vae_tiling: VaeTiling,
    /// The picture that drawing starts from, where it does not start from noise alone.
    pub start: Option<StartWish>,
}

/// A picture to draw over. One of another shape than the drawing is cropped in the middle, and never stretched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartWish {
    /// A start picture, as `/api/v1/start-pictures` gives it.
    #[schema(value_type = String, format = "uuid")]
    pub picture: StartPictureId,
    /// Another one that is white where something new is drawn and black where the start stays; all is drawn anew when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub mask: Option<StartPictureId>,
    /// The share of the steps that are drawn, above 0 to 1: little changes little, 1 keeps nothing.
    #[serde(default = "usual_denoise")]
    #[schema(default = 0.6, exclusive_minimum = 0, maximum = 1)]
    pub denoise: f64,
}

fn usual_denoise() -> f64 {
    StartImage::USUAL_DENOISE
}

/// A model, and how strongly it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsedModel {
    /// The model.
    #[schema(value_type = String, format = "uuid")]
    pub model: ModelId,
    /// The epoch of its run whose adapter is used, one of the run's checkpoints; the model's own when absent.
    #[schema(minimum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(default)]
    pub epoch: Option<usize>,
    /// The factor on it; the model's own strength when absent.
    #[schema(minimum = 0.0, maximum = 1.5)]
    pub strength: Option<f32>,
    /// The factor on the layers of text encoders; `strength` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0, maximum = 1.5)]
    pub text_strength: Option<f32>,
}

impl Default for DrawingRequest {
    fn default() -> Self {
        GenerationRequest::default().into()
    }
}

impl From<GenerationRequest> for DrawingRequest {
    fn from(job: GenerationRequest) -> Self {
        let (request, models) = (job.request, job.models.into_iter());
        Self {
            base: job.base,
            models: models
                .map(|used| UsedModel {
                    model: used.model,
                    epoch: used.epoch,
                    strength: used.strength,
                    text_strength: used.text_strength,
                })
                .collect(),
            prompt: request.prompt,
            prompt_2: request.prompt_2,
            negative: request.negative,
            negative_2: request.negative_2,
            prompt_syntax: request.prompt_syntax,
            steps: request.steps,
            guidance: request.guidance,
            guidance_rescale: request.guidance_rescale,
            sampler: request.sampler,
            schedule: request.schedule,
            seed: request.seed,
            noise: request.noise,
            width: request.width,
            height: request.height,
            count: request.count,
            clip_skip: request.clip_skip,
            precision: request.precision,
            vae_tiling: request.vae_tiling,
            start: job.start.map(|start| StartWish {
                picture: start.picture.id,
                mask: start.mask.map(|mask| mask.id),
                denoise: start.denoise,
            }),
        }
    }
}

impl From<DrawingRequest> for GenerationRequest {
    fn from(wanted: DrawingRequest) -> Self {
        let models = wanted.models.into_iter();
        Self {
            base: wanted.base,
            models: models
                .map(|used| ModelUse {
                    model: used.model,
                    epoch: used.epoch,
                    strength: used.strength,
                    text_strength: used.text_strength,
                })
                .collect(),
            start: wanted.start.map(|start| StartUse {
                picture: start.picture.into(),
                mask: start.mask.map(StartUsed::from),
                denoise: start.denoise,
            }),
            request: GenerateRequest {
                prompt: wanted.prompt,
                prompt_2: wanted.prompt_2,
                negative: wanted.negative,
                negative_2: wanted.negative_2,
                prompt_syntax: wanted.prompt_syntax,
                steps: wanted.steps,
                guidance: wanted.guidance,
                guidance_rescale: wanted.guidance_rescale,
                sampler: wanted.sampler,
                schedule: wanted.schedule,
                seed: wanted.seed,
                noise: wanted.noise,
                width: wanted.width,
                height: wanted.height,
                count: wanted.count,
                clip_skip: wanted.clip_skip,
                precision: wanted.precision,
                vae_tiling: wanted.vae_tiling,
                ..GenerateRequest::default()
            },
            memory_bytes: None,
            device: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_as_in_the_request_of_the_generator_and_nothing_is_lost() {
        let empty: DrawingRequest = serde_json::from_str("{}").unwrap();
        let job = GenerationRequest::from(empty.clone());
        assert_eq!(job, GenerationRequest::default());
        assert_eq!(DrawingRequest::from(job), empty);
    }
}

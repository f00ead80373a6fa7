//! What to draw, as requests say it and as jobs show it.

use atelier_core::{
    GenerateRequest, NoiseKind, Precision, PromptSyntax, SamplerKind, ScheduleKind, Seed, VaeTiling,
};
use atelier_jobs::{GenerationRequest, ModelUse};
use atelier_store::ModelId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::openapi::choices;

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
    #[schema(value_type = u64, minimum = 0)]
    pub seed: Seed,
    /// Whose random numbers the seed stands for.
    #[schema(schema_with = choices::noise)]
    pub noise: NoiseKind,
    /// Width in pixels, a multiple of 8; the base's own size when absent.
    #[schema(minimum = 8, maximum = 2048, multiple_of = 8)]
    pub width: Option<usize>,
    /// Height in pixels, a multiple of 8; the base's own size when absent.
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
}

/// A model, and how strongly it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsedModel {
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
                    text_strength: None,
                })
                .collect(),
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

impl DrawingRequest {
    /// Everything that is wrong with it.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |good: bool, problem: &str| {
            if !good {
                problems.push(problem.to_owned());
            }
        };
        let prompts = [&self.prompt_2, &self.negative, &self.negative_2];
        let prompts = prompts.into_iter().flatten().chain([&self.prompt]);
        let is_short = |text: &String| text.chars().count() <= 10_000;
        check(
            prompts.into_iter().all(is_short),
            "a prompt has more than 10000 characters",
        );
        check(
            (1..=200).contains(&self.steps),
            "`steps` must lie between 1 and 200",
        );
        check(
            (0.0..=50.0).contains(&self.guidance),
            "`guidance` must lie between 0 and 50",
        );
        check(
            (0.0..=1.0).contains(&self.guidance_rescale),
            "`guidance_rescale` must lie between 0 and 1",
        );
        let is_side = |side: usize| (8..=2048).contains(&side) && side.is_multiple_of(8);
        let mut sides = [self.width, self.height].into_iter().flatten();
        check(
            sides.all(is_side),
            "`width` and `height` must be multiples of 8 between 8 and 2048",
        );
        check(
            (1..=64).contains(&self.count),
            "`count` must lie between 1 and 64",
        );
        check(self.clip_skip <= 11, "`clip_skip` must be at most 11");
        check(self.models.len() <= 8, "there are more than 8 `models`");
        let is_strength = |used: &UsedModel| (0.0..=1.5).contains(&used.strength.unwrap_or(0.0));
        check(
            self.models.iter().all(is_strength),
            "a `strength` must lie between 0 and 1.5",
        );
        problems
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
        assert!(empty.problems().is_empty());
    }

    #[test]
    fn all_problems_are_told_together() {
        let wanted = DrawingRequest {
            prompt: "x".repeat(10_001),
            steps: 0,
            guidance: f32::NAN,
            guidance_rescale: -0.1,
            width: Some(511),
            height: Some(4096),
            count: 65,
            clip_skip: 12,
            ..DrawingRequest::default()
        };
        assert_eq!(wanted.problems().len(), 7);
    }
}

//! Sampling of latent consistency models (Luo et al. 2023): each step predicts the whole picture and noises it again.

use burn::tensor::Tensor;

use super::Sampler;
use super::alphas::Alphas;
use super::walk::{Mixtures, Walk};
use crate::noise::NoiseSource;
use crate::schedule::class::Choices;
use crate::schedule::course::Course;
use crate::schedule::{BetaDefaults, PredictionType, Result};

/// Standard deviation of the data, which sets where the boundary condition takes over.
const SIGMA_DATA: f32 = 0.5;

/// The sampler.
#[derive(Debug)]
pub(super) struct Lcm {
    walk: Mixtures,
    prediction_type: PredictionType,
    clip: Option<f64>,
    timestep_scaling: f32,
}

impl Lcm {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        Choices::None.check(course)?;
        let config = course.config;
        let alphas = Alphas(BetaDefaults::LCM.alphas(config, config.rescale_betas_zero_snr));
        // the timesteps of the distillation, of which the walk visits some, evenly
        let origins = config.original_inference_steps;
        let stride = config.num_train_timesteps / origins;
        let share = origins as f64 / course.steps as f64;
        let visited = (0..course.steps).map(|index| {
            #[expect(clippy::cast_sign_loss, reason = "a product of counts")]
            let skipped = (index as f64 * share).floor() as usize;
            ((origins - skipped) * stride).cast_signed() as i64 - 1
        });
        let visited: Vec<i64> = visited.collect();
        Ok(Self {
            walk: alphas.walk(course, &visited)?,
            prediction_type: config.prediction_type,
            clip: (config.clip_sample == Some(true)).then_some(config.clip_sample_range),
            timestep_scaling: config.timestep_scaling as f32,
        })
    }
}

impl Sampler for Lcm {
    fn walk(&self) -> &dyn Walk {
        &self.walk
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let (dims, device) = (model_output_bchw.dims(), model_output_bchw.device());
        let picture = self.prediction_type.picture_of_mixture(
            model_output_bchw,
            sample_bchw.clone(),
            self.walk.levels[index],
        );
        let picture = match self.clip {
            Some(range) => picture.clamp(-range, range),
            None => picture,
        };
        let time = self.walk.timesteps[index] * self.timestep_scaling;
        let variance = time * time + SIGMA_DATA * SIGMA_DATA;
        let denoised =
            picture * (time / variance.sqrt()) + sample_bchw * (SIGMA_DATA * SIGMA_DATA / variance);
        match self.walk.levels.get(index + 1) {
            Some(next) => next.mix(denoised, noise.normal(dims, &device)),
            None => denoised,
        }
    }
}

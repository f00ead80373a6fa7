//! Sampling of latent consistency models (Luo et al. 2023): each step predicts the whole picture and noises it again.

use atelier_core::{SamplerKind, ScheduleKind};
use burn::tensor::Tensor;

use super::Sampler;
use crate::noise::NoiseSource;
use crate::schedule::class::Choices;
use crate::schedule::prediction::Mixture;
use crate::schedule::{BetaDefaults, PredictionType, Result, ScheduleConfig, ScheduleError};

/// Standard deviation of the data, which sets where the boundary condition takes over.
const SIGMA_DATA: f32 = 0.5;

/// The sampler.
#[derive(Debug)]
pub(super) struct Lcm {
    timesteps: Vec<f32>,
    levels: Vec<Mixture>,
    prediction_type: PredictionType,
    clip: Option<f64>,
    timestep_scaling: f32,
}

impl Lcm {
    pub(super) fn new(
        config: &ScheduleConfig,
        schedule: ScheduleKind,
        steps: usize,
    ) -> Result<Self> {
        Choices::None.check(SamplerKind::Lcm, schedule)?;
        let alphas = BetaDefaults::LCM.alphas(config, config.rescale_betas_zero_snr);
        // the timesteps of the distillation, of which the walk visits some, evenly
        let origins = config.original_inference_steps;
        let stride = config.num_train_timesteps / origins;
        let share = origins as f64 / steps as f64;
        let mut timesteps = Vec::with_capacity(steps);
        let mut levels = Vec::with_capacity(steps);
        for index in 0..steps {
            #[expect(clippy::cast_sign_loss, reason = "a product of counts")]
            let skipped = (index as f64 * share).floor() as usize;
            let timestep = (origins - skipped) * stride - 1;
            let alpha = alphas[timestep];
            // pure noise has no predicted picture when the noise is what is predicted
            if alpha <= 0.0 && config.prediction_type == PredictionType::Epsilon {
                return Err(ScheduleError::Timestep {
                    steps,
                    timestep: timestep.cast_signed() as i64,
                    count: alphas.len(),
                });
            }
            timesteps.push(timestep as f32);
            levels.push(Mixture::from_alpha(alpha));
        }
        Ok(Self {
            timesteps,
            levels,
            prediction_type: config.prediction_type,
            clip: (config.clip_sample == Some(true)).then_some(config.clip_sample_range),
            timestep_scaling: config.timestep_scaling as f32,
        })
    }
}

impl Sampler for Lcm {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    fn scale_input(&self, sample_bchw: Tensor<4>, _index: usize) -> Tensor<4> {
        sample_bchw
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
            self.levels[index],
        );
        let picture = match self.clip {
            Some(range) => picture.clamp(-range, range),
            None => picture,
        };
        let time = self.timesteps[index] * self.timestep_scaling;
        let variance = time * time + SIGMA_DATA * SIGMA_DATA;
        let denoised =
            picture * (time / variance.sqrt()) + sample_bchw * (SIGMA_DATA * SIGMA_DATA / variance);
        match self.levels.get(index + 1) {
            Some(next) => next.mix(denoised, noise.normal(dims, &device)),
            None => denoised,
        }
    }

    fn begin_at(&mut self, _index: usize) {}

    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        self.levels[index].mix(latents_bchw, noise_bchw)
    }
}

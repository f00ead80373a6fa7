//! DDIM (Song et al. 2020, equation 12) without added noise.

use atelier_core::{SamplerKind, ScheduleKind};
use burn::tensor::Tensor;

use super::Sampler;
use crate::noise::NoiseSource;
use crate::schedule::class::{Choices, spacing_of};
use crate::schedule::prediction::Mixture;
use crate::schedule::spacing::Grid;
use crate::schedule::{
    BetaDefaults, PredictionType, Result, ScheduleConfig, ScheduleError, TimestepSpacing,
};

/// The deterministic sampler.
#[derive(Debug)]
pub(super) struct Ddim {
    timesteps: Vec<f32>,
    /// Mixtures before and after each step.
    levels: Vec<(Mixture, Mixture)>,
    prediction_type: PredictionType,
    clip: Option<f64>,
}

impl Ddim {
    pub(super) fn new(
        config: &ScheduleConfig,
        schedule: ScheduleKind,
        steps: usize,
    ) -> Result<Self> {
        Choices::Spacings.check(SamplerKind::Ddim, schedule)?;
        let alphas = BetaDefaults::PLAIN.alphas(config, config.rescale_betas_zero_snr);
        let spacing = spacing_of(schedule, config, TimestepSpacing::Leading);
        let stride = (config.num_train_timesteps / steps).cast_signed() as i64;
        let last = if config.set_alpha_to_one.unwrap_or(true) {
            1.0
        } else {
            alphas[0]
        };
        let mut timesteps = Vec::with_capacity(steps);
        let mut levels = Vec::with_capacity(steps);
        for timestep in Grid::new(config, steps).timesteps(spacing) {
            let timestep = timestep.round_ties_even() as i64;
            let at = |timestep: i64| {
                let index = usize::try_from(timestep).ok()?;
                alphas.get(index).copied()
            };
            // pure noise has no predicted picture when the noise is what is predicted
            let alpha = at(timestep)
                .filter(|&alpha| {
                    alpha > 0.0 || config.prediction_type == PredictionType::VPrediction
                })
                .ok_or(ScheduleError::Timestep {
                    steps,
                    timestep,
                    count: alphas.len(),
                })?;
            let next = at(timestep - stride).unwrap_or(last);
            timesteps.push(timestep as f32);
            levels.push((Mixture::from_alpha(alpha), Mixture::from_alpha(next)));
        }
        Ok(Self {
            timesteps,
            levels,
            prediction_type: config.prediction_type,
            clip: config
                .clip_sample
                .unwrap_or(true)
                .then_some(config.clip_sample_range),
        })
    }
}

impl Sampler for Ddim {
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
        _noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let (level, next) = self.levels[index];
        let noise = match self.prediction_type {
            PredictionType::Epsilon => model_output_bchw.clone(),
            PredictionType::VPrediction => {
                model_output_bchw.clone() * level.signal + sample_bchw.clone() * level.noise
            }
        };
        let picture =
            self.prediction_type
                .picture_of_mixture(model_output_bchw, sample_bchw, level);
        let picture = match self.clip {
            Some(range) => picture.clamp(-range, range),
            None => picture,
        };
        next.mix(picture, noise)
    }

    fn begin_at(&mut self, _index: usize) {}

    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        self.levels[index].0.mix(latents_bchw, noise_bchw)
    }
}

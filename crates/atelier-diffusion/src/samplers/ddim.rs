//! DDIM (Song et al. 2020, equation 12) without added noise.

use burn::tensor::Tensor;

use super::{Sampler, spaced_timesteps};
use crate::schedule::{
    NoiseSchedule, PredictionType, Result, ScheduleConfig, ScheduleError, TimestepSpacing,
};

/// Standard deviations of signal and noise before and after one step.
#[derive(Debug, Clone, Copy)]
struct Level {
    signal: f32,
    noise: f32,
    next_signal: f32,
    next_noise: f32,
}

/// The deterministic sampler.
#[derive(Debug)]
pub(super) struct Ddim {
    timesteps: Vec<f32>,
    levels: Vec<Level>,
    prediction_type: PredictionType,
    clip: Option<f64>,
}

impl Ddim {
    pub(super) fn new(config: &ScheduleConfig, steps: usize) -> Result<Self> {
        let alphas = NoiseSchedule::new(config).alphas_cumprod;
        let spacing = config.timestep_spacing.unwrap_or(TimestepSpacing::Leading);
        let stride = (config.num_train_timesteps / steps).cast_signed() as i64;
        let mut timesteps = Vec::with_capacity(steps);
        let mut levels = Vec::with_capacity(steps);
        for timestep in spaced_timesteps(config, spacing, steps) {
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
            let last = if config.set_alpha_to_one {
                1.0
            } else {
                alphas[0]
            };
            let next = at(timestep - stride).unwrap_or(last);
            timesteps.push(timestep as f32);
            levels.push(Level {
                signal: alpha.sqrt(),
                noise: (1.0 - alpha).sqrt(),
                next_signal: next.sqrt(),
                next_noise: (1.0 - next).sqrt(),
            });
        }
        Ok(Self {
            timesteps,
            levels,
            prediction_type: config.prediction_type,
            clip: config.clip_sample.then_some(config.clip_sample_range),
        })
    }
}

impl Sampler for Ddim {
    fn begin_at(&mut self, _index: usize) {}

    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        latents_bchw * self.levels[index].signal + noise_bchw * self.levels[index].noise
    }

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
        _noise: &mut dyn crate::noise::NoiseSource,
    ) -> Tensor<4> {
        let level = self.levels[index];
        let (picture, noise) = match self.prediction_type {
            PredictionType::Epsilon => {
                let picture =
                    (sample_bchw - model_output_bchw.clone() * level.noise) / level.signal;
                (picture, model_output_bchw)
            }
            PredictionType::VPrediction => (
                sample_bchw.clone() * level.signal - model_output_bchw.clone() * level.noise,
                model_output_bchw * level.signal + sample_bchw * level.noise,
            ),
        };
        let picture = match self.clip {
            Some(range) => picture.clamp(-range, range),
            None => picture,
        };
        picture * level.next_signal + noise * level.next_noise
    }
}

//! Euler steps on the probability-flow equation (Karras et al. 2022, algorithm 2 without churn).

use burn::tensor::Tensor;

use super::{Sampler, spaced_timesteps};
use crate::schedule::{
    NoiseSchedule, PredictionType, Result, ScheduleConfig, ScheduleError, TimestepSpacing,
};

/// What is left of the picture at the last timestep of a rescaled schedule, so that its sigma stays finite.
const SMALLEST_ALPHA: f32 = 1.0 / 16_777_216.0;

/// The sampler; a sample is the picture plus `sigma` times noise.
#[derive(Debug)]
pub(super) struct Euler {
    timesteps: Vec<f32>,
    /// Noise at each step, and after the last one.
    sigmas: Vec<f32>,
    prediction_type: PredictionType,
    init_noise_sigma: f32,
}

impl Euler {
    pub(super) fn new(config: &ScheduleConfig, steps: usize) -> Result<Self> {
        if let Some((setting, got)) = &config.unsupported_by_euler {
            return Err(ScheduleError::Unsupported {
                setting,
                got: got.clone(),
                supported: "the default of the Euler sampler, or the sampler ddim",
            });
        }
        let mut alphas = NoiseSchedule::new(config).alphas_cumprod;
        if let Some(last) = alphas.last_mut().filter(|_| config.rescale_betas_zero_snr) {
            *last = SMALLEST_ALPHA;
        }
        let known: Vec<f32> = alphas
            .iter()
            .map(|alpha| ((1.0 - alpha) / alpha).sqrt())
            .collect();
        let spacing = config.timestep_spacing.unwrap_or(TimestepSpacing::Linspace);
        let timesteps: Vec<f32> = spaced_timesteps(config, spacing, steps)
            .into_iter()
            .map(|timestep| timestep as f32)
            .collect();
        let mut sigmas: Vec<f32> = timesteps
            .iter()
            .map(|&timestep| sigma_at(&known, f64::from(timestep)))
            .collect();
        sigmas.push(0.0);
        let largest = sigmas.iter().copied().fold(0.0, f32::max);
        let init_noise_sigma = match spacing {
            TimestepSpacing::Linspace | TimestepSpacing::Trailing => largest,
            TimestepSpacing::Leading => (largest * largest + 1.0).sqrt(),
        };
        Ok(Self {
            timesteps,
            sigmas,
            prediction_type: config.prediction_type,
            init_noise_sigma,
        })
    }
}

/// The sigma between two whole timesteps; outside the schedule that of its nearer end.
fn sigma_at(known: &[f32], timestep: f64) -> f32 {
    let last = known.len() - 1;
    let timestep = timestep.clamp(0.0, last as f64);
    #[expect(clippy::cast_sign_loss, reason = "clamped to the schedule")]
    let below = timestep.floor() as usize;
    let (low, high) = (
        f64::from(known[below]),
        f64::from(known[(below + 1).min(last)]),
    );
    (low + (high - low) * timestep.fract()) as f32
}

impl Sampler for Euler {
    fn begin_at(&mut self, _index: usize) {}

    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        latents_bchw + noise_bchw * self.sigmas[index]
    }

    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        sample_bchw / self.sigmas[index].hypot(1.0)
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        _noise: &mut dyn crate::noise::NoiseSource,
    ) -> Tensor<4> {
        let sigma = self.sigmas[index];
        let change = self.sigmas[index + 1] - sigma;
        match self.prediction_type {
            // the derivative (sample - picture) / sigma is the predicted noise itself
            PredictionType::Epsilon => sample_bchw + model_output_bchw * change,
            PredictionType::VPrediction => {
                let variance = sigma * sigma + 1.0;
                sample_bchw * (1.0 + change * sigma / variance)
                    + model_output_bchw * (change / variance.sqrt())
            }
        }
    }
}

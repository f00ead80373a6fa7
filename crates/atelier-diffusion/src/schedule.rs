//! The noise schedule that a base was trained with, read from its `scheduler_config.json`: how much noise each timestep
//! carries, how latents are noised for training, and what the denoiser is asked to predict.
//!
//! Betas are computed in single precision and multiplied up in double precision, as PyTorch does, so that the values agree
//! with those of diffusers. Axes: `b` batch, `c` channels, `h w` height and width.

use burn::tensor::{Device, Tensor, TensorData};

pub(crate) mod class;
mod config;
pub(crate) mod course;
mod error;
mod file;
pub(crate) mod prediction;
mod quantile;
pub(crate) mod sigmas;
pub(crate) mod spacing;
#[cfg(test)]
mod tests;

pub use config::{
    BetaSchedule, FinalSigma, PredictionType, ScheduleConfig, SigmaRule, SolverSettings,
    SolverType, TimestepSpacing,
};
pub use error::ScheduleError;

/// The result of everything in this module.
pub type Result<T, E = ScheduleError> = std::result::Result<T, E>;

/// How much of the picture is left at each timestep, and what the denoiser predicts.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseSchedule {
    /// Share of the picture's variance that is left, from the first timestep (nearly 1) to the last (nearly 0).
    pub alphas_cumprod: Vec<f32>,
    /// What the denoiser predicts.
    pub prediction_type: PredictionType,
}

impl NoiseSchedule {
    /// Computes the schedule of a base for training.
    pub fn new(config: &ScheduleConfig) -> Self {
        Self {
            alphas_cumprod: BetaDefaults::PLAIN.alphas(config, config.rescale_betas_zero_snr),
            prediction_type: config.prediction_type,
        }
    }

    /// The number of timesteps.
    pub fn len(&self) -> usize {
        self.alphas_cumprod.len()
    }

    /// Whether there is no timestep at all.
    pub fn is_empty(&self) -> bool {
        self.alphas_cumprod.is_empty()
    }

    /// Mixes `noise_bchw` into `latents_bchw`, each picture as its timestep demands.
    ///
    /// # Panics
    /// When a timestep lies outside the schedule.
    pub fn add_noise(
        &self,
        latents_bchw: Tensor<4>,
        noise_bchw: Tensor<4>,
        timesteps: &[usize],
    ) -> Tensor<4> {
        let (signal, noise) = self.factors(timesteps, &latents_bchw.device());
        latents_bchw * signal + noise_bchw * noise
    }

    /// The velocity of Salimans and Ho 2022, appendix D.
    ///
    /// # Panics
    /// When a timestep lies outside the schedule.
    pub fn velocity(
        &self,
        latents_bchw: Tensor<4>,
        noise_bchw: Tensor<4>,
        timesteps: &[usize],
    ) -> Tensor<4> {
        let (signal, noise) = self.factors(timesteps, &latents_bchw.device());
        noise_bchw * signal - latents_bchw * noise
    }

    /// What the denoiser is to predict for the latents that [`Self::add_noise`] gives.
    ///
    /// # Panics
    /// When a timestep lies outside the schedule.
    pub fn target(
        &self,
        latents_bchw: Tensor<4>,
        noise_bchw: Tensor<4>,
        timesteps: &[usize],
    ) -> Tensor<4> {
        match self.prediction_type {
            PredictionType::Epsilon => noise_bchw,
            PredictionType::VPrediction => self.velocity(latents_bchw, noise_bchw, timesteps),
        }
    }

    /// Standard deviations of signal and noise, each `[b, 1, 1, 1]`.
    fn factors(&self, timesteps: &[usize], device: &Device) -> (Tensor<4>, Tensor<4>) {
        let column = |factor: fn(f32) -> f32| {
            let values: Vec<f32> = timesteps
                .iter()
                .map(|&timestep| factor(self.alphas_cumprod[timestep]))
                .collect();
            Tensor::from_data(TensorData::new(values, [timesteps.len(), 1, 1, 1]), device)
        };
        (column(f32::sqrt), column(|alpha| (1.0 - alpha).sqrt()))
    }
}

/// What a scheduler class assumes about the betas where the file says nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BetaDefaults {
    start: f64,
    end: f64,
    schedule: BetaSchedule,
}

impl BetaDefaults {
    /// Most classes.
    pub(crate) const PLAIN: Self = Self {
        start: 0.0001,
        end: 0.02,
        schedule: BetaSchedule::Linear,
    };
    /// Heun and the samplers of k-diffusion's second order: the published ends, but a linear course.
    pub(crate) const SECOND_ORDER: Self = Self {
        start: 0.00085,
        end: 0.012,
        schedule: BetaSchedule::Linear,
    };
    /// LCM: the published values.
    pub(crate) const LCM: Self = Self {
        schedule: BetaSchedule::ScaledLinear,
        ..Self::SECOND_ORDER
    };

    /// Share of the picture's variance that is left at each timestep, without any at the last one where `zero_snr` says so.
    pub(crate) fn alphas(self, config: &ScheduleConfig, zero_snr: bool) -> Vec<f32> {
        let betas = match &config.trained_betas {
            Some(betas) => betas.clone(),
            None => self.betas(config),
        };
        if zero_snr {
            alphas_cumprod(&with_zero_terminal_snr(&betas))
        } else {
            alphas_cumprod(&betas)
        }
    }

    fn betas(self, config: &ScheduleConfig) -> Vec<f32> {
        let count = config.num_train_timesteps;
        let start = config.beta_start.unwrap_or(self.start);
        let end = config.beta_end.unwrap_or(self.end);
        match config.beta_schedule.unwrap_or(self.schedule) {
            BetaSchedule::Linear => linspace(start, end, count),
            BetaSchedule::ScaledLinear => {
                let roots = linspace(start.sqrt(), end.sqrt(), count);
                roots.into_iter().map(|root| root * root).collect()
            }
            BetaSchedule::SquaredcosCapV2 => (0..count)
                .map(|index| {
                    let start = cosine_alpha_bar(index as f64 / count as f64);
                    let end = cosine_alpha_bar((index + 1) as f64 / count as f64);
                    (1.0 - end / start).min(0.999) as f32
                })
                .collect(),
        }
    }
}

/// Equation 17 of Nichol and Dhariwal 2021 with their offset of 0.008.
fn cosine_alpha_bar(time: f64) -> f64 {
    let angle = (time + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2;
    angle.cos().powi(2)
}

/// `torch.linspace` in single precision, which counts from the nearer end and rounds each value once.
fn linspace(start: f64, end: f64, count: usize) -> Vec<f32> {
    let (start, end) = (start as f32, end as f32);
    let step = (end - start) / count.saturating_sub(1).max(1) as f32;
    (0..count)
        .map(|index| {
            if index < count.div_ceil(2) {
                step.mul_add(index as f32, start)
            } else {
                (-step).mul_add((count - index - 1) as f32, end)
            }
        })
        .collect()
}

fn alphas_cumprod(betas: &[f32]) -> Vec<f32> {
    betas
        .iter()
        .scan(1.0_f64, |product, beta| {
            *product *= f64::from(1.0 - beta);
            Some(*product as f32)
        })
        .collect()
}

/// Algorithm 1 of Lin et al. 2023: shifts and stretches the signal so that none is left at the last timestep.
fn with_zero_terminal_snr(betas: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = alphas_cumprod(betas).into_iter().map(f32::sqrt).collect();
    let (Some(&first), Some(&last)) = (roots.first(), roots.last()) else {
        return Vec::new();
    };
    let stretch = first / (first - last);
    let mut before = 1.0;
    roots
        .into_iter()
        .map(|root| {
            let left = ((root - last) * stretch).powi(2);
            let beta = 1.0 - left / before;
            before = left;
            beta
        })
        .collect()
}

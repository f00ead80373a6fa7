//! Heun's method on the probability-flow equation (Karras et al. 2022, algorithm 1): an Euler step, then the same step again
//! with the mean of the derivatives at both ends.

use atelier_core::{SamplerKind, ScheduleKind};
use burn::tensor::Tensor;

use super::Sampler;
use crate::noise::NoiseSource;
use crate::schedule::class::Class;
use crate::schedule::sigmas::{Ladder, doubled};
use crate::schedule::{BetaDefaults, PredictionType, Result, ScheduleConfig};

/// The sampler; a sample is the picture plus `sigma` times noise.
#[derive(Debug)]
pub(super) struct Heun {
    /// Its inner sigmas come twice, once for the end of a step and once for the start of the next.
    ladder: Ladder,
    prediction_type: PredictionType,
    clip: Option<f64>,
    /// Sample and derivative at the start, between the two evaluations of a step.
    start: Option<(Tensor<4>, Tensor<4>)>,
}

impl Heun {
    pub(super) fn new(
        config: &ScheduleConfig,
        schedule: ScheduleKind,
        steps: usize,
    ) -> Result<Self> {
        let class = Class {
            betas: BetaDefaults::SECOND_ORDER,
            ..Class::k_diffusion(SamplerKind::Heun)
        };
        let mut ladder = Ladder::new(&class, config, schedule, steps)?;
        ladder.sigmas = doubled(&ladder.sigmas);
        // the last timestep comes twice as well: once for the end of the step before
        ladder.timesteps.push(0.0);
        ladder.timesteps = doubled(&ladder.timesteps);
        ladder.timesteps.pop();
        Ok(Self {
            ladder,
            prediction_type: config.prediction_type,
            clip: (config.clip_sample == Some(true)).then_some(config.clip_sample_range),
            start: None,
        })
    }

    fn derivative(&self, output: Tensor<4>, sample: Tensor<4>, sigma: f32) -> Tensor<4> {
        let Some(range) = self.clip else {
            return self.prediction_type.derivative(output, sample, sigma);
        };
        let picture = self.prediction_type.picture(output, sample.clone(), sigma);
        (sample - picture.clamp(-range, range)) / sigma
    }
}

impl Sampler for Heun {
    fn timesteps(&self) -> &[f32] {
        &self.ladder.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.ladder.init_noise_sigma
    }

    fn order(&self) -> usize {
        2
    }

    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        Ladder::scaled(sample_bchw, self.ladder.sigmas[index])
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        _noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let sigmas = &self.ladder.sigmas;
        match self.start.take() {
            None => {
                let (sigma, next) = (sigmas[index], sigmas[index + 1]);
                let slope = self.derivative(model_output_bchw, sample_bchw.clone(), sigma);
                self.start = Some((sample_bchw.clone(), slope.clone()));
                sample_bchw + slope * (next - sigma)
            }
            Some((start, first)) => {
                let (sigma, next) = (sigmas[index - 1], sigmas[index]);
                let second = self.derivative(model_output_bchw, sample_bchw, next);
                start + (first + second) * ((next - sigma) / 2.0)
            }
        }
    }

    fn begin_at(&mut self, _index: usize) {
        self.start = None;
    }

    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        self.ladder.noised(latents_bchw, noise_bchw, index)
    }
}

//! Euler steps that go further down than asked and add fresh noise back.

use atelier_core::{SamplerKind, ScheduleKind};
use burn::tensor::Tensor;

use super::{Sampler, ancestral};
use crate::noise::NoiseSource;
use crate::schedule::class::{Choices, Class, Setting};
use crate::schedule::sigmas::Ladder;
use crate::schedule::{PredictionType, Result, ScheduleConfig};

/// The sampler; a sample is the picture plus `sigma` times noise.
#[derive(Debug)]
pub(super) struct EulerAncestral {
    ladder: Ladder,
    prediction_type: PredictionType,
}

impl EulerAncestral {
    pub(super) fn new(
        config: &ScheduleConfig,
        schedule: ScheduleKind,
        steps: usize,
    ) -> Result<Self> {
        let class = Class {
            choices: Choices::Spacings,
            reads: &[Setting::ZeroSnr],
            ..Class::k_diffusion(SamplerKind::EulerA)
        };
        Ok(Self {
            ladder: Ladder::new(&class, config, schedule, steps)?,
            prediction_type: config.prediction_type,
        })
    }
}

impl Sampler for EulerAncestral {
    fn timesteps(&self) -> &[f32] {
        &self.ladder.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.ladder.init_noise_sigma
    }

    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        Ladder::scaled(sample_bchw, self.ladder.sigmas[index])
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let sigma = self.ladder.sigmas[index];
        let (fresh, down) = ancestral(sigma, self.ladder.sigmas[index + 1]);
        let grain = noise.normal(model_output_bchw.dims(), &model_output_bchw.device());
        let derivative =
            self.prediction_type
                .derivative(model_output_bchw, sample_bchw.clone(), sigma);
        sample_bchw + derivative * (down - sigma) + grain * fresh
    }

    fn begin_at(&mut self, _index: usize) {}

    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        self.ladder.noised(latents_bchw, noise_bchw, index)
    }
}

//! DPM-Solver-2 (Lu et al. 2022, algorithm 1) as k-diffusion writes it: the midpoint method with the middle in log sigma.

use atelier_core::{SamplerKind, ScheduleKind};
use burn::tensor::Tensor;

use super::Sampler;
use crate::noise::NoiseSource;
use crate::schedule::class::{Class, Rounding};
use crate::schedule::sigmas::{Ladder, doubled, with_middles};
use crate::schedule::{BetaDefaults, PredictionType, Result, ScheduleConfig};

/// The sampler; a sample is the picture plus `sigma` times noise.
#[derive(Debug)]
pub(super) struct Dpm2 {
    /// Its inner sigmas come twice, once for each evaluation of a step.
    ladder: Ladder,
    /// The sigma in the middle of each step, under the index of its second evaluation.
    middles: Vec<f32>,
    prediction_type: PredictionType,
    /// The sample at the start, between the two evaluations of a step.
    start: Option<Tensor<4>>,
}

impl Dpm2 {
    pub(super) fn new(
        config: &ScheduleConfig,
        schedule: ScheduleKind,
        steps: usize,
    ) -> Result<Self> {
        let class = Class {
            betas: BetaDefaults::SECOND_ORDER,
            rounding: Rounding::Karras,
            ..Class::k_diffusion(SamplerKind::Dpm2)
        };
        let mut ladder = Ladder::new(&class, config, schedule, steps)?;
        let middles: Vec<f32> = ladder
            .sigmas
            .windows(2)
            .map(|pair| middle_in_log(pair[0], pair[1]))
            .collect();
        ladder.timesteps = with_middles(&ladder, &middles);
        ladder.sigmas = doubled(&ladder.sigmas);
        // two entries for each step, so that both of its evaluations find theirs
        let middles = middles.into_iter().flat_map(|middle| [middle; 2]).collect();
        Ok(Self {
            ladder,
            middles,
            prediction_type: config.prediction_type,
            start: None,
        })
    }
}

/// The sigma halfway between the logarithms of two.
pub(super) fn middle_in_log(first: f32, second: f32) -> f32 {
    (f64::from(first) * f64::from(second)).sqrt() as f32
}

impl Sampler for Dpm2 {
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
        let sigma = match self.start {
            None => self.ladder.sigmas[index],
            Some(_) => self.middles[index],
        };
        Ladder::scaled(sample_bchw, sigma)
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        _noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let (sigmas, middle) = (&self.ladder.sigmas, self.middles[index]);
        match self.start.take() {
            None => {
                let sigma = sigmas[index];
                self.start = Some(sample_bchw.clone());
                let slope =
                    self.prediction_type
                        .derivative(model_output_bchw, sample_bchw.clone(), sigma);
                sample_bchw + slope * (middle - sigma)
            }
            Some(start) => {
                let slope = self
                    .prediction_type
                    .derivative(model_output_bchw, sample_bchw, middle);
                start + slope * (sigmas[index] - sigmas[index - 1])
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

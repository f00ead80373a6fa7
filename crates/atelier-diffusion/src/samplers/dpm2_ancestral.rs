//! DPM-Solver-2 steps that go further down than asked and add fresh noise back.

use atelier_core::{SamplerKind, ScheduleKind};
use burn::tensor::Tensor;

use super::dpm2::middle_in_log;
use super::{Sampler, ancestral};
use crate::noise::NoiseSource;
use crate::schedule::class::{Class, Rounding};
use crate::schedule::sigmas::{Ladder, doubled, with_middles};
use crate::schedule::{BetaDefaults, PredictionType, Result, ScheduleConfig};

/// Where one step goes.
#[derive(Debug, Clone, Copy)]
struct Stride {
    middle: f32,
    down: f32,
    fresh: f32,
}

/// The sampler; a sample is the picture plus `sigma` times noise.
#[derive(Debug)]
pub(super) struct Dpm2Ancestral {
    /// Its inner sigmas come twice, once for each evaluation of a step.
    ladder: Ladder,
    /// One for each step.
    strides: Vec<Stride>,
    prediction_type: PredictionType,
    /// The sample at the start, between the two evaluations of a step.
    start: Option<Tensor<4>>,
}

impl Dpm2Ancestral {
    pub(super) fn new(
        config: &ScheduleConfig,
        schedule: ScheduleKind,
        steps: usize,
    ) -> Result<Self> {
        let class = Class {
            betas: BetaDefaults::SECOND_ORDER,
            rounding: Rounding::Karras,
            ..Class::k_diffusion(SamplerKind::Dpm2A)
        };
        let mut ladder = Ladder::new(&class, config, schedule, steps)?;
        let strides: Vec<Stride> = ladder
            .sigmas
            .windows(2)
            .map(|pair| {
                let (fresh, down) = ancestral(pair[0], pair[1]);
                Stride {
                    middle: middle_in_log(pair[0], down),
                    down,
                    fresh,
                }
            })
            .collect();
        let middles: Vec<f32> = strides.iter().map(|stride| stride.middle).collect();
        ladder.timesteps = with_middles(&ladder, &middles);
        ladder.sigmas = doubled(&ladder.sigmas);
        Ok(Self {
            ladder,
            strides,
            prediction_type: config.prediction_type,
            start: None,
        })
    }
}

impl Sampler for Dpm2Ancestral {
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
            Some(_) => self.strides[index / 2].middle,
        };
        Ladder::scaled(sample_bchw, sigma)
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let (sigmas, stride) = (&self.ladder.sigmas, self.strides[index / 2]);
        let prediction = self.prediction_type;
        match self.start.take() {
            None => {
                let sigma = sigmas[index];
                self.start = Some(sample_bchw.clone());
                let slope = prediction.derivative(model_output_bchw, sample_bchw.clone(), sigma);
                sample_bchw + slope * (stride.middle - sigma)
            }
            Some(start) => {
                let grain = noise.normal(model_output_bchw.dims(), &model_output_bchw.device());
                let slope = prediction.derivative(model_output_bchw, sample_bchw, stride.middle);
                start + slope * (stride.down - sigmas[index - 1]) + grain * stride.fresh
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

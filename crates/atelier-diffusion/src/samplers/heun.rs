//! Heun's method on the probability-flow equation (Karras et al. 2022, algorithm 1): an Euler step, then the same step again
//! with the mean of the derivatives at both ends.

use burn::tensor::Tensor;

use super::Sampler;
use super::walk::{Walk, doubled};
use crate::noise::NoiseSource;
use crate::schedule::class::Class;
use crate::schedule::course::Course;
use crate::schedule::sigmas::Ladder;
use crate::schedule::{BetaDefaults, PredictionType, Result};

/// The sampler.
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
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        let class = Class {
            betas: BetaDefaults::SECOND_ORDER,
            ..Class::K_DIFFUSION
        };
        let config = course.config;
        let mut ladder = Ladder::new(&class, course)?;
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
    fn walk(&self) -> &dyn Walk {
        &self.ladder
    }

    fn order(&self) -> usize {
        2
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

    fn begin_anew(&mut self) {
        self.start = None;
    }
}

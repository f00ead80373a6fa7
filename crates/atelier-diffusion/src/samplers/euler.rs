//! Euler steps on the probability-flow equation (Karras et al. 2022, algorithm 2 without churn).

use burn::tensor::Tensor;

use super::Sampler;
use super::walk::Walk;
use crate::noise::NoiseSource;
use crate::schedule::class::{Class, Setting};
use crate::schedule::course::Course;
use crate::schedule::sigmas::Ladder;
use crate::schedule::{PredictionType, Result};

/// The sampler.
#[derive(Debug)]
pub(super) struct Euler {
    ladder: Ladder,
    prediction_type: PredictionType,
}

impl Euler {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        let class = Class {
            reads: &[Setting::ZeroSnr, Setting::KarrasRange, Setting::FinalSigma],
            ..Class::K_DIFFUSION
        };
        let mut ladder = Ladder::new(&class, course)?;
        let config = course.config;
        if config.continuous_timesteps && config.prediction_type == PredictionType::VPrediction {
            let told = ladder.timesteps.iter_mut().zip(&ladder.sigmas);
            told.for_each(|(timestep, sigma)| *timestep = 0.25 * sigma.ln());
        }
        Ok(Self {
            ladder,
            prediction_type: config.prediction_type,
        })
    }
}

impl Sampler for Euler {
    fn walk(&self) -> &dyn Walk {
        &self.ladder
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        _noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let sigma = self.ladder.sigmas[index];
        let change = self.ladder.sigmas[index + 1] - sigma;
        match self.prediction_type {
            PredictionType::Epsilon => sample_bchw + model_output_bchw * change,
            // one factor per tensor: at a sigma of thousands, two would cost digits
            PredictionType::VPrediction => {
                let variance = sigma * sigma + 1.0;
                sample_bchw * (1.0 + change * sigma / variance)
                    + model_output_bchw * (change / variance.sqrt())
            }
        }
    }
}

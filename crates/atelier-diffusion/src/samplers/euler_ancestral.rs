//! Euler steps that go further down than asked and add fresh noise back.

use burn::tensor::Tensor;

use super::Sampler;
use super::walk::{Walk, ancestral};
use crate::noise::NoiseSource;
use crate::schedule::class::{Choices, Class, Setting};
use crate::schedule::course::Course;
use crate::schedule::sigmas::Ladder;
use crate::schedule::{PredictionType, Result};

/// The sampler.
#[derive(Debug)]
pub(super) struct EulerAncestral {
    ladder: Ladder,
    prediction_type: PredictionType,
}

impl EulerAncestral {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        let class = Class {
            choices: Choices::Spacings,
            reads: &[Setting::ZeroSnr],
            ..Class::K_DIFFUSION
        };
        Ok(Self {
            ladder: Ladder::new(&class, course)?,
            prediction_type: course.config.prediction_type,
        })
    }
}

impl Sampler for EulerAncestral {
    fn walk(&self) -> &dyn Walk {
        &self.ladder
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
}

//! Linear multistep of order 4 on the probability-flow equation: the polynomial through past derivatives, integrated over the
//! step.

use std::collections::VecDeque;

use burn::tensor::Tensor;

use super::Sampler;
use super::walk::Walk;
use crate::noise::NoiseSource;
use crate::schedule::class::Class;
use crate::schedule::course::Course;
use crate::schedule::sigmas::Ladder;
use crate::schedule::{PredictionType, Result};

const ORDER: usize = 4;

/// The sampler.
#[derive(Debug)]
pub(super) struct Lms {
    ladder: Ladder,
    prediction_type: PredictionType,
    /// Past derivatives, the newest first.
    derivatives: VecDeque<Tensor<4>>,
}

impl Lms {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        let class = Class {
            reads: &[],
            ..Class::K_DIFFUSION
        };
        Ok(Self {
            ladder: Ladder::new(&class, course)?,
            prediction_type: course.config.prediction_type,
            derivatives: VecDeque::with_capacity(ORDER + 1),
        })
    }

    /// The integral over step `index` of the polynomial that is 1 at the sigma of the `which`-th past step and 0 at the others.
    fn weight(&self, index: usize, order: usize, which: usize) -> f32 {
        let sigma = |back: usize| f64::from(self.ladder.sigmas[index - back]);
        let polynomial = |at: f64| -> f64 {
            let others = (0..order).filter(|&other| other != which);
            others
                .map(|other| (at - sigma(other)) / (sigma(which) - sigma(other)))
                .product()
        };
        let (start, end) = (sigma(0), f64::from(self.ladder.sigmas[index + 1]));
        let (middle, half) = (f64::midpoint(start, end), (end - start) / 2.0);
        // Gauss's rule with two points is exact up to the third degree
        let offset = half / 3.0_f64.sqrt();
        (half * (polynomial(middle - offset) + polynomial(middle + offset))) as f32
    }
}

impl Sampler for Lms {
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
        let derivative =
            self.prediction_type
                .derivative(model_output_bchw, sample_bchw.clone(), sigma);
        self.derivatives.push_front(derivative);
        self.derivatives.truncate(ORDER);
        // as in diffusers, the order follows the position also where a walk began in the middle and has no past yet
        let order = (index + 1).min(ORDER);
        let past = self.derivatives.iter().take(order).enumerate();
        past.fold(sample_bchw, |sample, (which, derivative)| {
            sample + derivative.clone() * self.weight(index, order, which)
        })
    }

    fn begin_anew(&mut self) {
        self.derivatives.clear();
    }
}

//! DPM-Solver-2 (Lu et al. 2022, algorithm 1) as k-diffusion writes it: the midpoint method with the middle in log sigma. Its
//! ancestral steps go further down than asked and add fresh noise back.

use burn::tensor::Tensor;

use super::Sampler;
use super::walk::{Walk, ancestral, scaled, with_middles};
use crate::noise::NoiseSource;
use crate::schedule::class::{Class, Rounding};
use crate::schedule::course::Course;
use crate::schedule::sigmas::Ladder;
use crate::schedule::{BetaDefaults, PredictionType, Result};

/// Where one step goes.
#[derive(Debug, Clone, Copy)]
struct Stride {
    /// The sigma of its second evaluation.
    middle: f32,
    down: f32,
    /// How much noise is added back.
    fresh: Option<f32>,
}

/// The sampler.
#[derive(Debug)]
pub(super) struct Dpm2 {
    /// Its inner sigmas come twice, once for each evaluation of a step.
    ladder: Ladder,
    /// One for each step.
    strides: Vec<Stride>,
    prediction_type: PredictionType,
    /// The sample at the start, between the two evaluations of a step.
    start: Option<Tensor<4>>,
}

impl Dpm2 {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        Self::with_strides(course, |from, to| Stride {
            middle: middle_in_log(from, to),
            down: to,
            fresh: None,
        })
    }

    pub(super) fn new_ancestral(course: &Course<'_>) -> Result<Self> {
        Self::with_strides(course, |from, to| {
            let (fresh, down) = ancestral(from, to);
            Stride {
                middle: middle_in_log(from, down),
                down,
                fresh: Some(fresh),
            }
        })
    }

    fn with_strides(course: &Course<'_>, stride: fn(f32, f32) -> Stride) -> Result<Self> {
        let class = Class {
            betas: BetaDefaults::SECOND_ORDER,
            rounding: Rounding::Karras,
            ..Class::K_DIFFUSION
        };
        let ladder = Ladder::new(&class, course)?;
        let pairs = ladder.sigmas.windows(2);
        let strides: Vec<Stride> = pairs.map(|pair| stride(pair[0], pair[1])).collect();
        Ok(Self {
            ladder: with_middles(ladder, strides.iter().map(|stride| stride.middle)),
            strides,
            prediction_type: course.config.prediction_type,
            start: None,
        })
    }
}

/// The sigma halfway between the logarithms of two.
fn middle_in_log(first: f32, second: f32) -> f32 {
    (f64::from(first) * f64::from(second)).sqrt() as f32
}

impl Sampler for Dpm2 {
    fn walk(&self) -> &dyn Walk {
        &self.ladder
    }

    fn order(&self) -> usize {
        2
    }

    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        let sigma = match self.start {
            None => self.ladder.sigmas[index],
            Some(_) => self.strides[index / 2].middle,
        };
        scaled(sample_bchw, sigma)
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
        let Some(start) = self.start.take() else {
            let sigma = sigmas[index];
            self.start = Some(sample_bchw.clone());
            let slope = prediction.derivative(model_output_bchw, sample_bchw.clone(), sigma);
            return sample_bchw + slope * (stride.middle - sigma);
        };
        let (dims, device) = (start.dims(), start.device());
        let slope = prediction.derivative(model_output_bchw, sample_bchw, stride.middle);
        let moved = start + slope * (stride.down - sigmas[index - 1]);
        match stride.fresh {
            Some(fresh) => moved + noise.normal(dims, &device) * fresh,
            None => moved,
        }
    }

    fn begin_anew(&mut self) {
        self.start = None;
    }
}

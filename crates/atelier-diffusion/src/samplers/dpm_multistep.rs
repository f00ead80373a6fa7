//! DPM-Solver++ (Lu et al. 2022) over past predictions of the picture, of second or third order, on the probability-flow
//! equation or on the stochastic one.

use std::collections::VecDeque;

use burn::tensor::Tensor;

use super::Sampler;
use super::walk::{Mixtures, Walk, lambdas};
use crate::noise::NoiseSource;
use crate::schedule::class::{Class, Rounding, Setting};
use crate::schedule::course::Course;
use crate::schedule::sigmas::Ladder;
use crate::schedule::{FinalSigma, PredictionType, Result, SolverSettings, SolverType};

/// From this number of steps on, the last ones keep their order.
const LONG_WALK: usize = 15;

/// Which equation is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Equation {
    /// The probability-flow equation, without noise.
    Ordinary,
    /// The reverse-time stochastic equation, with noise in every step.
    Stochastic,
}

/// The sampler.
#[derive(Debug)]
pub(super) struct DpmMultistep {
    walk: Mixtures,
    /// Half the logarithm of the signal-to-noise ratio at each evaluation and after the last one.
    lambdas: Vec<f64>,
    prediction_type: PredictionType,
    settings: SolverSettings,
    ends_clean: bool,
    equation: Equation,
    order: usize,
    /// Past predictions of the picture, the newest first.
    pictures: VecDeque<Tensor<4>>,
}

impl DpmMultistep {
    pub(super) fn new(course: &Course<'_>, equation: Equation, order: usize) -> Result<Self> {
        let class = Class {
            reads: &[Setting::ZeroSnr, Setting::KarrasRange, Setting::FinalSigma],
            rounding: Rounding::DpmSolver,
            ..Class::K_DIFFUSION
        };
        let ladder = Ladder::new(&class, course)?;
        let config = course.config;
        Ok(Self {
            walk: Mixtures::from(&ladder),
            lambdas: lambdas(&ladder),
            prediction_type: config.prediction_type,
            settings: config.solver.clone(),
            ends_clean: config.final_sigma == FinalSigma::Zero,
            equation,
            order,
            pictures: VecDeque::new(),
        })
    }

    /// The order of step `index`: as many past predictions as there are, fewer at the end of a short walk.
    fn order_at(&self, index: usize) -> usize {
        let steps = self.walk.timesteps.len();
        let short = self.settings.lower_order_final && steps < LONG_WALK;
        let left = steps - index;
        let allowed = if left == 1 && (self.settings.euler_at_final || short || self.ends_clean) {
            1
        } else if left == 2 && short {
            2
        } else {
            self.order
        };
        allowed.min(self.pictures.len())
    }

    /// The factors on sample, picture, its two differences, and noise.
    fn factors(&self, index: usize, order: usize) -> [f64; 5] {
        let (from, to) = (self.walk.levels[index], self.walk.levels[index + 1]);
        let (signal, noise) = (f64::from(to.signal), f64::from(to.noise));
        let kept = noise / f64::from(from.noise);
        let h = self.lambdas[index + 1] - self.lambdas[index];
        let plain = order < 3 && self.settings.solver_type != Some(SolverType::Heun);
        match self.equation {
            Equation::Ordinary => {
                let decay = (-h).exp_m1();
                let first = if plain { -0.5 * decay } else { decay / h + 1.0 };
                let second = -((decay + h) / (h * h) - 0.5);
                [kept, -signal * decay, signal * first, signal * second, 0.0]
            }
            Equation::Stochastic => {
                let gained = -(-2.0 * h).exp_m1();
                let first = if plain {
                    0.5 * gained
                } else {
                    gained / (-2.0 * h) + 1.0
                };
                let second = (gained - 2.0 * h) / (4.0 * h * h) - 0.5;
                [
                    kept * (-h).exp(),
                    signal * gained,
                    signal * first,
                    signal * second,
                    noise * gained.sqrt(),
                ]
            }
        }
    }

    /// The slope and, for third order, the curvature of the predictions over lambda, in units of this step.
    fn differences(&self, index: usize, order: usize) -> (Tensor<4>, Option<Tensor<4>>) {
        let h = self.lambdas[index + 1] - self.lambdas[index];
        let ratio = |back: usize| {
            let before = self.lambdas[index - back] - self.lambdas[index - back - 1];
            before / h
        };
        let difference = |back: usize| {
            (self.pictures[back].clone() - self.pictures[back + 1].clone()) / ratio(back)
        };
        if order == 2 {
            return (difference(0), None);
        }
        let (near, sum) = (ratio(0), ratio(0) + ratio(1));
        let (first, second) = (difference(0), difference(1));
        let change = first.clone() - second;
        (first + change.clone() * (near / sum), Some(change / sum))
    }
}

impl Sampler for DpmMultistep {
    fn walk(&self) -> &dyn Walk {
        &self.walk
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let grain = (self.equation == Equation::Stochastic)
            .then(|| noise.normal(model_output_bchw.dims(), &model_output_bchw.device()));
        let picture = self.prediction_type.picture_of_mixture(
            model_output_bchw,
            sample_bchw.clone(),
            self.walk.levels[index],
        );
        self.pictures.push_front(picture.clone());
        self.pictures.truncate(self.order);
        let order = self.order_at(index);
        let [kept, gained, first, second, fresh] = self.factors(index, order);
        let mut moved = sample_bchw * kept + picture * gained;
        if order > 1 {
            let (slope, curvature) = self.differences(index, order);
            moved = moved + slope * first;
            if let Some(curvature) = curvature {
                moved = moved + curvature * second;
            }
        }
        match grain {
            Some(grain) => moved + grain * fresh,
            None => moved,
        }
    }

    fn begin_anew(&mut self) {
        self.pictures.clear();
    }
}

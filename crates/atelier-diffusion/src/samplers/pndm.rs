//! Pseudo numerical methods (Liu et al. 2022): a linear multistep of order 4 over the predicted noise, started with pseudo
//! Runge-Kutta steps, or with one step taken twice where the base's file skips those.

use burn::tensor::Tensor;

use super::Sampler;
use super::alphas::{Alphas, stride, whole_timesteps};
use super::walk::{Mixtures, Walk};
use crate::noise::NoiseSource;
use crate::schedule::class::Choices;
use crate::schedule::course::Course;
use crate::schedule::prediction::Mixture;
use crate::schedule::{BetaDefaults, PredictionType, Result};

/// Steps that Runge-Kutta covers, and the order of the multistep.
pub(super) const ORDER: usize = 4;

/// The sampler.
#[derive(Debug)]
pub(super) struct Pndm {
    walk: Mixtures,
    /// Its timesteps as whole numbers.
    visited: Vec<i64>,
    /// How many of them belong to Runge-Kutta steps, four to a step.
    runge_kutta: usize,
    alphas: Alphas,
    last_alpha: f32,
    stride: i64,
    prediction_type: PredictionType,
    /// Evaluations since the start of the walk.
    counter: usize,
    /// Past model outputs, the newest first.
    outputs: Vec<Tensor<4>>,
    /// The weighted sum of a Runge-Kutta step.
    sum: Option<Tensor<4>>,
    /// The sample that a repeated or a Runge-Kutta step starts from.
    start: Option<Tensor<4>>,
}

impl Pndm {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        Choices::Spacings.check(course)?;
        let config = course.config;
        let alphas = Alphas(BetaDefaults::PLAIN.alphas(config, false));
        let last_alpha = alphas.end(config.set_alpha_to_one.unwrap_or(false));
        let (spaced, stride) = (whole_timesteps(course), stride(course));
        let (visited, runge_kutta) = if config.skip_prk_steps {
            (with_second_twice(&spaced), 0)
        } else {
            with_halves(&spaced, stride / 2)
        };
        // the second evaluation steps from one stride above itself
        let reached = match (runge_kutta, visited.get(1)) {
            (0, Some(second)) => second + stride,
            _ => 0,
        };
        let highest = visited.iter().copied().fold(reached, i64::max);
        if alphas.at(highest.max(0)).is_none() {
            return Err(alphas.refusal(course, highest));
        }
        let levels = visited.iter().map(|&timestep| {
            let alpha = alphas.at(timestep.max(0));
            Mixture::from_alpha(alpha.unwrap_or(last_alpha))
        });
        Ok(Self {
            walk: Mixtures {
                levels: levels.collect(),
                timesteps: visited.iter().map(|&timestep| timestep as f32).collect(),
            },
            visited,
            runge_kutta,
            last_alpha,
            alphas,
            stride,
            prediction_type: config.prediction_type,
            counter: 0,
            outputs: Vec::new(),
            sum: None,
            start: None,
        })
    }

    /// One of the four evaluations of a Runge-Kutta step.
    fn step_runge_kutta(
        &mut self,
        output: Tensor<4>,
        timestep: i64,
        sample: Tensor<4>,
    ) -> Tensor<4> {
        let half = if self.counter.is_multiple_of(2) {
            self.stride / 2
        } else {
            0
        };
        let to = timestep - half;
        let from = self.visited[self.counter / 4 * 4];
        let weighted = |sum: Option<Tensor<4>>, share: f32| {
            let term = output.clone() * share;
            match sum {
                Some(sum) => sum + term,
                None => term,
            }
        };
        let output = match self.counter % 4 {
            0 => {
                self.sum = Some(weighted(self.sum.take(), 1.0 / 6.0));
                self.outputs.insert(0, output.clone());
                self.start = Some(sample.clone());
                output
            }
            1 | 2 => {
                self.sum = Some(weighted(self.sum.take(), 1.0 / 3.0));
                output
            }
            _ => weighted(self.sum.take(), 1.0 / 6.0),
        };
        let start = self.start.clone().unwrap_or(sample);
        self.moved(start, output, (from, to))
    }

    /// One evaluation of the multistep.
    fn step_multistep(&mut self, output: Tensor<4>, timestep: i64, sample: Tensor<4>) -> Tensor<4> {
        let repeated = self.counter == 1;
        let ends = if repeated {
            (timestep + self.stride, timestep)
        } else {
            self.outputs.truncate(ORDER - 1);
            self.outputs.insert(0, output.clone());
            (timestep, timestep - self.stride)
        };
        let past = |index: usize, weight: f32| self.outputs[index].clone() * weight;
        let output = match (self.outputs.len(), repeated) {
            (1, true) => (output + past(0, 1.0)) / 2.0,
            (1, false) => output,
            (2, _) => (past(0, 3.0) - past(1, 1.0)) / 2.0,
            (3, _) => (past(0, 23.0) - past(1, 16.0) + past(2, 5.0)) / 12.0,
            _ => (past(0, 55.0) - past(1, 59.0) + past(2, 37.0) - past(3, 9.0)) / 24.0,
        };
        let start = match (self.counter, self.start.take()) {
            (0, _) => {
                self.start = Some(sample.clone());
                sample
            }
            (1, Some(start)) => start,
            _ => sample,
        };
        self.moved(start, output, ends)
    }

    /// Equation 9 of the paper: the sample moved between two timesteps along the predicted noise.
    fn moved(&self, sample: Tensor<4>, output: Tensor<4>, (from, to): (i64, i64)) -> Tensor<4> {
        let alpha = self.alphas.at(from).unwrap_or(self.last_alpha);
        let next = self.alphas.at(to).unwrap_or(self.last_alpha);
        let output = match self.prediction_type {
            PredictionType::Epsilon => output,
            PredictionType::VPrediction => {
                let level = Mixture::from_alpha(alpha);
                output * level.signal + sample.clone() * level.noise
            }
        };
        let divisor = alpha * (1.0 - next).sqrt() + (alpha * (1.0 - alpha) * next).sqrt();
        sample * (next / alpha).sqrt() - output * ((next - alpha) / divisor)
    }
}

/// The timesteps with the second one twice.
fn with_second_twice(spaced: &[i64]) -> Vec<i64> {
    let twice = spaced.iter().enumerate();
    twice
        .flat_map(|(index, &timestep)| std::iter::repeat_n(timestep, 1 + usize::from(index == 1)))
        .collect()
}

/// The evaluations of three Runge-Kutta steps over the first four timesteps, then the others; and how many the first are.
fn with_halves(spaced: &[i64], half: i64) -> (Vec<i64>, usize) {
    let starts = spaced.windows(2).take(ORDER - 1);
    let mut visited: Vec<i64> = starts
        .flat_map(|pair| [pair[0], pair[1] + half, pair[1] + half, pair[1]])
        .collect();
    let runge_kutta = visited.len();
    visited.extend(spaced.iter().skip(ORDER - 1));
    (visited, runge_kutta)
}

impl Sampler for Pndm {
    fn walk(&self) -> &dyn Walk {
        &self.walk
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        _noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let timestep = self.visited[index];
        let moved = if self.counter < self.runge_kutta {
            self.step_runge_kutta(model_output_bchw, timestep, sample_bchw)
        } else {
            self.step_multistep(model_output_bchw, timestep, sample_bchw)
        };
        self.counter += 1;
        moved
    }

    fn begin_anew(&mut self) {
        self.counter = 0;
        self.outputs.clear();
        self.sum = None;
        self.start = None;
    }
}

//! `UniPC` (Zhao et al. 2023): a multistep predictor, and a corrector that uses each new prediction once more for the step that
//! led to it.

use std::collections::VecDeque;

use burn::tensor::Tensor;

use super::Sampler;
use super::walk::{Mixtures, Walk, lambdas};
use crate::noise::NoiseSource;
use crate::schedule::class::{Class, Rounding, Setting};
use crate::schedule::course::Course;
use crate::schedule::sigmas::Ladder;
use crate::schedule::{
    FinalSigma, PredictionType, Result, ScheduleError, SolverSettings, SolverType,
};

/// The sampler.
#[derive(Debug)]
pub(super) struct UniPc {
    walk: Mixtures,
    /// Half the logarithm of the signal-to-noise ratio at each evaluation and after the last one.
    lambdas: Vec<f64>,
    prediction_type: PredictionType,
    settings: SolverSettings,
    /// Past predictions of the picture, the newest first.
    pictures: VecDeque<Tensor<4>>,
    /// The sample that the last step started from, and the order of that step.
    last: Option<(Tensor<4>, usize)>,
}

/// One step between two evaluations.
struct Stride {
    /// The factor on the sample.
    kept: f64,
    /// The factor on the newest prediction.
    gained: f64,
    /// The factor on the weighted differences.
    scale: f64,
    /// Places of past predictions in units of the step, the nearest first, then 1 for the end of the step.
    places: Vec<f64>,
    /// Right-hand side of the order conditions.
    moments: Vec<f64>,
}

impl UniPc {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        let class = Class {
            reads: &[Setting::ZeroSnr, Setting::KarrasRange, Setting::FinalSigma],
            rounding: Rounding::UniPc,
            ..Class::K_DIFFUSION
        };
        let (config, steps) = (course.config, course.steps);
        let settings = config.solver.clone();
        let ends_clean = config.final_sigma == FinalSigma::Zero;
        if ends_clean && !settings.lower_order_final && settings.order > 1 && steps > 1 {
            // diffusers divides by zero in the last step
            return Err(ScheduleError::Unsupported {
                setting: "lower_order_final",
                got: "false".to_owned(),
                supported: "true, or final_sigmas_type sigma_min, with the sampler unipc",
            });
        }
        let ladder = Ladder::new(&class, course)?;
        Ok(Self {
            walk: Mixtures::from(&ladder),
            lambdas: lambdas(&ladder),
            prediction_type: config.prediction_type,
            settings,
            pictures: VecDeque::new(),
            last: None,
        })
    }

    /// The step of `order` that leaves evaluation `from`.
    fn stride(&self, from: usize, order: usize) -> Stride {
        let (start, end) = (self.walk.levels[from], self.walk.levels[from + 1]);
        let lambda = self.lambdas[from];
        let h = self.lambdas[from + 1] - lambda;
        let decay = (-h).exp_m1();
        let scale = match self.settings.solver_type {
            Some(SolverType::Bh1) => -h,
            _ => decay,
        };
        let past = (1..order).map(|back| (self.lambdas[from - back] - lambda) / h);
        let mut phi = decay / -h - 1.0;
        let mut factorial = 1.0;
        let moments = (1..=order)
            .map(|power| {
                let moment = phi * factorial / scale;
                factorial *= (power + 1) as f64;
                phi = phi / -h - 1.0 / factorial;
                moment
            })
            .collect();
        let signal = f64::from(end.signal);
        Stride {
            kept: f64::from(end.noise) / f64::from(start.noise),
            gained: -signal * decay,
            scale: -signal * scale,
            places: past.chain(std::iter::once(1.0)).collect(),
            moments,
        }
    }

    /// The weighted differences between past predictions and the newest of them.
    fn weighted(&self, places: &[f64], weights: &[f64]) -> Option<Tensor<4>> {
        let newest = &self.pictures[0];
        let terms = self.pictures.iter().skip(1).zip(places).zip(weights);
        terms
            .map(|((picture, place), weight)| (picture.clone() - newest.clone()) * (weight / place))
            .reduce(|sum, term| sum + term)
    }

    /// The end of the step that leaves evaluation `index` with `sample`.
    fn predict(&self, index: usize, sample: Tensor<4>, order: usize) -> Tensor<4> {
        let stride = self.stride(index, order);
        let moved = sample * stride.kept + self.pictures[0].clone() * stride.gained;
        let past = order - 1;
        let weights = match past {
            0 => return moved,
            1 => vec![0.5],
            _ => solve(&stride.places[..past], &stride.moments[..past]),
        };
        match self.weighted(&stride.places[..past], &weights) {
            Some(sum) => moved + sum * stride.scale,
            None => moved,
        }
    }

    /// The sample at evaluation `index` anew, now that the picture predicted from it is known.
    fn correct(
        &self,
        index: usize,
        (start, order): (Tensor<4>, usize),
        picture: &Tensor<4>,
    ) -> Tensor<4> {
        let stride = self.stride(index - 1, order);
        let weights = if order == 1 {
            vec![0.5]
        } else {
            solve(&stride.places, &stride.moments)
        };
        let past = order - 1;
        let newest = &self.pictures[0];
        let change = (picture.clone() - newest.clone()) * weights[past];
        let change = match self.weighted(&stride.places[..past], &weights[..past]) {
            Some(sum) => sum + change,
            None => change,
        };
        start * stride.kept + newest.clone() * stride.gained + change * stride.scale
    }
}

/// Weights whose sums with the powers 0, 1, … of `places` are `moments`: a Vandermonde system, solved by elimination.
fn solve(places: &[f64], moments: &[f64]) -> Vec<f64> {
    let size = places.len();
    let power = |exponent: usize, place: f64| place.powi(i32::try_from(exponent).unwrap_or(0));
    let mut rows: Vec<Vec<f64>> = (0..size)
        .map(|exponent| {
            let left = places.iter().map(|&place| power(exponent, place));
            left.chain(std::iter::once(moments[exponent])).collect()
        })
        .collect();
    for column in 0..size {
        let below = column..size;
        let pivot = below
            .max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))
            .unwrap_or(column);
        rows.swap(column, pivot);
        for row in 0..size {
            if row == column {
                continue;
            }
            let factor = rows[row][column] / rows[column][column];
            let pivot = rows[column].clone();
            let entries = rows[row].iter_mut().zip(pivot);
            entries.for_each(|(entry, pivot)| *entry -= factor * pivot);
        }
    }
    (0..size)
        .map(|row| rows[row][size] / rows[row][row])
        .collect()
}

impl Sampler for UniPc {
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
        let picture = self.prediction_type.picture_of_mixture(
            model_output_bchw,
            sample_bchw.clone(),
            self.walk.levels[index],
        );
        let sample = match self.last.take() {
            Some(last) if !self.settings.disable_corrector.contains(&(index - 1)) => {
                self.correct(index, last, &picture)
            }
            _ => sample_bchw,
        };
        self.pictures.push_front(picture);
        self.pictures.truncate(self.settings.order);
        let left = self.walk.timesteps.len() - index;
        let allowed = if self.settings.lower_order_final {
            self.settings.order.min(left)
        } else {
            self.settings.order
        };
        let order = allowed.min(self.pictures.len());
        self.last = Some((sample.clone(), order));
        self.predict(index, sample, order)
    }

    fn begin_anew(&mut self) {
        self.pictures.clear();
        self.last = None;
    }
}

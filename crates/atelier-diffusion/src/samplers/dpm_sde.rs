//! DPM-Solver++ on the stochastic equation as k-diffusion writes it: the midpoint method, with noise from one Brownian motion
//! over sigma, so that more steps refine the same walk.

use atelier_core::Seed;
use burn::tensor::{Tensor, TensorData};

use super::Sampler;
use super::walk::{Walk, scaled, with_middles};
use crate::noise::NoiseSource;
use crate::noise::brownian::BrownianMotion;
use crate::schedule::class::Class;
use crate::schedule::course::Course;
use crate::schedule::sigmas::Ladder;
use crate::schedule::{BetaDefaults, PredictionType, Result};

/// The sampler.
pub(super) struct DpmSde {
    /// Its inner sigmas come twice, once for the end of a step and once for the start of the next.
    ladder: Ladder,
    prediction_type: PredictionType,
    seed: Option<Seed>,
    motion: Option<BrownianMotion>,
    /// The sample at the start, between the two evaluations of a step.
    start: Option<Tensor<4>>,
}

impl DpmSde {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        let class = Class {
            betas: BetaDefaults::SECOND_ORDER,
            reads: &[],
            single_precision: false,
            ..Class::K_DIFFUSION
        };
        let ladder = Ladder::new(&class, course)?;
        let pairs = ladder.sigmas.windows(2);
        let middles: Vec<f32> = pairs.map(|pair| middle(pair[0], pair[1])).collect();
        Ok(Self {
            ladder: with_middles(ladder, middles.into_iter()),
            prediction_type: course.config.prediction_type,
            seed: course.config.noise_sampler_seed.map(Seed),
            motion: None,
            start: None,
        })
    }

    /// Noise of unit variance for the step from one sigma down to another.
    fn grain(
        &mut self,
        like: &Tensor<4>,
        (from, to): (f32, f32),
        noise: &dyn NoiseSource,
    ) -> Tensor<4> {
        let shape = like.dims();
        let sigmas = &self.ladder.sigmas;
        let seed = self.seed.unwrap_or_else(|| noise.seed());
        let motion = self.motion.get_or_insert_with(|| {
            let noisy = sigmas.iter().copied().filter(|&sigma| sigma > 0.0);
            let (smallest, largest) = noisy.fold((f32::MAX, 0.0_f32), |(low, high), sigma| {
                (low.min(sigma), high.max(sigma))
            });
            BrownianMotion::new(noise, seed, shape.iter().product(), (smallest, largest))
        });
        // the motion runs towards larger sigmas, the walk towards smaller ones
        let increment = motion.increment(f64::from(to), f64::from(from));
        let grain = Tensor::<4>::from_data(TensorData::new(increment, shape), &like.device());
        -grain / (to - from).abs().sqrt()
    }
}

/// The sigma halfway between the logarithms of two.
fn middle(from: f32, to: f32) -> f32 {
    let (from, to) = (time(from), time(to));
    sigma_at(from + (to - from) * 0.5)
}

/// Minus the logarithm of sigma. The places where the Brownian motion is asked depend on the last digit of single precision,
/// which is why every function here keeps to it.
fn time(sigma: f32) -> f32 {
    -(f64::from(sigma).ln() as f32)
}

fn sigma_at(time: f32) -> f32 {
    f64::from(-time).exp() as f32
}

impl Sampler for DpmSde {
    fn walk(&self) -> &dyn Walk {
        &self.ladder
    }

    fn order(&self) -> usize {
        2
    }

    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        let sigmas = &self.ladder.sigmas;
        let sigma = match self.start {
            None => sigmas[index],
            Some(_) => middle(sigmas[index - 1], sigmas[index]),
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
        let first = self.start.is_none();
        let at = if first { index } else { index - 1 };
        let (sigma, next) = (self.ladder.sigmas[at], self.ladder.sigmas[at + 1]);
        if next <= 0.0 {
            let slope =
                self.prediction_type
                    .derivative(model_output_bchw, sample_bchw.clone(), sigma);
            return sample_bchw + slope * (next - sigma);
        }
        let middle = middle(sigma, next);
        let seen = if first { sigma } else { middle };
        let picture = self
            .prediction_type
            .picture(model_output_bchw, sample_bchw.clone(), seen);
        let (start, target) = match self.start.take() {
            None => {
                self.start = Some(sample_bchw.clone());
                (sample_bchw, middle)
            }
            Some(start) => (start, sigma_at(time(next))),
        };
        let from = sigma_at(time(sigma));
        let (from_2, target_2) = (from * from, target * target);
        let fresh = (target_2 * (from_2 - target_2) / from_2).sqrt().min(target);
        let down = time((target_2 - fresh * fresh).max(0.0).sqrt());
        let gained = -(time(sigma) - down).exp_m1();
        let grain = self.grain(&start, (from, target), noise);
        start * (sigma_at(down) / from) + picture * gained + grain * fresh
    }

    fn begin_anew(&mut self) {
        self.start = None;
        self.motion = None;
    }
}

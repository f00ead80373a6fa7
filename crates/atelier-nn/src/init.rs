//! Random starting values for models that are trained from nothing.

use rand::SeedableRng as _;
use rand::distr::{Distribution as _, Uniform};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::params::{Init, ParamError, ParamSource};

/// Draws every parameter from one seeded stream, in the order in which layers are built.
#[derive(Debug, Clone)]
pub struct RandomParams(ChaCha8Rng);

impl RandomParams {
    /// A stream that follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }
}

impl ParamSource for RandomParams {
    fn load(&mut self, _name: &str, shape: &[usize], init: Init) -> Result<Vec<f32>, ParamError> {
        let count = shape.iter().product();
        Ok(match init {
            Init::Zeros => vec![0.0; count],
            Init::Ones => vec![1.0; count],
            Init::Normal(deviation) => {
                let normal = StandardNormal.sample_iter(&mut self.0).take(count);
                normal.map(|value: f32| value * deviation).collect()
            }
            Init::FanIn(fan_in) => {
                let bound = 1.0 / (fan_in as f32).sqrt();
                let uniform = Uniform::new_inclusive(-bound, bound)
                    .expect("the bound is finite and positive");
                uniform.sample_iter(&mut self.0).take(count).collect()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_within_the_fan_in_bound_and_repeat_with_the_seed() {
        let draw = || {
            RandomParams::new(7)
                .load("w", &[8, 16], Init::FanIn(16))
                .unwrap()
        };
        assert!(draw().iter().all(|v| v.abs() <= 0.25) && draw().iter().any(|v| v.abs() > 0.2));
        assert_eq!(draw(), draw());
    }
}

//! `AdamW` (Loshchilov and Hutter 2019) with the order of operations of `torch.optim.AdamW`.

use serde::{Deserialize, Serialize};

use crate::kernels::{self, Moved, OptimizerStep};

/// Settings that all tensors share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay, multiplied by the learning rate.
    pub weight_decay: f64,
}

/// Where in a training an update stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The step, counted from 1.
    pub step: u64,
    /// The learning rate of this step.
    pub rate: f64,
}

impl AdamW {
    /// `PyTorch`'s defaults with another weight decay.
    pub fn with_weight_decay(weight_decay: f64) -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay,
        }
    }

    /// Moves `values` against `gradient`. All slices have the same length.
    pub fn update(&self, values: &mut [f32], gradient: &[f32], moments: &mut Moments, pace: Pace) {
        let Moments { first, second } = moments;
        let moments = [first.as_mut_slice(), second];
        let tensor = Moved {
            values,
            gradient,
            moments,
        };
        self.update_all(std::iter::once(tensor), pace);
    }

    /// Moves the values of every tensor against their gradient.
    ///
    /// # Source
    /// `torch.optim.AdamW`, single-tensor form: decay, moments, then
    /// `θ ← θ − (lr / (1 − β₁ᵗ)) · m / (√v / √(1 − β₂ᵗ) + ε)`.
    pub fn update_all<'a>(&self, tensors: impl Iterator<Item = Moved<'a>>, pace: Pace) {
        let Pace { step, rate: lr } = pace;
        let power = i32::try_from(step).unwrap_or(i32::MAX);
        let step = OptimizerStep {
            decay: (1.0 - lr * self.weight_decay) as f32,
            rate: (lr / (1.0 - self.beta1.powi(power))) as f32,
            root_correction: (1.0 - self.beta2.powi(power)).sqrt() as f32,
            one_minus_beta1: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            one_minus_beta2: (1.0 - self.beta2) as f32,
            epsilon: self.epsilon as f32,
        };
        kernels::optimizer_step(&step, tensors);
    }
}

/// Running averages of one tensor's gradient and squared gradient.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moments {
    /// Average of the gradient.
    pub first: Vec<f32>,
    /// Average of the squared gradient.
    pub second: Vec<f32>,
}

impl Moments {
    /// Zeros for a tensor of `length` elements.
    pub fn zeros(length: usize) -> Self {
        Self {
            first: vec![0.0; length],
            second: vec![0.0; length],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_step_moves_by_the_learning_rate_against_the_sign() {
        let mut values = vec![1.0, -2.0];
        let mut moments = Moments::zeros(2);
        AdamW::with_weight_decay(0.0).update(
            &mut values,
            &[0.5, -3.0],
            &mut moments,
            Pace { step: 1, rate: 0.1 },
        );
        assert!(
            (values[0] - 0.9).abs() < 1e-6 && (values[1] + 1.9).abs() < 1e-6,
            "{values:?}"
        );
    }

    #[test]
    fn decay_shrinks_values_without_a_gradient() {
        let mut values = vec![2.0];
        AdamW::with_weight_decay(0.5).update(
            &mut values,
            &[0.0],
            &mut Moments::zeros(1),
            Pace { step: 1, rate: 0.1 },
        );
        assert!((values[0] - 1.9).abs() < 1e-6);
    }
}

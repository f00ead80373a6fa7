//! How fast single operations of a denoiser are on this machine, forward and backward.

use std::sync::Arc;

use atelier_core::Clock;
use atelier_nn::kernels::{self, Frozen, Keep, WeightFormat};
use burn::tensor::{Device, Tensor, TensorData};

use crate::device::Chosen;

/// Billions of multiplications and additions in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Forward.
    pub forward_gflops: f64,
    /// The same for the gradient of the operands.
    pub backward_gflops: f64,
}

impl Rate {
    /// Work forward and backward, in multiplications and additions, and the seconds that each took.
    fn of(work: [f64; 2], secs: [f64; 2]) -> Self {
        Self {
            forward_gflops: work[0] / secs[0] / 1e9,
            backward_gflops: work[1] / secs[1] / 1e9,
        }
    }
}

/// Times operations on the processor; the fastest of so many runs counts.
pub struct Stopwatch<'a> {
    clock: &'a dyn Clock,
    runs: u32,
    device: Device,
}

impl<'a> Stopwatch<'a> {
    /// One that times each operation so many times by a clock.
    pub fn new(clock: &'a dyn Clock, runs: u32) -> Self {
        Self {
            clock,
            runs,
            device: Chosen::cpu().device.autodiff(),
        }
    }

    /// Numbers between -1 and 1 whose gradient is wanted.
    fn operand<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        let values = numbers(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &self.device).require_grad()
    }

    /// The fastest forward and backward pass in seconds.
    fn fastest<const D: usize>(&self, operation: impl Fn() -> Tensor<D>) -> [f64; 2] {
        let now = || self.clock.unix_secs();
        let mut best = [f64::INFINITY; 2];
        for _ in 0..=self.runs {
            let start = now();
            let y = operation();
            let middle = now();
            let loss = y.sum();
            let before = now();
            drop(loss.backward());
            let secs = [middle - start, now() - before];
            best = [best[0].min(secs[0]), best[1].min(secs[1])];
        }
        best
    }

    /// A frozen linear map of rows, inputs and outputs.
    pub fn linear(&self, [rows, inputs, outputs]: [usize; 3], format: WeightFormat) -> Rate {
        let weights = Frozen::new(
            &numbers(inputs * outputs),
            [outputs, inputs, 1],
            None,
            format,
        );
        let (x, weights) = (self.operand([rows, inputs]), Arc::new(weights));
        let secs = self.fastest(|| kernels::frozen_linear(x.clone(), &weights, Keep::Exact));
        let work = 2.0 * (rows * inputs * outputs) as f64;
        Rate::of([work; 2], secs)
    }

    /// A frozen 3×3 convolution on a square picture: side, inputs, outputs.
    pub fn convolution(&self, [side, inputs, outputs]: [usize; 3], format: WeightFormat) -> Rate {
        let weights = Frozen::new(
            &numbers(9 * inputs * outputs),
            [outputs, inputs, 9],
            None,
            format,
        );
        let (x, weights) = (self.operand([1, side, side, inputs]), Arc::new(weights));
        let secs = self.fastest(|| kernels::frozen_conv2d(x.clone(), &weights, 1, 1));
        let work = 18.0 * (side * side * inputs * outputs) as f64;
        Rate::of([work; 2], secs)
    }

    /// Attention of heads, queries, keys and features of a head.
    pub fn attention(&self, [heads, queries, keys, size]: [usize; 4], keep: Keep) -> Rate {
        let query = self.operand([1, queries, heads * size]);
        let (key, value) = (
            self.operand([1, keys, heads * size]),
            self.operand([1, keys, heads * size]),
        );
        let operands = || [query.clone(), key.clone(), value.clone()];
        let secs = self.fastest(|| kernels::attend(operands(), heads, keep).into_tensor());
        let product = 2.0 * (heads * queries * keys * size) as f64;
        // two products forward; backward the logits again and four gradients
        Rate::of([2.0 * product, 5.0 * product], secs)
    }
}

/// `count` numbers between -1 and 1.
fn numbers(count: usize) -> Vec<f32> {
    let value = |i: usize| (i.wrapping_mul(2_654_435_761) % 2003) as f32 / 1001.0 - 1.0;
    (0..count).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_work_over_time() {
        let rate = Rate::of([2e9, 5e9], [0.5, 2.0]);
        assert!((rate.forward_gflops - 4.0).abs() < 1e-9);
        assert!((rate.backward_gflops - 2.5).abs() < 1e-9);
    }

    #[test]
    fn numbers_lie_between_minus_one_and_one_and_differ() {
        let values = numbers(1000);
        assert!(values.iter().all(|value| value.abs() <= 1.001));
        assert!(
            values
                .windows(2)
                .all(|pair| (pair[0] - pair[1]).abs() > 1e-3)
        );
    }
}

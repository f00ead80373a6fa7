//! Noise and random choices from one seed, number for number those of PyTorch's CPU generator; noise of its CUDA generator and
//! Brownian motions beside it.
//!
//! The engine is mt19937 (Matsumoto and Nishimura 1998), seeded with the lower 32 bits of the seed as PyTorch does. Normal
//! values follow PyTorch's two paths: blocks of 16 single-precision Box-Muller values from 16 values on, and double
//! precision with one value kept back below that. The state can be stored, so that a resumed run draws what an
//! uninterrupted one would have drawn.

use std::f64::consts::TAU;

use atelier_core::Seed;
use serde::{Deserialize, Serialize};

pub(crate) mod brownian;
mod engine;
mod philox;
mod seed_sequence;
mod source;
#[cfg(test)]
mod tests;

use engine::Engine;
pub use philox::{LAUNCH_THREADS, TorchCudaNoise};
pub use source::{NoiseSource, TorchCpuNoise, noise_source};

/// Values per Box-Muller block: eight radii, then eight angles.
const BLOCK: usize = 16;

/// From this range on PyTorch draws integers from 64 bits.
const WIDE_RANGE: u64 = 1 << 28;

/// PyTorch's CPU random number generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorchGenerator {
    engine: Engine,
    kept_normal: Option<f64>,
}

impl TorchGenerator {
    /// The generator that `torch.Generator().manual_seed(seed)` gives.
    pub fn new(seed: Seed) -> Self {
        Self {
            engine: Engine::new((seed.0 & u64::from(u32::MAX)) as u32),
            kept_normal: None,
        }
    }

    /// The next 32 random bits.
    pub fn random_u32(&mut self) -> u32 {
        self.engine.next_u32()
    }

    fn random_u64(&mut self) -> u64 {
        let high = u64::from(self.random_u32());
        high << 32 | u64::from(self.random_u32())
    }

    /// One value of `torch.rand`: uniform in 0 (inclusive) to 1 (exclusive).
    pub fn uniform(&mut self) -> f32 {
        (self.random_u32() & 0x00ff_ffff) as f32 / 16_777_216.0
    }

    fn uniform_f64(&mut self) -> f64 {
        (self.random_u64() & ((1 << 53) - 1)) as f64 / 9_007_199_254_740_992.0
    }

    /// `torch.randn` of `n` values.
    pub fn randn(&mut self, n: usize) -> Vec<f32> {
        if n < BLOCK {
            return (0..n).map(|_| self.normal() as f32).collect();
        }
        let mut values: Vec<f32> = (0..n).map(|_| self.uniform()).collect();
        values.chunks_exact_mut(BLOCK).for_each(box_muller);
        if !n.is_multiple_of(BLOCK) {
            let last = &mut values[n - BLOCK..];
            last.fill_with(|| self.uniform());
            box_muller(last);
        }
        values
    }

    /// One double-precision normal value; the second one of each pair is kept for the next call.
    fn normal(&mut self) -> f64 {
        if let Some(kept) = self.kept_normal.take() {
            return kept;
        }
        let angle = TAU * self.uniform_f64();
        let radius = (-2.0 * (-self.uniform_f64()).ln_1p()).sqrt();
        self.kept_normal = Some(radius * angle.sin());
        radius * angle.cos()
    }

    /// `torch.randint(low, high, (n,))`: values from `low` (inclusive) to `high` (exclusive).
    ///
    /// # Panics
    /// When `high` does not exceed `low`.
    pub fn randint(&mut self, n: usize, low: i64, high: i64) -> Vec<i64> {
        assert!(low < high, "the range {low}..{high} is empty");
        let range = high.wrapping_sub(low).cast_unsigned();
        let mut draw = || {
            let bits = if range >= WIDE_RANGE {
                self.random_u64()
            } else {
                u64::from(self.random_u32())
            };
            low.wrapping_add((bits % range).cast_signed())
        };
        (0..n).map(|_| draw()).collect()
    }

    /// `torch.randperm(n)`: the numbers 0 to `n` (exclusive) in random order.
    pub fn randperm(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for first in 0..n.saturating_sub(1) {
            let offset = self.random_u32() as usize % (n - first);
            order.swap(first, first + offset);
        }
        order
    }
}

/// Turns 16 uniform values into 16 normal ones: value `j` and `j + 8` give radius and angle.
fn box_muller(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(BLOCK / 2);
    for (first, second) in radii.iter_mut().zip(angles) {
        // 1 - u lies in (0, 1], where the logarithm is finite
        let radius = (-2.0 * f64::from(1.0 - *first).ln()).sqrt();
        let angle = f64::from((TAU * f64::from(*second)) as f32);
        *first = (radius * angle.cos()) as f32;
        *second = (radius * angle.sin()) as f32;
    }
}

//! Every kernel on every level against plain f64, and every backward pass against finite differences of that.
#![allow(clippy::undocumented_unsafe_blocks, reason = "tests")]

mod copies;
mod curves;
mod norms;
mod optimizer;

use super::kept::{Activation, Precision, View, rounded};
use crate::kernels::level::Level;

/// Numbers between -2 and 2 that look random.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let value = |i: usize| {
        let mixed = (i * 7919 + seed * 104_729 + 13).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed >> 40) as f32 / (1u32 << 24) as f32 - 0.5) * 4.0
    };
    (0..count).map(value).collect()
}

/// The values of an activation that is not rounded.
fn exact(values: Activation) -> Vec<f32> {
    match values {
        Activation::Exact(values) => values,
        Activation::Rounded(_) => panic!("values as they are"),
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Asserts that errors are below `tolerance`, relative to values above 1.
fn assert_close(got: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(got) - expected).abs() / expected.abs().max(1.0);
        assert!(
            error <= tolerance,
            "{what} at {i}: {got} instead of {expected}"
        );
    }
}

/// Asserts that `gradient` is that of `loss` at `x`, for values spread over `x`. The loss is computed in f64, where
/// central differences have about 1e-8 of error.
fn assert_gradient(
    gradient: &[f32],
    x: &[f64],
    tolerance: f64,
    what: &str,
    loss: impl Fn(&[f64]) -> f64,
) {
    assert_eq!(gradient.len(), x.len(), "{what}");
    let mut moved = x.to_vec();
    for i in (0..x.len()).step_by((x.len() / 12).max(1)) {
        let mut at = |offset: f64| {
            moved[i] = x[i] + offset;
            let value = loss(&moved);
            moved[i] = x[i];
            value
        };
        let expected = (at(1e-4) - at(-1e-4)) / 2e-4;
        let error = (f64::from(gradient[i]) - expected).abs() / expected.abs().max(1.0);
        assert!(
            error <= tolerance,
            "{what} at {i}: {} instead of {expected}",
            gradient[i]
        );
    }
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

/// Asserts that `work` gives the same on one thread and on three.
fn assert_same_on_any_threads<T: PartialEq + Send>(work: impl Fn() -> T + Send + Sync) {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("a pool starts").install(&work)
    };
    assert!(run(1) == run(3), "threads change the result");
}

/// An activation that is kept for a backward pass.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kept {
    /// As it is.
    Exact(Vec<f32>),
    /// Rounded to bf16.
    Rounded(Vec<u16>),
}

impl Kept {
    /// Keeps `values`; what is exact is not copied.
    fn new(level: Level, values: Vec<f32>, precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact(values),
            Precision::Rounded => Self::Rounded(rounded(level, &values)),
        }
    }

    /// Keeps a copy of `values`.
    fn copied(level: Level, values: &[f32], precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact(values.to_vec()),
            Precision::Rounded => Self::Rounded(rounded(level, values)),
        }
    }

    /// The activation, to read.
    fn view(&self) -> View<'_> {
        match self {
            Self::Exact(values) => View::Exact(values),
            Self::Rounded(values) => View::Rounded(values),
        }
    }

    /// The activation as f32.
    fn values(&self) -> Vec<f32> {
        match self {
            Self::Exact(values) => values.clone(),
            Self::Rounded(values) => widened(values),
        }
    }
}

/// bf16 numbers as f32.
fn widened(halves: &[u16]) -> Vec<f32> {
    let wide = |&half| f32::from_bits(u32::from(half) << 16);
    halves.iter().map(wide).collect()
}

/// `x` rounded to bf16: kept so, and the same values exactly.
fn both_kept(level: Level, x: &[f32]) -> [Kept; 2] {
    let halves = Kept::copied(level, x, Precision::Rounded);
    let exact = Kept::Exact(halves.values());
    [halves, exact]
}

#[test]
fn kept_values_are_rounded_to_nearest() {
    for level in Level::available() {
        for count in [0, 1, 7, 8, 31, 40_003] {
            let x = numbers(count, 1);
            let got = widened(&rounded(level, &x));
            // half of the last of 8 bits
            for (got, x) in got.iter().zip(&x) {
                assert!((got - x).abs() <= x.abs() / 256.0, "{level:?}: {got} {x}");
            }
            let exact = Kept::new(level, x.clone(), Precision::Exact);
            assert_eq!(exact.values(), x);
            let halves = Kept::new(level, x, Precision::Rounded);
            assert_eq!(halves.view().len(), count);
            assert_eq!(halves.values(), got);
        }
    }
}

#[test]
fn kept_values_that_are_not_finite_stay_so() {
    let bits = [
        0x7fff_ffff,
        0xffff_ffff,
        0x7f80_0001,
        0x7fc0_0000,
        0xffff_8000,
        0x7f80_0000,
        0xff80_0000,
    ];
    let mut x = numbers(37, 2);
    for (i, bits) in bits.into_iter().enumerate() {
        x[5 * i] = f32::from_bits(bits);
    }
    for level in Level::available() {
        let got = widened(&rounded(level, &x));
        for (got, x) in got.iter().zip(&x) {
            assert_eq!(got.is_finite(), x.is_finite(), "{level:?}: {got} {x}");
        }
    }
}

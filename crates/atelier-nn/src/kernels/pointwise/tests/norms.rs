//! Group and layer normalisation.

use super::*;
use crate::kernels::pointwise::Affine;
use crate::kernels::pointwise::group_norm::GroupNorm;
use crate::kernels::pointwise::kept::{Activation, View};
use crate::kernels::pointwise::layer_norm;

/// Sizes with groups of 1 to 120 channels, rows that end inside a vector, and several blocks of pixels.
const SHAPES: [[usize; 4]; 9] = [
    [1, 1, 6, 3],
    [2, 5, 12, 3],
    [1, 9, 4, 4],
    [2, 17, 20, 2],
    [1, 300, 20, 4],
    [2, 270, 7, 1],
    [1, 33, 64, 32],
    [1, 6, 240, 2],
    [1, 20, 320, 32],
];

fn norm([batch, pixels, channels, groups]: [usize; 4], silu: bool) -> GroupNorm {
    GroupNorm {
        batch,
        pixels,
        channels,
        groups,
        eps: 1e-5,
        silu,
    }
}

/// Group normalisation in f64, from the definition.
fn reference(norm: &GroupNorm, x: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
    let size = norm.channels / norm.groups;
    let mut y = x.to_vec();
    for image in y.chunks_mut(norm.pixels * norm.channels) {
        for first in (0..norm.channels).step_by(size) {
            let pixels = || image.chunks(norm.channels);
            let all = || pixels().flat_map(|pixel| &pixel[first..first + size]);
            let count = (norm.pixels * size) as f64;
            let mean = all().sum::<f64>() / count;
            let variance = all().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let scale = 1.0 / (variance + norm.eps).sqrt();
            for pixel in image.chunks_mut(norm.channels) {
                for c in first..first + size {
                    let u = (pixel[c] - mean) * scale * gamma[c] + beta[c];
                    pixel[c] = if norm.silu { u / (1.0 + (-u).exp()) } else { u };
                }
            }
        }
    }
    y
}

// a few roundings of f32, and 1e-6 of SiLU
const TOLERANCE: f64 = 3e-6;
const SUMMED: f64 = 1e-4;

#[test]
fn group_norm_is_that_of_the_definition() {
    for level in Level::available() {
        for shape in SHAPES {
            for (silu, offset) in [(false, 0.0), (true, 0.3), (false, 100.0), (true, -300.0)] {
                let norm = norm(shape, silu);
                let values = norm.batch * norm.pixels * norm.channels;
                let x: Vec<f32> = numbers(values, 1).iter().map(|v| v + offset).collect();
                let (gamma, beta) = (numbers(norm.channels, 2), numbers(norm.channels, 3));
                let affine = Affine {
                    gamma: &gamma,
                    beta: &beta,
                };
                let run = |precision| norm.forward(level, &x, affine, precision).0;
                let y = exact(run(Precision::Exact));
                let halves = Activation::Rounded(rounded(level, &y));
                assert!(run(Precision::Rounded) == halves, "{level:?} {norm:?}");
                let expected = reference(&norm, &wide(&x), &wide(&gamma), &wide(&beta));
                assert_close(
                    &y,
                    &expected,
                    TOLERANCE,
                    &format!("{level:?} {norm:?} {offset}"),
                );
            }
        }
    }
}

#[test]
fn group_norm_is_exact_where_its_sample_is_far_from_the_rest() {
    // four blocks of 256 pixels
    let norm = norm([1, 1024, 24, 3], false);
    let mut x = numbers(1024 * 24, 4);
    // the pixels that the sample of each block takes
    let sampled = x.chunks_mut(24).step_by(256 / 8);
    sampled.flatten().for_each(|v| *v += 50.0);
    let (gamma, beta) = (vec![1.0; 24], vec![0.0; 24]);
    let expected = reference(&norm, &wide(&x), &wide(&gamma), &wide(&beta));
    for level in Level::available() {
        let (y, _) = norm.forward(
            level,
            &x,
            Affine {
                gamma: &gamma,
                beta: &beta,
            },
            Precision::Exact,
        );
        let y = exact(y);
        // rounding counts up to 32 times there, the share of the sample in the block
        assert_close(&y, &expected, 4.0 * TOLERANCE, &format!("{level:?}"));
    }
}

#[test]
fn group_norm_gradients_are_those_of_finite_differences() {
    for level in Level::available() {
        for shape in SHAPES {
            for (silu, offset) in [(false, 0.0), (true, 0.3), (true, 30.0)] {
                let norm = norm(shape, silu);
                let what = format!("{level:?} {norm:?} {offset}");
                let values = norm.batch * norm.pixels * norm.channels;
                let x: Vec<f32> = numbers(values, 5).iter().map(|v| v + offset).collect();
                let (gamma, beta) = (numbers(norm.channels, 6), numbers(norm.channels, 7));
                let affine = Affine {
                    gamma: &gamma,
                    beta: &beta,
                };
                let (_, moments) = norm.forward(level, &x, affine, Precision::Exact);
                let dy = numbers(values, 8);
                let mut dx = dy.clone();
                let kept = Kept::Exact(x.clone());
                let got = norm.backward(level, (kept.view(), &moments), affine, &mut dx, true);
                let got = got.expect("asked for");
                let (x, gamma, beta) = (wide(&x), wide(&gamma), wide(&beta));
                // slopes of up to about 5 with the tolerance of the values
                let tolerance = 5.0 * TOLERANCE;
                let loss = |x: &[f64], gamma: &[f64], beta: &[f64]| {
                    dot(&reference(&norm, x, gamma, beta), &dy)
                };
                assert_gradient(&dx, &x, tolerance, &what, |x| loss(x, &gamma, &beta));
                // f32 sums over up to 256 pixels of slopes that cancel
                assert_gradient(&got.gamma, &gamma, SUMMED, &what, |v| loss(&x, v, &beta));
                assert_gradient(&got.beta, &beta, SUMMED, &what, |v| loss(&x, &gamma, v));
            }
        }
    }
}

#[test]
fn group_norm_reads_rounded_values_and_gives_the_same_on_any_threads() {
    for level in Level::available() {
        for silu in [false, true] {
            let norm = norm([2, 300, 40, 8], silu);
            let (x, gamma, beta) = (numbers(24_000, 1), numbers(40, 2), numbers(40, 3));
            let affine = Affine {
                gamma: &gamma,
                beta: &beta,
            };
            let run = |kept: &Kept, wanted: bool| {
                let (y, moments) = norm.forward(level, &x, affine, Precision::Exact);
                let mut dy = numbers(24_000, 4);
                let got = norm.backward(level, (kept.view(), &moments), affine, &mut dy, wanted);
                (y, moments, dy, got)
            };
            let [halves, exact] = both_kept(level, &x);
            assert!(run(&halves, true) == run(&exact, true), "{level:?}");
            assert!(run(&halves, false).3.is_none());
            assert!(run(&halves, false).2 == run(&halves, true).2, "{level:?}");
            assert_same_on_any_threads(|| run(&halves, true));
        }
    }
}

/// Asserts that the gradient from rounded values is that from exact ones, up to the rounding of 2^-9 of values up to 2,
/// as it enters slopes of up to 3.
fn assert_near(rounded: &[f32], exact: &[f32], what: &str) {
    assert_close(rounded, &wide(exact), 3e-2, what);
}

#[test]
fn rounded_values_serve_far_from_zero() {
    for level in Level::available() {
        let what = format!("{level:?}");
        let x: Vec<f32> = numbers(6000, 1).iter().map(|v| v + 200.0).collect();
        let (gamma, beta, dy) = (numbers(20, 2), numbers(20, 3), numbers(6000, 4));
        let affine = Affine {
            gamma: &gamma,
            beta: &beta,
        };
        let exact = Kept::Exact(x.clone());

        let norm = norm([2, 150, 20, 4], true);
        let (_, moments) = norm.forward(level, &x, affine, Precision::Exact);
        let rounded = norm.keep_rounded(level, &x, &moments);
        let [mut a, mut b] = [dy.clone(), dy.clone()];
        norm.backward(level, (exact.view(), &moments), affine, &mut a, false);
        norm.backward(
            level,
            (View::Rounded(&rounded.0), &rounded.1),
            affine,
            &mut b,
            false,
        );
        assert_near(&b, &a, &what);

        let (_, moments) = layer_norm::forward(level, &x, affine, 1e-5, Precision::Exact);
        let rounded = layer_norm::keep_rounded(level, &x, &moments);
        let [mut a, mut b] = [dy.clone(), dy];
        layer_norm::backward(level, (exact.view(), &moments), affine, &mut a, false);
        layer_norm::backward(
            level,
            (View::Rounded(&rounded.0), &rounded.1),
            affine,
            &mut b,
            false,
        );
        assert_near(&b, &a, &what);
    }
}

/// Layer normalisation in f64, from the definition.
fn layer_reference(x: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
    let width = gamma.len();
    let normalise = |row: &[f64]| {
        let mean = row.iter().sum::<f64>() / width as f64;
        let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / width as f64;
        let scale = 1.0 / (variance + 1e-5).sqrt();
        let value = |(i, v): (usize, &f64)| (v - mean) * scale * gamma[i] + beta[i];
        row.iter().enumerate().map(value).collect::<Vec<f64>>()
    };
    x.chunks(width).flat_map(normalise).collect()
}

const ROWS: [[usize; 2]; 7] = [
    [3, 16],
    [1, 3],
    [5, 31],
    [2, 64],
    [270, 21],
    [2, 1031],
    [1, 2048],
];

#[test]
fn layer_norm_is_that_of_the_definition() {
    for level in Level::available() {
        for [rows, width] in ROWS {
            for offset in [0.0, 100.0, -300.0] {
                let x: Vec<f32> = numbers(rows * width, 1)
                    .iter()
                    .map(|v| v + offset)
                    .collect();
                let (gamma, beta) = (numbers(width, 2), numbers(width, 3));
                let affine = Affine {
                    gamma: &gamma,
                    beta: &beta,
                };
                let run = |precision| layer_norm::forward(level, &x, affine, 1e-5, precision).0;
                let y = exact(run(Precision::Exact));
                let expected = layer_reference(&wide(&x), &wide(&gamma), &wide(&beta));
                let what = format!("{level:?} {rows} {width} {offset}");
                assert_close(&y, &expected, TOLERANCE, &what);
                assert_eq!(
                    run(Precision::Rounded),
                    Activation::Rounded(rounded(level, &y))
                );
            }
        }
    }
}

#[test]
fn layer_norm_gradients_are_those_of_finite_differences() {
    for level in Level::available() {
        for [rows, width] in ROWS {
            let what = format!("{level:?} {rows} {width}");
            let x: Vec<f32> = numbers(rows * width, 1).iter().map(|v| v + 0.7).collect();
            let (gamma, beta) = (numbers(width, 2), numbers(width, 3));
            let affine = Affine {
                gamma: &gamma,
                beta: &beta,
            };
            let (_, moments) = layer_norm::forward(level, &x, affine, 1e-5, Precision::Exact);
            let dy = numbers(rows * width, 4);
            let mut dx = dy.clone();
            let kept = Kept::Exact(x.clone());
            let got = layer_norm::backward(level, (kept.view(), &moments), affine, &mut dx, true);
            let got = got.expect("asked for");
            let (x, gamma, beta) = (wide(&x), wide(&gamma), wide(&beta));
            // slopes of up to about 5 with the tolerance of the values
            let tolerance = 5.0 * TOLERANCE;
            let loss =
                |x: &[f64], gamma: &[f64], beta: &[f64]| dot(&layer_reference(x, gamma, beta), &dy);
            assert_gradient(&dx, &x, tolerance, &what, |x| loss(x, &gamma, &beta));
            // f32 sums over up to 256 rows of slopes that cancel
            assert_gradient(&got.gamma, &gamma, SUMMED, &what, |v| loss(&x, v, &beta));
            assert_gradient(&got.beta, &beta, SUMMED, &what, |v| loss(&x, &gamma, v));
        }
    }
}

#[test]
fn layer_norm_reads_rounded_values_and_gives_the_same_on_any_threads() {
    for level in Level::available() {
        let (x, gamma, beta) = (numbers(30_000, 1), numbers(40, 2), numbers(40, 3));
        let affine = Affine {
            gamma: &gamma,
            beta: &beta,
        };
        let run = |kept: &Kept, wanted: bool| {
            let (y, moments) = layer_norm::forward(level, &x, affine, 1e-5, Precision::Exact);
            let mut dy = numbers(30_000, 4);
            let got = layer_norm::backward(level, (kept.view(), &moments), affine, &mut dy, wanted);
            (y, moments, dy, got)
        };
        let [halves, exact] = both_kept(level, &x);
        assert!(run(&halves, true) == run(&exact, true), "{level:?}");
        assert!(run(&halves, false).3.is_none());
        assert!(run(&halves, false).2 == run(&halves, true).2, "{level:?}");
        assert_same_on_any_threads(|| run(&halves, true));
    }
}

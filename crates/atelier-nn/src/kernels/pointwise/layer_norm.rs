//! Layer normalisation of rows with a scale and shift per feature.
//!
//! `r` rows, `d` features.

mod loops;

use super::kept::{Activation, Precision, Room, View, halves};
use super::{Affine, AffineGradient, block_rows, column_sums, tasks};
use crate::kernels::level::Level;
use crate::kernels::memory::{Shared, chunk};

/// Mean and reciprocal standard deviation of every row.
pub(crate) type Moments = Vec<[f32; 2]>;

/// The normalised rows, and their moments for the backward pass.
///
/// # Shapes
/// - `x`: `[r, d]`, `d` being the number of scales
/// - returns: the same, as `precision` says
pub(crate) fn forward(
    level: Level,
    x: &[f32],
    affine: Affine,
    eps: f64,
    precision: Precision,
) -> (Activation, Moments) {
    let [rows, width] = size_of(x.len(), affine);
    let mut moments = vec![[0.0; 2]; rows];
    let states = Shared::of(moments.as_flattened_mut());
    let write = |to: Room| {
        tasks(rows, chunk(rows, width), |start, count| {
            for row in start..start + count {
                let from = &x[row * width..][..width];
                // SAFETY: tasks have their own rows, all of them inside the buffers.
                unsafe {
                    let moments = loops::normalise_at(level, to.at(row * width), from, affine, eps);
                    states.at(2 * row).cast::<[f32; 2]>().write(moments);
                };
            }
        });
    };
    // SAFETY: the tasks cover all rows.
    let y = unsafe { Activation::filled(x.len(), precision, write) };
    (y, moments)
}

/// What the backward pass needs of `x` in half the memory: rows less their means, rounded to bf16, and the moments of
/// that. Rounding `x` itself would leave few digits where a mean is far from zero.
pub(crate) fn keep_rounded(level: Level, x: &[f32], moments: &Moments) -> (Vec<u16>, Moments) {
    let width = x.len() / moments.len().max(1);
    assert_eq!(x.len(), width * moments.len(), "moments of every row");
    let write = |to: *mut u16, start: usize, count: usize| {
        for (i, row) in x[start..start + count].chunks_exact(width).enumerate() {
            let [mean, _] = moments[start / width + i];
            // SAFETY: parts are whole rows.
            unsafe { loops::centre_at(level, to.add(i * width), row, mean) };
        }
    };
    let size = chunk(moments.len(), width) * width;
    // SAFETY: all rows are written.
    let kept = unsafe { halves(x.len(), size.max(1), write) };
    (
        kept,
        moments.iter().map(|&[_, scale]| [0.0, scale]).collect(),
    )
}

/// Turns the gradient `dy` of the result into that of `x`; also gives that of the scales and shifts if `wanted`.
///
/// # Shapes
/// - `x`, `dy`: `[r, d]`
pub(crate) fn backward(
    level: Level,
    (x, moments): (View, &Moments),
    affine: Affine,
    dy: &mut [f32],
    wanted: bool,
) -> Option<AffineGradient> {
    let [rows, width] = size_of(x.len(), affine);
    assert_eq!(x.len(), dy.len(), "a gradient has the size of its values");
    assert_eq!(moments.len(), rows, "moments of every row");
    let size = block_rows(rows, width);
    // for every task the sums of gradients times normalised values, and of gradients
    let row_sums = if wanted { 2 * width } else { 0 };
    let mut parts = vec![0.0; rows.div_ceil(size) * row_sums];
    let (to, sums) = (Shared::of(dy), Shared::of(&mut parts));
    tasks(rows, size, |start, count| {
        for (row, &moments) in moments.iter().enumerate().skip(start).take(count) {
            let x = x.part(row * width, width);
            let sums = wanted.then(|| sums.at(start / size * row_sums));
            // SAFETY: tasks have their own rows and sums, all of them inside the buffers.
            unsafe { loops::backward_at(level, to.at(row * width), x, moments, affine, sums) };
        }
    });
    wanted.then(|| {
        let sums: Vec<f32> = column_sums(&parts, row_sums)
            .iter()
            .map(|&sum| sum as f32)
            .collect();
        let (gamma, beta) = sums.split_at(width);
        AffineGradient {
            gamma: gamma.to_vec(),
            beta: beta.to_vec(),
        }
    })
}

fn size_of(len: usize, affine: Affine) -> [usize; 2] {
    let width = affine.gamma.len();
    assert_eq!(affine.beta.len(), width, "as many shifts as scales");
    assert!(width > 0 && len.is_multiple_of(width), "whole rows");
    [len / width, width]
}

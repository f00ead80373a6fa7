//! Linear maps with packed weights: forward, and the gradient of the input.

use super::super::memory::{Shared, append, chunk, filled};
use super::halves::half_rows;
use super::packed::{Format, Packed, chunk_length};
use super::scratch::with_units;
use super::walk::{Direction, Left, Place, Scales, Start, Tap, product};
use super::whole::{norm_limit, row_at};
use crate::kernels::share::share_each;

/// `y [rows, outputs] = x [rows, inputs] · Wᵀ + bias`.
pub(crate) fn forward(weights: &Packed, x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let rows = x.len() / weights.depth;
    let start = bias.map_or(Start::Zero, Start::Bias);
    // SAFETY: the product writes every value.
    unsafe {
        filled(rows * weights.columns, |to| {
            rows_product(weights, Direction::Forward, x, start, to);
        })
    }
}

/// `dx [rows, inputs] = dy [rows, outputs] · W`.
pub(crate) fn input_gradient(weights: &Packed, dy: &[f32]) -> Vec<f32> {
    let mut dx = Vec::new();
    input_gradient_onto(weights, dy, &mut dx);
    dx
}

/// The same rows, put behind those of `dx`.
pub(crate) fn input_gradient_onto(weights: &Packed, dy: &[f32], dx: &mut Vec<f32>) {
    let rows = dy.len() / weights.columns;
    // SAFETY: the product writes every value.
    unsafe {
        append(dx, rows * weights.depth, |to| {
            rows_product(weights, Direction::Gradient, dy, Start::Zero, to);
        });
    }
}

/// Adds `x · Wᵀ` to `y`.
pub(crate) fn add_forward(weights: &Packed, x: &[f32], y: &mut [f32]) {
    assert_eq!(
        x.len() / weights.depth,
        y.len() / weights.columns,
        "rows of a sum"
    );
    // SAFETY: `y` is borrowed for all of it.
    unsafe { rows_product(weights, Direction::Forward, x, Start::Result, Shared::of(y)) };
}

/// # Safety
/// `to` must hold the product, for this function alone.
unsafe fn rows_product(
    weights: &Packed,
    direction: Direction,
    from: &[f32],
    start: Start<'_>,
    to: Shared,
) {
    assert_eq!(weights.taps, 1, "taps of a linear map");
    let (depth, columns) = match direction {
        Direction::Forward => (weights.depth, weights.columns),
        Direction::Gradient => (weights.columns, weights.depth),
    };
    assert_eq!(from.len() % depth, 0, "values of whole rows");
    let rows = from.len() / depth;
    let stride = weights.row_step(depth);
    let place = |row: usize| Place {
        from: row * stride,
        to: row * columns,
    };
    let places: Vec<Place> = (0..rows).map(place).collect();
    let run = |units: *const u32, scales: Scales<'_>| {
        let left = Left {
            units,
            scales,
            rows: &places,
            taps: &[Tap { row: 0, tap: 0 }],
        };
        // SAFETY: every row holds `stride` units; the result is the caller's.
        unsafe { product(&left, weights, direction, start, to) };
    };
    match weights.format {
        Format::F32 => run(from.as_ptr().cast(), Scales::Exact),
        Format::Bf16 => with_units(rows * stride, |units| {
            // SAFETY: there are so many units for every row.
            unsafe { half_rows(weights.level, from, depth, units.as_mut_ptr(), stride) };
            run(units.as_ptr(), Scales::Exact);
        }),
        Format::I16 => with_units(rows * stride, |units| {
            let scales = whole_rows(weights, direction, from, units.as_mut_ptr());
            run(units.as_ptr(), Scales::Rows(&scales));
        }),
    }
}

/// Writes the rows as whole numbers and returns their factors, chunk by chunk.
fn whole_rows(weights: &Packed, direction: Direction, from: &[f32], to: *mut u32) -> Vec<f32> {
    let (depth, fold) = match direction {
        Direction::Forward => (weights.depth, None),
        Direction::Gradient => (weights.columns, Some(&weights.scales)),
    };
    let length = chunk_length(depth, 1);
    let limits: Vec<f32> = (0..depth.div_ceil(length))
        .map(|chunk| norm_limit(weights, direction, chunk))
        .collect();
    let rows = from.len() / depth;
    let to = Shared::from_ptr(to.cast());
    let stride = weights.units_of(depth);
    let write = |scales: Shared| {
        let size = chunk(rows, depth);

        share_each(from.chunks(size * depth), |part, values| {
            for (i, values) in values.chunks(depth).enumerate() {
                let row = part * size + i;
                let fold = fold.map_or(std::ptr::null(), Vec::as_ptr);
                // SAFETY: every row has its own units and factors.
                unsafe {
                    row_at(
                        weights.level,
                        values,
                        fold,
                        length,
                        &limits,
                        to.at(row * stride).cast(),
                        scales.at(row),
                        rows,
                    );
                }
            }
        });
    };
    // SAFETY: every row writes one factor for each chunk.
    unsafe { filled(rows * limits.len(), write) }
}

//! Linear maps with packed weights: forward, and the gradient of the input.

use super::super::memory::{Shared, append, chunk, filled};
use super::super::pointwise::kept::{Activation, Precision, Room};
use super::halves::half_rows;
use super::operand::Operand;
use super::packed::{Format, Packed, chunk_length};
use super::scratch::Scratch;
use super::walk::{self, Direction, Left, Output, Place, Scales, Start, Tap, product};
use super::whole::{norm_limit, row_at};
use crate::kernels::share::share_each;

/// Weights, and the rows that they are multiplied with.
pub(crate) type Term<'a> = (&'a Packed, Operand<'a>);

/// `y [rows, outputs] = x [rows, inputs] · Wᵀ + bias`.
pub(crate) fn forward(weights: &Packed, x: Operand<'_>, bias: Option<&[f32]>) -> Vec<f32> {
    let start = bias.map_or(Start::Zero, Start::Bias);
    let write = |to| {
        let to = Output::Floats(to);
        // SAFETY: the result is this function's.
        unsafe { rows_product(&[(weights, x)], Direction::Forward, start, to) };
    };
    // SAFETY: the product writes every value.
    unsafe { filled(x.count() * weights.columns, write) }
}

/// The sum of several such products, of as many rows and outputs, plus one bias. The first should be the largest.
pub(crate) fn forward_sum(
    terms: &[Term<'_>],
    bias: Option<&[f32]>,
    precision: Precision,
) -> Activation {
    let (weights, x) = terms[0];
    let start = bias.map_or(Start::Zero, Start::Bias);
    let count = x.count() * weights.columns;
    sum(terms, Direction::Forward, start, count, precision)
}

/// `dx [rows, inputs] = dy [rows, outputs] · W`.
pub(crate) fn input_gradient(weights: &Packed, dy: Operand<'_>) -> Vec<f32> {
    let mut dx = Vec::new();
    input_gradient_onto(weights, dy, &mut dx);
    dx
}

/// The sum of several such products, of as many rows and inputs. The first should be the largest.
pub(crate) fn input_gradient_sum(terms: &[Term<'_>], precision: Precision) -> Activation {
    let (weights, dy) = terms[0];
    let count = dy.count() * weights.depth;
    sum(terms, Direction::Gradient, Start::Zero, count, precision)
}

/// The rows of [`input_gradient`], put behind those of `dx`.
pub(crate) fn input_gradient_onto(weights: &Packed, dy: Operand<'_>, dx: &mut Vec<f32>) {
    // SAFETY: the product writes every value.
    unsafe {
        append(dx, dy.count() * weights.depth, |to| {
            let to = Output::Floats(to);
            rows_product(&[(weights, dy)], Direction::Gradient, Start::Zero, to);
        });
    }
}

fn sum(
    terms: &[Term<'_>],
    direction: Direction,
    start: Start<'_>,
    count: usize,
    precision: Precision,
) -> Activation {
    let write = |room| {
        let to = match room {
            Room::Exact(to) => Output::Floats(to),
            Room::Rounded(to) => Output::Halves(to),
        };
        // SAFETY: the result is this function's.
        unsafe { rows_product(terms, direction, start, to) };
    };
    // SAFETY: the product writes every value.
    unsafe { Activation::filled(count, precision, write) }
}

/// Adds `x · Wᵀ` to `y`.
pub(crate) fn add_forward(term: Term<'_>, y: &mut [f32]) {
    let (weights, x) = term;
    assert_eq!(x.count(), y.len() / weights.columns, "rows of a sum");
    let to = Output::Floats(Shared::of(y));
    // SAFETY: `y` is borrowed for all of it.
    unsafe { rows_product(&[term], Direction::Forward, Start::Result, to) };
}

/// # Safety
/// `to` must hold the product, for this function alone.
unsafe fn rows_product(terms: &[Term<'_>], direction: Direction, start: Start<'_>, to: Output) {
    let prepared = terms.iter().map(|&term| Prepared::new(term, direction));
    let prepared: Vec<Prepared> = prepared.collect();
    let terms = prepared.iter().zip(terms).map(|(prepared, (weights, _))| {
        let left = prepared.left();
        walk::Term { left, weights }
    });
    let terms: Vec<walk::Term> = terms.collect();
    // SAFETY: every row holds its units; the result is the caller's.
    unsafe { product(&terms, direction, start, to) };
}

/// Rows as the weights of their term take them.
struct Prepared {
    units: *const u32,
    /// Where the units lie, unless they are the operand's own.
    _scratch: Option<Scratch>,
    /// Factors of whole numbers, chunk by chunk.
    scales: Option<Vec<f32>>,
    places: Vec<Place>,
}

impl Prepared {
    fn new((weights, rows): Term<'_>, direction: Direction) -> Self {
        assert_eq!(weights.taps, 1, "taps of a linear map");
        let (depth, columns) = match direction {
            Direction::Forward => (weights.depth, weights.columns),
            Direction::Gradient => (weights.columns, weights.depth),
        };
        assert_eq!(rows.width(), depth, "numbers of a row");
        let count = rows.count();
        let stride = match rows {
            Operand::Floats { .. } => weights.row_step(depth),
            Operand::Halves(rows) => rows.step / 2,
        };
        let mut scratch = None;
        let mut scales = None;
        let units = match (weights.format, rows) {
            (Format::Bf16, Operand::Halves(rows)) => rows.numbers.as_ptr().cast(),
            (_, Operand::Halves(_)) => panic!("rows in bf16 meet weights in bf16"),
            (Format::F32, Operand::Floats { values, .. }) => values.as_ptr().cast(),
            (Format::Bf16, Operand::Floats { values, .. }) => {
                let units = scratch.insert(Scratch::new(count * stride));
                if count > 0 {
                    // SAFETY: there are so many units for every row.
                    unsafe {
                        half_rows(weights.level, values, depth, units.as_mut_ptr(), stride);
                    }
                }
                units.as_ptr()
            }
            (Format::I16, Operand::Floats { values, .. }) => {
                let units = scratch.insert(Scratch::new(count * stride));
                scales = Some(whole_rows(weights, direction, values, units.as_mut_ptr()));
                units.as_ptr()
            }
        };
        let place = |row: usize| Place {
            from: row * stride,
            to: row * columns,
        };
        Self {
            units,
            _scratch: scratch,
            scales,
            places: (0..count).map(place).collect(),
        }
    }

    fn left(&self) -> Left<'_> {
        let scales = self.scales.as_deref();
        Left {
            units: self.units,
            scales: scales.map_or(Scales::Exact, Scales::Rows),
            rows: &self.places,
            taps: &[Tap { row: 0, tap: 0 }],
        }
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

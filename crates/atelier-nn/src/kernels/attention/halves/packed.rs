//! Operands as pairs of bf16, some of whole numbers, in the orders that products read.

use std::ops::Range;

use super::super::scratch::{Rows, turn};
use super::Shape;
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::{Shared, filled};
use crate::kernels::pointwise::kept::{Source, View, widened};
use crate::kernels::pointwise::part::{All, First, sweep};
use crate::kernels::product::halves::{rows_at, units_of};
use crate::kernels::product::packed::NORM_LIMIT;
use crate::kernels::product::whole::{measure, round};
use crate::kernels::share::share;

/// Scratch of 32-bit numbers as units.
pub(super) fn as_units(values: &mut [f32]) -> &mut [u32] {
    // SAFETY: numbers of the same size and alignment, any bits of which are valid.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len()) }
}

/// Units as what [`turn`] moves.
fn as_floats(units: &[u32]) -> &[f32] {
    // SAFETY: as in `as_units`.
    unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), units.len()) }
}

/// Tokens of a head, from the first on.
pub(super) fn tokens<'a>(
    shape: &Shape,
    values: View<'a>,
    tokens: usize,
    pair: usize,
    range: Range<usize>,
) -> Rows<View<'a>> {
    let start = shape.offset(tokens, pair, range.start);
    shape.rows_of(values.part(start, values.len() - start), range)
}

/// Rows as left operand: row after row, `units_of(width)` units each. Rows of `to` beyond them become zeros.
pub(super) fn by_row(level: Level, from: Rows<View<'_>>, to: &mut [u32]) {
    let units = units_of(from.width);
    let length = from.count * units;
    let values = (from.count.max(1) - 1) * from.stride + from.width;
    assert!(length <= to.len() && from.width <= from.stride);
    if from.count > 0 {
        match from.values.part(0, values) {
            // SAFETY: there is room for all rows.
            View::Exact(values) => unsafe {
                rows_at(
                    level,
                    values,
                    [from.stride, from.width],
                    to.as_mut_ptr(),
                    units,
                );
            },
            View::Rounded(values) => {
                let rows = values.chunks(from.stride).zip(to.chunks_exact_mut(units));
                for (numbers, to) in rows {
                    to[from.width / 2..].fill(0);
                    let to = to.as_mut_ptr().cast::<u16>();
                    // SAFETY: a row of units holds twice as many numbers, `width` at least.
                    unsafe { to.copy_from_nonoverlapping(numbers.as_ptr(), from.width) };
                }
            }
        }
    }
    to[length..].fill(0);
}

/// Rows of operands whose products become logits, or gradients of weights: in small differences between these lies what attention
/// has learnt, so that they are as exact as the level can, and as quick. Pairs of bf16 as [`by_row`] writes them for the
/// matrix unit; otherwise pairs of whole numbers, with what takes each row back in `scales`: two rows have norms whose product
/// an i32 holds. Units of a row that no number falls into stay as they are then.
pub(super) fn rows(level: Level, from: Rows<View<'_>>, to: &mut [u32], scales: &mut [f32]) {
    if level.multiplies_matrices() {
        return by_row(level, from, to);
    }
    let units = units_of(from.width);
    let values = (from.count.max(1) - 1) * from.stride + from.width;
    assert!(from.count * units <= to.len() && from.count <= scales.len());
    assert!(from.width <= from.stride);
    scales[from.count..].fill(0.0);
    to[from.count * units..].fill(0);
    if from.count == 0 {
        return;
    }
    let of_halves;
    let values = match from.values.part(0, values) {
        View::Exact(values) => values,
        View::Rounded(values) => {
            of_halves = widened(level, values);
            &of_halves
        }
    };
    let size = [from.count, from.stride, from.width];
    // SAFETY: there are values, room and a scale for every row.
    unsafe { wholes_at(level, values, size, to, units, scales) };
}

leveled! {
    fn wholes_at(from: &[f32], size: [usize; 3], to: &mut [u32], units: usize, scales: &mut [f32]) = wholes
}

#[inline(always)]
unsafe fn wholes<S: Simd>(
    from: &[f32],
    [count, stride, width]: [usize; 3],
    to: &mut [u32],
    units: usize,
    scales: &mut [f32],
) {
    let nothing = std::ptr::null();
    for (row, scale) in scales[..count].iter_mut().enumerate() {
        // SAFETY: promised by the caller.
        unsafe {
            let from = from.as_ptr().add(row * stride);
            let to = to.as_mut_ptr().add(row * units);
            let [factor, back] = measure::<S>(from, nothing, width).factors(NORM_LIMIT);
            *scale = back;
            round::<S>(from, nothing, width, factor, to.cast());
        }
    }
}

/// The inner products of rows with those of `other`, for as many as `to` holds.
pub(super) fn inner_products(
    level: Level,
    rows: Rows<View<'_>>,
    other: Rows<View<'_>>,
    to: &mut [f32],
) {
    for of in [&rows, &other] {
        assert!(
            to.len() <= of.count && rows.width == of.width,
            "rows of both"
        );
        assert!(to.is_empty() || (to.len() - 1) * of.stride + of.width <= of.values.len());
    }
    // SAFETY: both operands hold the rows, as asserted.
    unsafe { inner_products_at(level, rows, other, to) };
}

leveled! {
    fn inner_products_at(rows: Rows<View>, other: Rows<View>, to: &mut [f32]) = inner_of_kind
}

#[inline(always)]
unsafe fn inner_of_kind<S: Simd>(rows: Rows<View>, other: Rows<View>, to: &mut [f32]) {
    // SAFETY: passed on from the caller.
    unsafe {
        match (rows.values, other.values) {
            (View::Exact(a), View::Exact(b)) => {
                inner::<S>(rows, other, a.as_ptr(), b.as_ptr(), to);
            }
            (View::Exact(a), View::Rounded(b)) => {
                inner::<S>(rows, other, a.as_ptr(), b.as_ptr(), to);
            }
            (View::Rounded(a), View::Exact(b)) => {
                inner::<S>(rows, other, a.as_ptr(), b.as_ptr(), to);
            }
            (View::Rounded(a), View::Rounded(b)) => {
                inner::<S>(rows, other, a.as_ptr(), b.as_ptr(), to);
            }
        }
    }
}

#[inline(always)]
unsafe fn inner<S: Simd>(
    rows: Rows<View>,
    other: Rows<View>,
    a: impl Source,
    b: impl Source,
    to: &mut [f32],
) {
    for (i, to) in to.iter_mut().enumerate() {
        let (first, second) = (i * rows.stride, i * other.stride);
        // SAFETY: the sweep stays inside the rows.
        unsafe {
            let mut sum = S::splat(0.0);
            sweep!(S, rows.width, |at, part| {
                let (a, b) = (
                    a.load::<S>(first + at, part),
                    b.load::<S>(second + at, part),
                );
                sum = S::fma(a, b, sum);
            });
            *to = S::sum(sum);
        }
    }
}

/// Rows as right operand of which rows are the summed dimension: a row of `step` units for every two of them, zeros beside and
/// below.
pub(super) fn by_pair(level: Level, from: Rows<View<'_>>, to: &mut [u32], step: usize) {
    let length = from.count.div_ceil(2) * step;
    assert!(from.width.next_multiple_of(16) <= step && length <= to.len());
    assert!(from.count == 0 || (from.count - 1) * from.stride + from.width <= from.values.len());
    // SAFETY: there is room for all pairs; rows hold their width.
    unsafe { pairs_at(level, from, to.as_mut_ptr(), step) };
    to[length..].fill(0);
}

leveled! {
    fn pairs_at(from: Rows<View>, to: *mut u32, step: usize) = pairs
}

#[inline(always)]
unsafe fn pairs<S: Simd>(from: Rows<View>, to: *mut u32, step: usize) {
    // SAFETY: passed on from the caller.
    unsafe {
        match from.values {
            View::Exact(values) => pairs_of::<S>(from, values.as_ptr(), to, step),
            View::Rounded(values) => pairs_of::<S>(from, values.as_ptr(), to, step),
        }
    }
}

#[inline(always)]
unsafe fn pairs_of<S: Simd>(from: Rows<View>, values: impl Source, to: *mut u32, step: usize) {
    for pair in 0..from.count.div_ceil(2) {
        for column in (0..step).step_by(S::LANES) {
            let count = from.width.saturating_sub(column).min(S::LANES);
            // SAFETY: the caller promises rows and room.
            unsafe {
                let load = |row: usize| {
                    if row < from.count && count > 0 {
                        let at = row * from.stride + column;
                        if count == S::LANES {
                            values.load::<S>(at, All)
                        } else {
                            values.load::<S>(at, First(count))
                        }
                    } else {
                        S::splat(0.0)
                    }
                };
                let units = S::halves(load(2 * pair), load(2 * pair + 1));
                S::int_store(to.add(pair * step + column), units);
            }
        }
    }
}

/// Turns `[rows, columns]` units, both multiples of 16.
pub(super) fn turned(
    level: Level,
    from: &[u32],
    [rows, columns]: [usize; 2],
    to: &mut [u32],
    to_step: usize,
) {
    // SAFETY: as in `as_units`.
    let to = unsafe { std::slice::from_raw_parts_mut(to.as_mut_ptr().cast(), to.len()) };
    let from = Rows {
        values: as_floats(from),
        stride: columns,
        count: rows,
        width: columns,
    };
    turn(level, from, to, to_step);
}

/// Keys or values of all heads as left operands.
#[derive(Debug)]
pub(super) struct TokenRows {
    /// `[pairs, keys_held, head_units]`.
    pub(super) units: Vec<u32>,
    /// `[pairs, keys_held]`; nothing where units are pairs of bf16.
    scales: Vec<f32>,
}

impl TokenRows {
    /// [`rows`] of all heads.
    pub(super) fn new(level: Level, shape: &Shape, values: View<'_>) -> Self {
        let held = shape.keys_held();
        let count = if level.multiplies_matrices() { 0 } else { held };
        let mut scales = vec![0.0; shape.pairs() * count];
        let of_rows = Shared::of(&mut scales);
        let units = by_pairs(shape, held * shape.head_units(), |pair, to| {
            let from = tokens(shape, values, shape.keys, pair, 0..shape.keys);
            // SAFETY: every pair has its own scales.
            let scales = unsafe { std::slice::from_raw_parts_mut(of_rows.at(pair * count), count) };
            rows(level, from, to, scales);
        });
        Self { units, scales }
    }

    /// The scales from a row of all heads on.
    pub(super) fn scales_from(&self, row: usize) -> &[f32] {
        if self.scales.is_empty() {
            &[]
        } else {
            &self.scales[row..]
        }
    }
}

/// Keys or values of all heads as left operands that are summed over tokens: for every head one [`Shape::tiles`] after the
/// other, `[head_rows, held / 2]` each. Rows as long as all tokens would lie whole pages apart, and so in the same lines of a
/// cache.
pub(super) fn tokens_by_value(level: Level, shape: &Shape, values: View<'_>) -> Vec<u32> {
    let (rows, units) = (shape.head_rows(), shape.keys_held() / 2);
    by_pairs(shape, rows * units, |pair, to| {
        let mut between = vec![0; rows * units];
        let from = tokens(shape, values, shape.keys, pair, 0..shape.keys);
        by_pair(level, from, &mut between, rows);
        for [first, _, held] in shape.tiles() {
            let units = held / 2;
            let tile = first / 2 * rows..(first / 2 + units) * rows;
            let to = &mut to[tile.clone()];
            turned(level, &between[tile], [units, rows], to, units);
        }
    })
}

/// Units of all batches and heads, `size` for each, which `write` fills.
fn by_pairs(
    shape: &Shape,
    size: usize,
    write: impl Fn(usize, &mut [u32]) + Sync + Send,
) -> Vec<u32> {
    let fill = |to: Shared<u32>| {
        share(shape.pairs(), |pair| {
            let to = to.at(pair * size);
            // SAFETY: every pair has its own units. All are zero before others are written, so that none is read unwritten.
            let to = unsafe {
                to.write_bytes(0, size);
                std::slice::from_raw_parts_mut(to, size)
            };
            write(pair, to);
        });
    };
    // SAFETY: all pairs are written.
    unsafe { filled(shape.pairs() * size, fill) }
}

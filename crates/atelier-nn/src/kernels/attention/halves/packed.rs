//! Operands as pairs of bf16, in the orders that products read.

use super::super::scratch::{Rows, turn};
use super::Shape;
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::product::halves::{rows_at, units_of};
use crate::kernels::share::share_each;

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

/// Rows as left operand: row after row, `units_of(width)` units each. Rows of `to` beyond them become zeros.
pub(super) fn by_row(level: Level, from: Rows<'_>, to: &mut [u32]) {
    let length = from.count * units_of(from.width);
    let values = (from.count.max(1) - 1) * from.stride + from.width;
    if from.count > 0 {
        assert!(length <= to.len() && from.width <= from.stride);
        // SAFETY: there is room for all rows.
        unsafe {
            let values = &from.values[..values];
            let sizes = [from.stride, from.width];
            rows_at(level, values, sizes, to.as_mut_ptr(), units_of(from.width));
        }
    }
    to[length..].fill(0);
}

/// Rows as right operand of which rows are the summed dimension: a row of `step` units for every two of them, zeros beside and
/// below.
pub(super) fn by_pair(level: Level, from: Rows<'_>, to: &mut [u32], step: usize) {
    let length = from.count.div_ceil(2) * step;
    assert!(from.width.next_multiple_of(16) <= step && length <= to.len());
    assert!(from.count == 0 || (from.count - 1) * from.stride + from.width <= from.values.len());
    // SAFETY: there is room for all pairs; rows hold their width.
    unsafe { pairs_at(level, from, to.as_mut_ptr(), step) };
    to[length..].fill(0);
}

leveled! {
    fn pairs_at(from: Rows, to: *mut u32, step: usize) = pairs
}

#[inline(always)]
unsafe fn pairs<S: Simd>(from: Rows, to: *mut u32, step: usize) {
    for pair in 0..from.count.div_ceil(2) {
        for column in (0..step).step_by(S::LANES) {
            let count = from.width.saturating_sub(column).min(S::LANES);
            // SAFETY: the caller promises rows and room.
            unsafe {
                let load = |row: usize| {
                    if row < from.count && count > 0 {
                        let at = from.values.as_ptr().add(row * from.stride + column);
                        S::load_first(at, count)
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

/// Keys or values of all heads as left operands: `[pairs, keys_held, head_units]`.
pub(super) fn tokens_by_row(level: Level, shape: &Shape, values: &[f32]) -> Vec<u32> {
    let size = shape.keys_held() * shape.head_units();
    let mut units = vec![0; shape.pairs() * size];
    share_each(units.chunks_mut(size), |pair, to| {
        by_row(
            level,
            shape.rows(values, shape.keys, pair, 0..shape.keys),
            to,
        );
    });
    units
}

/// Keys or values of all heads as left operands that are summed over tokens: for every head one [`Shape::tiles`] after the
/// other, `[head_rows, held / 2]` each. Rows as long as all tokens would lie whole pages apart, and so in the same lines of a
/// cache.
pub(super) fn tokens_by_value(level: Level, shape: &Shape, values: &[f32]) -> Vec<u32> {
    let (rows, units) = (shape.head_rows(), shape.keys_held() / 2);
    let size = rows * units;
    let mut turned_units = vec![0; shape.pairs() * size];
    share_each(turned_units.chunks_mut(size), |pair, to| {
        let mut between = vec![0; size];
        let from = shape.rows(values, shape.keys, pair, 0..shape.keys);
        by_pair(level, from, &mut between, rows);
        for [first, _, held] in shape.tiles() {
            let units = held / 2;
            let tile = first / 2 * rows..(first / 2 + units) * rows;
            let to = &mut to[tile.clone()];
            turned(level, &between[tile], [units, rows], to, units);
        }
    });
    turned_units
}

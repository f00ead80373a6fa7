//! How operands of sums over rows are turned: their columns as rows of units, or as panels.

use std::ops::Range;

use super::super::super::level::{Simd, leveled};
use super::super::operand::Values;
use super::super::packed::{Format, NORM_LIMIT};
use super::super::whole::Extent;
use super::Rows;

/// A vector of units for rows `index` (f32) or `2 index` and the next (i16, bf16), of up to `LANES` columns.
#[inline(always)]
unsafe fn unit_row<S: Simd>(
    format: Format,
    rows: &Rows<'_>,
    starts: &[usize],
    index: usize,
    columns: Range<usize>,
    factors: *const f32,
) -> S::I {
    // SAFETY: rows hold the columns; factors are filled up to whole vectors.
    unsafe {
        let load = |row: usize| match starts.get(row) {
            Some(start) => rows.values.load::<S>(start + columns.start, columns.len()),
            None => S::splat(0.0),
        };
        match format {
            Format::F32 => {
                let mut units = [0.0f32; 16];
                S::store(units.as_mut_ptr(), load(index));
                S::int_load(units.as_ptr().cast())
            }
            Format::I16 => {
                let factors = S::load(factors);
                S::pair(
                    S::mul(load(2 * index), factors),
                    S::mul(load(2 * index + 1), factors),
                )
            }
            Format::Bf16 => S::halves(load(2 * index), load(2 * index + 1)),
        }
    }
}

/// The columns as rows of units, `stride` apart: some rows after the others, all columns of these.
///
/// # Safety
/// `to` must hold a row of units, rounded up to whole vectors, for each column, also rounded up; so must the factors.
#[inline(always)]
unsafe fn turn<S: Simd>(
    format: Format,
    rows: &Rows<'_>,
    starts: &[usize],
    factors: &[f32],
    to: *mut u32,
    stride: usize,
) {
    let count = format.units_of(starts.len());
    let mut block = [0u32; 256];
    for first in (0..count).step_by(S::LANES) {
        for column in (0..rows.width).step_by(S::LANES) {
            let range = column..rows.width.min(column + S::LANES);
            for i in 0..S::LANES {
                let factors = factors[column..].as_ptr();
                // SAFETY: the block has room for `LANES` rows; rows past the end are zeros.
                unsafe {
                    let units =
                        unit_row::<S>(format, rows, starts, first + i, range.clone(), factors);
                    S::int_store(block.as_mut_ptr().add(i * S::LANES), units);
                }
            }
            let to = to.wrapping_add(column * stride + first);
            // SAFETY: passed on from the caller.
            unsafe { S::transpose(block.as_ptr(), S::LANES, to, stride) };
        }
    }
}

/// Writes a panel of the columns in `range`, in parts: the units of a row lie `step` after those of the row before, and those
/// of the columns of the next part `part` later. A part is as wide as a step.
///
/// # Safety
/// `to` must hold a panel's width for every unit; `factors` must be filled up to the width.
#[inline(always)]
unsafe fn fill<S: Simd>(
    format: Format,
    rows: &Rows<'_>,
    starts: &[usize],
    range: Range<usize>,
    factors: *const f32,
    to: *mut u32,
    [step, part]: [usize; 2],
) {
    let width = S::LANES * S::PANEL_VECTORS;
    let count = format.units_of(starts.len());
    let at = |index: usize, first: usize| {
        to.wrapping_add(first / step * part + index * step + first % step)
    };
    let (pairs, _) = starts.as_chunks::<2>();
    let mut whole = 0;
    if format == Format::Bf16 && range.len() == width {
        for (index, pair) in pairs.iter().enumerate() {
            let starts = pair.map(|start| start + range.start);
            match rows.values {
                Values::Floats(values) => {
                    let [low, high] = starts.map(|start| values[start..].as_ptr());
                    for first in (0..width).step_by(S::LANES) {
                        // SAFETY: passed on from the caller.
                        unsafe {
                            let (low, high) = (S::load(low.add(first)), S::load(high.add(first)));
                            S::int_store(at(index, first), S::halves(low, high));
                        }
                    }
                }
                Values::Halves(values) => {
                    let [low, high] = starts.map(|start| values[start..].as_ptr());
                    for first in (0..width).step_by(2 * S::LANES) {
                        // SAFETY: passed on from the caller; panels have whole pairs of vectors.
                        unsafe {
                            let load = |from: *const u16| S::int_load(from.add(first).cast());
                            let [units, more] = S::zip16(load(low), load(high));
                            S::int_store(at(index, first), units);
                            S::int_store(at(index, first + S::LANES), more);
                        }
                    }
                }
            }
        }
        whole = pairs.len();
    }
    for index in whole..count {
        for first in (0..width).step_by(S::LANES) {
            let columns =
                (range.start + first).min(range.end)..range.end.min(range.start + first + S::LANES);
            // SAFETY: passed on from the caller.
            unsafe {
                let units = if columns.is_empty() {
                    S::int_zero()
                } else {
                    unit_row::<S>(format, rows, starts, index, columns, factors.add(first))
                };
                S::int_store(at(index, first), units);
            }
        }
    }
}

/// The factors of columns that bring them to whole numbers, and those that take them back.
///
/// # Safety
/// `to` and `back` must be filled up to whole vectors.
#[inline(always)]
unsafe fn factors<S: Simd>(
    rows: &Rows<'_>,
    starts: &[usize],
    range: Range<usize>,
    to: &mut [f32],
    back: &mut [f32],
) {
    for first in range.clone().step_by(S::LANES) {
        let count = (range.end - first).min(S::LANES);
        let (mut squares, mut greatest) = ([0.0f32; 16], [0.0f32; 16]);
        // SAFETY: rows hold the columns; the arrays hold a vector.
        unsafe {
            let zero = S::splat(0.0);
            let (mut sum, mut most) = (zero, zero);
            for start in starts {
                let x = rows.values.load::<S>(start + first, count);
                sum = S::fma(x, x, sum);
                most = S::max(S::max(x, S::sub(zero, x)), most);
            }
            S::store(squares.as_mut_ptr(), sum);
            S::store(greatest.as_mut_ptr(), most);
        }
        for i in 0..count {
            let extent = Extent {
                squares: squares[i],
                greatest: greatest[i],
            };
            let at = first - range.start + i;
            [to[at], back[at]] = extent.factors(NORM_LIMIT);
        }
    }
}

leveled! {
    pub(super) fn turn_at(
        format: Format,
        rows: &Rows<'_>,
        starts: &[usize],
        factors: &[f32],
        to: *mut u32,
        stride: usize,
    ) = turn
}
leveled! {
    pub(super) fn fill_at(
        format: Format,
        rows: &Rows<'_>,
        starts: &[usize],
        range: Range<usize>,
        factors: *const f32,
        to: *mut u32,
        layout: [usize; 2],
    ) = fill
}
leveled! {
    pub(super) fn factors_at(rows: &Rows<'_>, starts: &[usize], range: Range<usize>, to: &mut [f32], back: &mut [f32]) = factors
}

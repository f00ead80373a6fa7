//! Operands as pairs of bf16, and their products: by the matrix unit where there is one, else widened to f32.

use std::marker::PhantomData;

use super::super::level::{Level, Simd, leveled};
use super::super::memory::{Shared, chunk};
use super::tile::{self, Multiply, Piece, Row, Target};
use crate::kernels::share::share_each;

#[cfg(target_arch = "x86_64")]
mod matrices;

/// Units that the summed dimension is filled up to with zeros: a row of the matrix unit's registers.
pub(in crate::kernels) const LINE: usize = 16;

/// Columns of a panel that meet rows at a time.
pub(super) const BLOCK: usize = 32;

/// Units of a step between rows that goes to every eighth line of a cache at most.
const FEW_LINES: usize = 8 * LINE;

/// Units that `depth` numbers take.
pub(in crate::kernels) fn units_of(depth: usize) -> usize {
    depth.div_ceil(2).next_multiple_of(LINE)
}

/// Units from one row of `depth` numbers to the next in a left operand: not so many that rows of a strip lie in few lines of
/// a cache.
pub(super) fn row_step(depth: usize) -> usize {
    let units = units_of(depth);
    if units.is_multiple_of(FEW_LINES) {
        units + LINE
    } else {
        units
    }
}

/// The nearest bf16 of a number, in the lower half of a unit: the oracle of the kernels that round.
#[cfg(test)]
pub(in crate::kernels) fn half(value: f32) -> u32 {
    let bits = value.to_bits();
    if value.is_nan() {
        bits >> 16 | 0x40
    } else {
        (bits + 0x7fff + (bits >> 16 & 1)) >> 16
    }
}

/// Writes rows of `depth` numbers as bf16, `stride` units apart, zeros up to the next row.
///
/// # Safety
/// `to` must hold the rows, and `stride` be `units_of(depth)` at least.
pub(super) unsafe fn half_rows(
    level: Level,
    from: &[f32],
    depth: usize,
    to: *mut u32,
    stride: usize,
) {
    let rows = from.len() / depth;
    let size = chunk(rows, depth);
    let to = Shared::from_ptr(to.cast());

    share_each(from.chunks(size * depth), |part, values| {
        let to = to.at(part * size * stride).cast();
        // SAFETY: every row has its own units.
        unsafe { rows_at(level, values, [depth, depth], to, stride) };
    });
}

/// Writes rows of `depth` numbers, `step` apart, as bf16, `stride` units apart, zeros up to the next row.
///
/// # Safety
/// As [`Simd`]; `to` must hold `stride` units for every row, `units_of(depth)` at least.
#[inline(always)]
unsafe fn rows<S: Simd>(from: &[f32], [step, depth]: [usize; 2], to: *mut u32, stride: usize) {
    let end = 2 * stride;
    for (i, row) in from.chunks(step).enumerate() {
        // SAFETY: whole vectors stay below `depth`; the rest goes through a buffer no longer than a line.
        unsafe {
            let to: *mut u16 = to.add(i * stride).cast();
            let (from, mut at) = (row[..depth].as_ptr(), 0);
            while at + S::LANES <= depth {
                S::store_bf16(to.add(at), S::load(from.add(at)));
                at += S::LANES;
            }
            if at < depth {
                let mut rest = [0u16; 16];
                S::store_bf16(rest.as_mut_ptr(), S::load_first(from.add(at), depth - at));
                to.add(at)
                    .copy_from_nonoverlapping(rest.as_ptr(), depth - at);
                at = depth;
            }
            to.add(at).write_bytes(0, end - at);
        }
    }
}

leveled! {
    pub(in crate::kernels) fn rows_at(from: &[f32], sizes: [usize; 2], to: *mut u32, stride: usize) = rows
}

/// A panel of pairs of bf16.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) units: *const u32,
    /// Units from the first [`BLOCK`] columns to the next.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "only the matrix unit reads panels in parts")
    )]
    pub(super) block_step: usize,
}

/// Rows that are multiplied with panels.
pub(super) struct Left<'a> {
    rows: &'a [Row],
    pieces: &'a [Piece],
    depth: usize,
    #[cfg(target_arch = "x86_64")]
    strips: Option<matrices::Strips<'a>>,
}

impl<'a> Left<'a> {
    /// The rows over some pieces of the summed dimension, `depth` units each. The units of panels lie `panel_step` apart:
    /// with anything but the matrix unit, as many as a panel has columns.
    pub(super) fn new(
        level: Level,
        rows: &'a [Row],
        pieces: &'a [Piece],
        depth: usize,
        panel_step: usize,
    ) -> Self {
        #[cfg(target_arch = "x86_64")]
        let is_matrix = level == Level::Amx && !pieces.is_empty() && depth > 0;
        debug_assert!(level.multiplies_matrices() || panel_step == level.panel());
        Self {
            rows,
            pieces,
            depth,
            #[cfg(target_arch = "x86_64")]
            strips: is_matrix.then(|| matrices::Strips::new(rows, pieces, depth, panel_step)),
        }
    }
}

/// The products of all rows with one panel of pairs of bf16.
///
/// # Safety
/// Every row and the panel must be readable over all pieces, in whole lines of units, and so must what lies between the first
/// and the last of rows that ascend; the target writable. The instructions must be there.
pub(super) unsafe fn half_panel_at(
    level: Level,
    left: &Left<'_>,
    panel: Panel,
    target: Target<'_>,
) {
    #[cfg(target_arch = "x86_64")]
    if let Some(strips) = &left.strips {
        // SAFETY: passed on from the caller.
        return unsafe { strips.multiply(panel, target) };
    }
    let Left {
        rows,
        pieces,
        depth,
        ..
    } = *left;
    // SAFETY: passed on from the caller.
    unsafe { widened_at(level, rows, panel.units, pieces, depth, target) };
}

leveled! {
    fn widened_at(rows: &[Row], units: *const u32, pieces: &[Piece], depth: usize, target: Target<'_>) = tiles
}

/// [`half_panel_at`] without the matrix unit.
///
/// # Safety
/// As [`half_panel_at`].
#[inline(always)]
unsafe fn tiles<S: Simd>(
    rows: &[Row],
    units: *const u32,
    pieces: &[Piece],
    depth: usize,
    target: Target<'_>,
) {
    // SAFETY: passed on from the caller.
    unsafe { tile::panel::<Halves<S>>(rows, units, pieces, depth, target) };
}

/// Products of pairs of bf16, summed in f32.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Halves<S>(PhantomData<S>);

impl<S: Simd> Multiply for Halves<S> {
    type S = S;
    type Sum = S::F;
    type Units = S::I;
    const UNROLL: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { S::splat(0.0) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> S::I {
        // SAFETY: passed on from the caller.
        unsafe { S::int_load(from) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const u32) -> S::I {
        // SAFETY: passed on from the caller.
        unsafe { S::int_splat(from.read()) }
    }

    #[inline(always)]
    unsafe fn step(sum: S::F, a: S::I, b: S::I) -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { S::dot_halves(sum, a, b) }
    }

    #[inline(always)]
    unsafe fn finish(sum: S::F, _row: f32, _column: S::F) -> S::F {
        sum
    }
}

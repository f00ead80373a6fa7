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

/// Units that `depth` numbers take.
pub(in crate::kernels) fn units_of(depth: usize) -> usize {
    depth.div_ceil(2).next_multiple_of(LINE)
}

/// The nearest bf16 of a number, in the lower half of a unit.
pub(in crate::kernels) fn half(value: f32) -> u32 {
    let bits = value.to_bits();
    if value.is_nan() {
        bits >> 16 | 0x40
    } else {
        (bits + 0x7fff + (bits >> 16 & 1)) >> 16
    }
}

/// Writes rows of `depth` numbers as bf16, `units_of(depth)` units each.
pub(super) fn half_rows(level: Level, from: &[f32], depth: usize, to: *mut u32) {
    let (rows, stride) = (from.len() / depth, units_of(depth));
    let size = chunk(rows, depth);
    let to = Shared::from_ptr(to.cast());

    share_each(from.chunks(size * depth), |part, values| {
        let to = to.at(part * size * stride).cast();
        // SAFETY: every row has its own units.
        unsafe { rows_at(level, values, depth, depth, to) };
    });
}

/// Writes rows of `depth` numbers, `step` apart, as bf16, zeros up to whole lines.
///
/// # Safety
/// As [`Simd`]; `to` must hold `units_of(depth)` units for every row.
#[inline(always)]
unsafe fn rows<S: Simd>(from: &[f32], step: usize, depth: usize, to: *mut u32) {
    let stride = units_of(depth);
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
            to.add(at).write_bytes(0, 2 * stride - at);
        }
    }
}

leveled! {
    pub(in crate::kernels) fn rows_at(from: &[f32], step: usize, depth: usize, to: *mut u32) = rows
}

/// A panel, and the pieces of the summed dimension that rows are multiplied with.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) units: *const u32,
    pub(super) pieces: &'a [Piece],
    /// Units of every piece.
    pub(super) depth: usize,
}

/// The products of all `rows` with one panel of pairs of bf16.
///
/// # Safety
/// Every row and the panel must be readable over all pieces, in whole lines of units; the target writable. The instructions
/// must be there.
pub(super) unsafe fn half_panel_at(
    level: Level,
    rows: &[Row],
    panel: &Panel<'_>,
    target: Target<'_>,
) {
    let Panel {
        units,
        pieces,
        depth,
    } = *panel;
    // SAFETY: passed on from the caller.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Amx if !pieces.is_empty() && depth > 0 => {
                matrices::multiply(rows, panel, target);
            }
            _ => widened_at(level, rows, units, pieces, depth, target),
        }
    }
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
struct Halves<S>(PhantomData<S>);

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
        unsafe {
            let ([a, c], [b, d]) = (S::halves_to_floats(a), S::halves_to_floats(b));
            S::fma(c, d, S::fma(a, b, sum))
        }
    }

    #[inline(always)]
    unsafe fn finish(sum: S::F, _row: f32, _column: S::F) -> S::F {
        sum
    }
}

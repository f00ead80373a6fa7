//! The register tiles that matrix products are made of: a few rows of the left operand times one panel of the right one.
//!
//! Operands are streams of 32-bit units along the summed dimension: one f32 each, or a pair of i16 or bf16.

use std::marker::PhantomData;

use super::super::level::{Simd, TILE_ROWS};

/// How two units are multiplied and summed.
///
/// # Safety
/// As [`Simd`].
pub(in crate::kernels) trait Multiply: Copy {
    /// The instructions.
    type S: Simd;
    /// Sums, one vector.
    type Sum: Copy;
    /// A vector of units.
    type Units: Copy;
    /// Steps of the summed dimension that are unrolled.
    const UNROLL: usize;

    /// Sums of nothing.
    unsafe fn zero() -> Self::Sum;
    /// Units of a panel.
    unsafe fn load(from: *const u32) -> Self::Units;
    /// One unit of the left operand in all lanes.
    unsafe fn splat(from: *const u32) -> Self::Units;
    /// The sums and one product more.
    unsafe fn step(sum: Self::Sum, a: Self::Units, b: Self::Units) -> Self::Sum;
    /// The sums as numbers: `sum * row * column`, where products are of scaled operands.
    unsafe fn finish(
        sum: Self::Sum,
        row: f32,
        column: <Self::S as Simd>::F,
    ) -> <Self::S as Simd>::F;
}

/// Products of f32.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Floats<S>(PhantomData<S>);

/// Products of i16 pairs, summed exactly in i32.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Wholes<S>(PhantomData<S>);

impl<S: Simd> Multiply for Floats<S> {
    type S = S;
    type Sum = S::F;
    type Units = S::F;
    const UNROLL: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { S::splat(0.0) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { S::load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const u32) -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { S::splat(from.cast::<f32>().read()) }
    }

    #[inline(always)]
    unsafe fn step(sum: S::F, a: S::F, b: S::F) -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { S::fma(a, b, sum) }
    }

    #[inline(always)]
    unsafe fn finish(sum: S::F, _row: f32, _column: S::F) -> S::F {
        sum
    }
}

impl<S: Simd> Multiply for Wholes<S> {
    type S = S;
    type Sum = S::I;
    type Units = S::I;
    const UNROLL: usize = 2;

    #[inline(always)]
    unsafe fn zero() -> S::I {
        // SAFETY: passed on from the caller.
        unsafe { S::int_zero() }
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
    unsafe fn step(sum: S::I, a: S::I, b: S::I) -> S::I {
        // SAFETY: passed on from the caller.
        unsafe { S::dot(sum, a, b) }
    }

    #[inline(always)]
    unsafe fn finish(sum: S::I, row: f32, column: S::F) -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { S::mul(S::int_to_float(sum), S::mul(S::splat(row), column)) }
    }
}

/// One piece of the summed dimension: where it starts in the rows and in the panel, and its length, in units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// Added to every row.
    pub(super) row: usize,
    /// Added to the panel.
    pub(super) panel: usize,
}

/// Where the sums of a tile go.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The first column of the panel, in the first row.
    pub(super) to: *mut f32,
    /// Columns of the panel that exist.
    pub(super) columns: usize,
    /// Factor of every column, as many as a panel has; null where nothing is scaled.
    pub(super) column_scales: *const f32,
    /// What the sums are added to.
    pub(super) onto: Onto<'a>,
}

/// What the sums of a tile are added to.
#[derive(Clone, Copy)]
pub(super) enum Onto<'a> {
    /// Nothing.
    Nothing,
    /// One value for every column of the panel that exists.
    Row(&'a [f32]),
    /// What is there.
    Target,
}

/// Rows of a tile: where each starts, where its sums go (from the target on), and its factor.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) from: *const u32,
    pub(super) to: usize,
    pub(super) scale: f32,
}

/// Multiplies `R` rows with one panel over all `pieces` of `depth` units each.
///
/// # Safety
/// Every row and the panel must be readable over all pieces, the target writable; the instructions must be there.
#[inline(always)]
unsafe fn tile<M: Multiply, const R: usize, const V: usize>(
    rows: &[Row],
    panel: *const u32,
    pieces: &[Piece],
    depth: usize,
    target: Target<'_>,
) {
    let lanes = <M::S as Simd>::LANES;
    // SAFETY: promised by the caller.
    unsafe {
        let mut sums = [[M::zero(); V]; R];
        for piece in pieces {
            let mut from = [std::ptr::null(); R];
            for r in 0..R {
                from[r] = rows[r].from.add(piece.row);
            }
            let mut panel = panel.add(piece.panel);
            let mut at = 0;
            while at + M::UNROLL <= depth {
                for u in 0..M::UNROLL {
                    step::<M, R, V>(&mut sums, &from, at + u, panel.add(u * V * lanes));
                }
                at += M::UNROLL;
                panel = panel.add(M::UNROLL * V * lanes);
            }
            while at < depth {
                step::<M, R, V>(&mut sums, &from, at, panel);
                at += 1;
                panel = panel.add(V * lanes);
            }
        }
        // A copy that lies in memory, from which one vector after the other is taken: the sums themselves stay in registers.
        let done = sums;
        for r in 0..R {
            let to = target.to.add(rows[r].to);
            for (v, &sum) in done[r].iter().enumerate() {
                put::<M>(sum, rows[r].scale, to, v, target);
            }
        }
    }
}

/// One step of the summed dimension.
#[inline(always)]
unsafe fn step<M: Multiply, const R: usize, const V: usize>(
    sums: &mut [[M::Sum; V]; R],
    from: &[*const u32; R],
    at: usize,
    panel: *const u32,
) {
    // SAFETY: promised by the caller.
    unsafe {
        let mut units = [M::load(panel); V];
        for (v, units) in units.iter_mut().enumerate().skip(1) {
            *units = M::load(panel.add(v * <M::S as Simd>::LANES));
        }
        for r in 0..R {
            let value = M::splat(from[r].add(at));
            for v in 0..V {
                sums[r][v] = M::step(sums[r][v], value, units[v]);
            }
        }
    }
}

/// Writes vector `v` of a row.
#[inline(always)]
unsafe fn put<M: Multiply>(sum: M::Sum, scale: f32, to: *mut f32, v: usize, target: Target<'_>) {
    let lanes = <M::S as Simd>::LANES;
    let first = v * lanes;
    if first >= target.columns {
        return;
    }
    let count = (target.columns - first).min(lanes);
    // SAFETY: promised by the caller; `count` columns exist from `first` on.
    unsafe {
        let column = if target.column_scales.is_null() {
            M::S::splat(1.0)
        } else {
            M::S::load(target.column_scales.add(first))
        };
        let mut value = M::finish(sum, scale, column);
        let to = to.add(first);
        let load = |from: *const f32| {
            if count == lanes {
                M::S::load(from)
            } else {
                M::S::load_first(from, count)
            }
        };
        match target.onto {
            Onto::Nothing => {}
            Onto::Row(row) => value = M::S::add(value, load(row.as_ptr().add(first))),
            Onto::Target => value = M::S::add(value, load(to)),
        }
        if count == lanes {
            M::S::store(to, value);
        } else {
            M::S::store_first(to, value, count);
        }
    }
}

/// Multiplies all `rows`, a tile at a time.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn tiles<M: Multiply, const V: usize>(
    rows: &[Row],
    panel: *const u32,
    pieces: &[Piece],
    depth: usize,
    target: Target<'_>,
) {
    for rows in rows.chunks(TILE_ROWS) {
        // SAFETY: passed on from the caller.
        unsafe {
            match rows.len() {
                1 => tile::<M, 1, V>(rows, panel, pieces, depth, target),
                2 => tile::<M, 2, V>(rows, panel, pieces, depth, target),
                3 => tile::<M, 3, V>(rows, panel, pieces, depth, target),
                4 => tile::<M, 4, V>(rows, panel, pieces, depth, target),
                5 => tile::<M, 5, V>(rows, panel, pieces, depth, target),
                _ => tile::<M, 6, V>(rows, panel, pieces, depth, target),
            }
        }
    }
}

/// [`tiles`] with the width of the level's panels.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(super) unsafe fn panel<M: Multiply>(
    rows: &[Row],
    panel: *const u32,
    pieces: &[Piece],
    depth: usize,
    target: Target<'_>,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match <M::S as Simd>::PANEL_VECTORS {
            2 => tiles::<M, 2>(rows, panel, pieces, depth, target),
            4 => tiles::<M, 4>(rows, panel, pieces, depth, target),
            _ => unreachable!("levels have panels of two or four vectors"),
        }
    }
}

/// The products of all `rows` with one panel of f32.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(super) unsafe fn float_panel<S: Simd>(
    rows: &[Row],
    units: *const u32,
    pieces: &[Piece],
    depth: usize,
    target: Target<'_>,
) {
    // SAFETY: passed on from the caller.
    unsafe { panel::<Floats<S>>(rows, units, pieces, depth, target) };
}

/// The products of all `rows` with one panel of i16 pairs.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(super) unsafe fn whole_panel<S: Simd>(
    rows: &[Row],
    units: *const u32,
    pieces: &[Piece],
    depth: usize,
    target: Target<'_>,
) {
    // SAFETY: passed on from the caller.
    unsafe { panel::<Wholes<S>>(rows, units, pieces, depth, target) };
}

//! The three transforms of F(4×4, 3×3): of weights, of patches of the input, and back to the output.
//!
//! Matrices and their names are those of Lavin and Gray 2016, "Fast algorithms for convolutional neural networks", with
//! the points 0, ±1, ±2 and infinity. Lanes are channels, so that a transform is the same arithmetic for each of them.

use super::super::super::level::{Simd, TILE_ROWS, leveled};

/// Pixels on a side of an output tile.
pub(super) const TILE: usize = 4;
/// Pixels on a side of the patch that an output tile depends on.
pub(super) const PATCH: usize = TILE + 2;
/// Products that take the place of the convolution's taps.
pub(super) const FREQUENCIES: usize = PATCH * PATCH;
/// Taps of the kernel.
pub(super) const TAPS: usize = 9;

/// `Bᵀ d`
#[inline(always)]
unsafe fn patch_side<S: Simd>(d: [S::F; 6]) -> [S::F; 6] {
    // SAFETY: only register arithmetic.
    unsafe {
        let (two, four, five) = (S::splat(2.0), S::splat(4.0), S::splat(5.0));
        let minus = |a: S::F, factor: S::F, b: S::F| S::sub(a, S::mul(factor, b));
        let (a, b) = (minus(d[4], four, d[2]), minus(d[3], four, d[1]));
        let (c, e) = (S::sub(d[4], d[2]), S::mul(two, S::sub(d[3], d[1])));
        [
            S::fma(four, d[0], minus(d[4], five, d[2])),
            S::add(a, b),
            S::sub(a, b),
            S::add(c, e),
            S::sub(c, e),
            S::fma(four, d[1], minus(d[5], five, d[3])),
        ]
    }
}

/// `G g`
#[inline(always)]
unsafe fn weight_side<S: Simd>(g: [S::F; 3]) -> [S::F; 6] {
    // SAFETY: only register arithmetic.
    unsafe {
        let (fourth, sixth) = (S::splat(0.25), S::splat(-1.0 / 6.0));
        let (twelfth, twenty_fourth) = (S::splat(1.0 / 12.0), S::splat(1.0 / 24.0));
        let ends = S::mul(sixth, S::add(g[0], g[2]));
        let middle = S::mul(sixth, g[1]);
        let far = S::fma(twenty_fourth, g[0], S::mul(S::splat(1.0 / 6.0), g[2]));
        let odd = S::mul(twelfth, g[1]);
        [
            S::mul(fourth, g[0]),
            S::add(ends, middle),
            S::sub(ends, middle),
            S::add(far, odd),
            S::sub(far, odd),
            g[2],
        ]
    }
}

/// `Aᵀ m`
#[inline(always)]
unsafe fn tile_side<S: Simd>(m: [S::F; 6]) -> [S::F; 4] {
    // SAFETY: only register arithmetic.
    unsafe {
        let (near, near_odd) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (far, far_odd) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(m[0], S::add(near, far)),
            S::fma(S::splat(2.0), far_odd, near_odd),
            S::fma(S::splat(4.0), far, near),
            S::fma(S::splat(8.0), far_odd, S::add(near_odd, m[5])),
        ]
    }
}

/// A patch of the input: its pixels row by row, those outside the picture being a row of zeros.
pub(super) type Patch = [*const f32; FREQUENCIES];

/// Channels of a tile that lie together.
pub(super) const LINE: usize = 16;
/// Values between the lines of a tile: those of the other rows of a register tile lie between them, so that a product
/// reads one stream.
pub(super) const LINES: usize = TILE_ROWS * LINE;

/// Writes `Bᵀ d B` of `depth` channels, each times its factor in `fold` where that is not null, and zeros up to a whole
/// line; frequencies are `step` values apart.
///
/// # Safety
/// As [`Simd`]; pixels and `fold` hold `depth` values, `to` the lines of each frequency.
#[inline(always)]
unsafe fn patch<S: Simd>(from: &Patch, fold: *const f32, depth: usize, to: *mut f32, step: usize) {
    for at in (0..depth.next_multiple_of(LINE)).step_by(S::LANES) {
        let n = depth.saturating_sub(at).min(S::LANES);
        // SAFETY: whole vectors stay below `depth`, the last is cut to it; vectors divide lines.
        unsafe {
            let load = |from: *const f32| {
                if n == S::LANES {
                    S::load(from.add(at))
                } else {
                    S::load_first(from.wrapping_add(at), n)
                }
            };
            let mut rows = [[S::splat(0.0); PATCH]; PATCH];
            for x in 0..PATCH {
                // not by `map`, which stays a function of its own, without the instructions of the level
                let mut column = [S::splat(0.0); PATCH];
                for (y, value) in column.iter_mut().enumerate() {
                    *value = load(from[y * PATCH + x]);
                }
                let column = patch_side::<S>(column);
                for (row, value) in rows.iter_mut().zip(column) {
                    row[x] = value;
                }
            }
            let factor = if fold.is_null() {
                S::splat(1.0)
            } else {
                load(fold)
            };
            let to = to.add(at / LINE * LINES + at % LINE);
            for (y, row) in rows.into_iter().enumerate() {
                for (x, value) in patch_side::<S>(row).into_iter().enumerate() {
                    S::store(to.add((y * PATCH + x) * step), S::mul(value, factor));
                }
            }
        }
    }
}

/// Writes `G g Gᵀ` of the i16 pairs of a panel: `pairs` units for every column and tap. Frequencies are `step` values
/// apart, and panels of f32 with two rows for a pair.
///
/// # Safety
/// As [`Simd`]; every tap must be readable, `to` writable for every frequency.
#[inline(always)]
unsafe fn weight<S: Simd>(taps: &[*const u32; TAPS], pairs: usize, to: *mut f32, step: usize) {
    let width = S::LANES * S::PANEL_VECTORS;
    for pair in 0..pairs {
        for first in (0..width).step_by(S::LANES) {
            // SAFETY: promised by the caller.
            unsafe {
                let zero = S::splat(0.0);
                let mut kernels = [[zero; TAPS]; 2];
                for (tap, from) in taps.iter().enumerate() {
                    let units = S::int_load(from.add(pair * width + first));
                    let [low, high] = S::pair_to_floats(units);
                    (kernels[0][tap], kernels[1][tap]) = (low, high);
                }
                for (half, g) in kernels.iter().enumerate() {
                    let to = to.add((2 * pair + half) * width + first);
                    let mut rows = [[zero; 3]; PATCH];
                    for x in 0..3 {
                        let column = weight_side::<S>([g[x], g[3 + x], g[6 + x]]);
                        for (row, value) in rows.iter_mut().zip(column) {
                            row[x] = value;
                        }
                    }
                    for (y, row) in rows.into_iter().enumerate() {
                        for (x, value) in weight_side::<S>(row).into_iter().enumerate() {
                            S::store(to.add((y * PATCH + x) * step), value);
                        }
                    }
                }
            }
        }
    }
}

/// Where output tiles go, and what is done to them.
#[derive(Clone, Copy)]
pub(super) struct Finish {
    /// Columns that exist.
    pub(super) columns: usize,
    /// A factor for each column, up to a whole vector; null for none.
    pub(super) scales: *const f32,
    /// What is added to each column; null for nothing.
    pub(super) bias: *const f32,
    /// Values between the rows of the picture.
    pub(super) row: usize,
    /// Values between pixels.
    pub(super) pixel: usize,
}

/// Writes `Aᵀ m A` of all columns to the first `sides` (rows, columns) pixels of a tile; frequencies are `step` values
/// apart.
///
/// # Safety
/// As [`Simd`]; `from` holds whole vectors for every frequency, `to` the columns of the pixels.
#[inline(always)]
unsafe fn tile<S: Simd>(
    from: *const f32,
    step: usize,
    finish: &Finish,
    to: *mut f32,
    sides: [usize; 2],
) {
    for first in (0..finish.columns).step_by(S::LANES) {
        let n = (finish.columns - first).min(S::LANES);
        // SAFETY: promised by the caller; the last vector of the result is cut to the columns.
        unsafe {
            let mut rows = [[S::splat(0.0); PATCH]; TILE];
            for x in 0..PATCH {
                let mut column = [S::splat(0.0); PATCH];
                for (y, value) in column.iter_mut().enumerate() {
                    *value = S::load(from.add((y * PATCH + x) * step + first));
                }
                for (row, value) in rows.iter_mut().zip(tile_side::<S>(column)) {
                    row[x] = value;
                }
            }
            let scale = if finish.scales.is_null() {
                S::splat(1.0)
            } else {
                S::load(finish.scales.add(first))
            };
            let bias = if finish.bias.is_null() {
                S::splat(0.0)
            } else if n == S::LANES {
                S::load(finish.bias.add(first))
            } else {
                S::load_first(finish.bias.add(first), n)
            };
            for (y, row) in rows.into_iter().enumerate().take(sides[0]) {
                let pixels = tile_side::<S>(row).into_iter().enumerate();
                for (x, value) in pixels.take(sides[1]) {
                    let value = S::fma(value, scale, bias);
                    let to = to.add(y * finish.row + x * finish.pixel + first);
                    if n == S::LANES {
                        S::store(to, value);
                    } else {
                        S::store_first(to, value, n);
                    }
                }
            }
        }
    }
}

leveled! {
    pub(super) fn patch_at(from: &Patch, fold: *const f32, depth: usize, to: *mut f32, step: usize) = patch
}
leveled! {
    pub(super) fn weight_at(taps: &[*const u32; TAPS], pairs: usize, to: *mut f32, step: usize) = weight
}
leveled! {
    pub(super) fn tile_at(from: *const f32, step: usize, finish: &Finish, to: *mut f32, sides: [usize; 2]) = tile
}

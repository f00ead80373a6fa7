//! Products of tiles in vector registers: a pair of the left operand in all lanes, a row of pairs of the right one.

use super::products::Product;
use crate::kernels::attention::products::group_of;
use crate::kernels::level::{Level, Simd, TILE_ROWS, leveled};
use crate::kernels::product::halves::Halves;
use crate::kernels::product::tile::{Multiply, Wholes};

/// Rows of a register tile of one vector: sums enough that none waits for itself.
const NARROW_ROWS: usize = 2 * TILE_ROWS;

/// Writes the product to `out`, whose rows are `step` apart, or adds it.
///
/// # Safety
/// Operands, scales and result must have the lengths that the product says.
pub(super) unsafe fn multiply(level: Level, p: &Product, out: *mut f32, step: usize, add: bool) {
    // SAFETY: passed on.
    unsafe {
        if p.scales.is_some() {
            wholes_at(level, p, out, step, add);
        } else {
            halves_at(level, p, out, step, add);
        }
    }
}

leveled! {
    fn halves_at(p: &Product, out: *mut f32, step: usize, add: bool) = halves
}

leveled! {
    fn wholes_at(p: &Product, out: *mut f32, step: usize, add: bool) = wholes
}

#[inline(always)]
unsafe fn halves<S: Simd>(p: &Product, out: *mut f32, step: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { columns::<Halves<S>>(p, out, step, add) };
}

#[inline(always)]
unsafe fn wholes<S: Simd>(p: &Product, out: *mut f32, step: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { columns::<Wholes<S>>(p, out, step, add) };
}

/// Walks over groups of columns that fit the registers.
#[inline(always)]
unsafe fn columns<M: Multiply>(p: &Product, out: *mut f32, step: usize, add: bool) {
    let mut done = 0;
    while done < p.columns {
        let lanes = <M::S as Simd>::LANES;
        let group = group_of(<M::S as Simd>::PANEL_VECTORS, (p.columns - done) / lanes);
        // SAFETY: the group lies within the columns.
        unsafe {
            let out = out.add(done);
            match group {
                4 => tiles::<M, 4, TILE_ROWS>(p, done, out, step, add),
                3 => tiles::<M, 3, TILE_ROWS>(p, done, out, step, add),
                2 => tiles::<M, 2, TILE_ROWS>(p, done, out, step, add),
                _ => tiles::<M, 1, NARROW_ROWS>(p, done, out, step, add),
            }
        }
        done += group * lanes;
    }
}

/// Walks over the rows in tiles of nearly equal size, `MOST` rows at most, with the columns from `column` on.
#[inline(always)]
unsafe fn tiles<M: Multiply, const V: usize, const MOST: usize>(
    p: &Product,
    column: usize,
    out: *mut f32,
    step: usize,
    add: bool,
) {
    let count = p.rows.div_ceil(MOST);
    let (size, larger) = (p.rows / count, p.rows % count);
    let mut row = 0;
    for i in 0..count {
        let rows = size + usize::from(i < larger);
        let at = [row, column];
        // SAFETY: the tile's rows lie within the operands.
        unsafe {
            let out = out.add(row * step);
            match rows {
                1 => tile::<M, 1, V>(p, at, out, step, add),
                2 => tile::<M, 2, V>(p, at, out, step, add),
                3 => tile::<M, 3, V>(p, at, out, step, add),
                4 => tile::<M, 4, V>(p, at, out, step, add),
                5 => tile::<M, 5, V>(p, at, out, step, add),
                6 => tile::<M, 6, V>(p, at, out, step, add),
                7 if MOST > 6 => tile::<M, 7, V>(p, at, out, step, add),
                8 if MOST > 6 => tile::<M, 8, V>(p, at, out, step, add),
                9 if MOST > 6 => tile::<M, 9, V>(p, at, out, step, add),
                10 if MOST > 6 => tile::<M, 10, V>(p, at, out, step, add),
                11 if MOST > 6 => tile::<M, 11, V>(p, at, out, step, add),
                12 if MOST > 6 => tile::<M, 12, V>(p, at, out, step, add),
                _ => unreachable!("rows of a tile"),
            }
        }
        row += rows;
    }
}

/// One tile of `R` rows and `V` vectors, summed in registers over all parts.
#[inline(always)]
unsafe fn tile<M: Multiply, const R: usize, const V: usize>(
    p: &Product,
    [row, column]: [usize; 2],
    out: *mut f32,
    step: usize,
    add: bool,
) {
    let lanes = <M::S as Simd>::LANES;
    // SAFETY: the caller promises the tile of either operand, of the scales and of the result.
    unsafe {
        let mut sums = [[M::zero(); V]; R];
        for part in 0..p.parts {
            let left = p.left.0.as_ptr().add(row * p.left.1 + part * p.apart[0]);
            let mut rows = [left; R];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = row.add(r * p.left.1);
            }
            let mut from = p.right.0.as_ptr().add(column + part * p.apart[1]);
            for unit in 0..p.depth {
                let mut vectors = [M::load(from); V];
                for (v, vector) in vectors.iter_mut().enumerate().skip(1) {
                    *vector = M::load(from.add(v * lanes));
                }
                for (row, sums) in rows.iter().zip(&mut sums) {
                    let pair = M::splat(row.add(unit));
                    for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                        *sum = M::step(*sum, pair, vector);
                    }
                }
                from = from.wrapping_add(p.right.1);
            }
        }
        let mut factors = [M::S::splat(1.0); V];
        if let Some([_, columns]) = p.scales {
            for (v, factor) in factors.iter_mut().enumerate() {
                *factor = M::S::load(columns.as_ptr().add(column + v * lanes));
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let scale = p
                .scales
                .map_or(1.0, |[rows, _]| *rows.as_ptr().add(row + r));
            for (v, &sum) in sums.iter().enumerate() {
                let to = out.add(r * step + v * lanes);
                let sum = M::finish(sum, scale, factors[v]);
                M::S::store(
                    to,
                    if add {
                        M::S::add(M::S::load(to), sum)
                    } else {
                        sum
                    },
                );
            }
        }
    }
}

//! Products of tiles of bf16 pairs in vector registers: a pair of the left operand in all lanes, a row of units of the right one.

use super::products::Product;
use crate::kernels::attention::products::group_of;
use crate::kernels::level::{Level, Simd, TILE_ROWS, leveled};

/// Rows of a register tile of one vector: sums enough that none waits for itself.
const NARROW_ROWS: usize = 2 * TILE_ROWS;

/// Writes the product to `out`, whose rows are `step` apart, or adds it.
///
/// # Safety
/// Operands and result must have the lengths that the product says.
pub(super) unsafe fn multiply(level: Level, p: &Product, out: *mut f32, step: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { multiply_at(level, p, out, step, add) };
}

leveled! {
    fn multiply_at(p: &Product, out: *mut f32, step: usize, add: bool) = columns
}

/// Walks over groups of columns that fit the registers.
#[inline(always)]
unsafe fn columns<S: Simd>(p: &Product, out: *mut f32, step: usize, add: bool) {
    let mut done = 0;
    while done < p.columns {
        let left = (p.columns - done) / S::LANES;
        // SAFETY: the group lies within the columns.
        unsafe {
            let (right, out) = (p.right.0.as_ptr().add(done), out.add(done));
            let group = group_of(S::PANEL_VECTORS, left);
            match group {
                4 => tiles::<S, 4, TILE_ROWS>(p, right, out, step, add),
                3 => tiles::<S, 3, TILE_ROWS>(p, right, out, step, add),
                2 => tiles::<S, 2, TILE_ROWS>(p, right, out, step, add),
                _ => tiles::<S, 1, NARROW_ROWS>(p, right, out, step, add),
            }
            done += group * S::LANES;
        }
    }
}

/// Walks over the rows in tiles of nearly equal size, `MOST` rows at most.
#[inline(always)]
unsafe fn tiles<S: Simd, const V: usize, const MOST: usize>(
    p: &Product,
    right: *const u32,
    out: *mut f32,
    step: usize,
    add: bool,
) {
    let count = p.rows.div_ceil(MOST);
    let (size, larger) = (p.rows / count, p.rows % count);
    let mut row = 0;
    for i in 0..count {
        let rows = size + usize::from(i < larger);
        // SAFETY: the tile's rows lie within the operands.
        unsafe {
            let operands = [p.left.0.as_ptr().add(row * p.left.1), right];
            let out = out.add(row * step);
            match rows {
                1 => tile::<S, 1, V>(p, operands, out, step, add),
                2 => tile::<S, 2, V>(p, operands, out, step, add),
                3 => tile::<S, 3, V>(p, operands, out, step, add),
                4 => tile::<S, 4, V>(p, operands, out, step, add),
                5 => tile::<S, 5, V>(p, operands, out, step, add),
                6 => tile::<S, 6, V>(p, operands, out, step, add),
                7 if MOST > 6 => tile::<S, 7, V>(p, operands, out, step, add),
                8 if MOST > 6 => tile::<S, 8, V>(p, operands, out, step, add),
                9 if MOST > 6 => tile::<S, 9, V>(p, operands, out, step, add),
                10 if MOST > 6 => tile::<S, 10, V>(p, operands, out, step, add),
                11 if MOST > 6 => tile::<S, 11, V>(p, operands, out, step, add),
                12 if MOST > 6 => tile::<S, 12, V>(p, operands, out, step, add),
                _ => unreachable!("rows of a tile"),
            }
        }
        row += rows;
    }
}

/// One tile of `R` rows and `V` vectors, summed in registers over all parts.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize>(
    p: &Product,
    [left, right]: [*const u32; 2],
    out: *mut f32,
    step: usize,
    add: bool,
) {
    // SAFETY: the caller promises the tile of either operand and of the result.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        for part in 0..p.parts {
            let mut rows = [left.add(part * p.apart[0]); R];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = row.add(r * p.left.1);
            }
            let mut from = right.add(part * p.apart[1]);
            for unit in 0..p.depth {
                let mut vectors = [S::int_zero(); V];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    *vector = S::int_load(from.add(v * S::LANES));
                }
                for (row, sums) in rows.iter().zip(&mut sums) {
                    let pair = S::int_splat(*row.add(unit));
                    for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                        *sum = S::dot_halves(*sum, pair, vector);
                    }
                }
                from = from.wrapping_add(p.right.1);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = out.add(r * step + v * S::LANES);
                S::store(to, if add { S::add(S::load(to), sum) } else { sum });
            }
        }
    }
}

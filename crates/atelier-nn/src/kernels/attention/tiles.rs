//! How a product of small tiles is computed in vector registers: a unit of the left operand in all lanes, a row of units of the
//! right one. Units are as [`Multiply`] says: numbers, or pairs of them along the summed dimension.

use crate::kernels::level::{Simd, TILE_ROWS};
use crate::kernels::product::tile::Multiply;

/// Rows of a register tile of one vector: sums enough that none waits for itself.
const NARROW_ROWS: usize = 2 * TILE_ROWS;

/// Operands of a product `[rows, depth]` times `[depth, columns]`, or of the sum of several. Distances are in units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles<'a> {
    /// The left operand, and the distance of its rows, or of its columns where these are in order.
    pub(super) left: (*const u32, usize),
    /// The right operand, and the distance of its rows.
    pub(super) right: (*const u32, usize),
    pub(super) rows: usize,
    pub(super) depth: usize,
    /// Columns, whole vectors.
    pub(super) columns: usize,
    /// How many such products are summed, and how far their operands lie apart.
    pub(super) parts: usize,
    pub(super) apart: [usize; 2],
    /// What takes the rows of the left operand back, and the columns of the right one, where they are scaled.
    pub(super) scales: Option<[&'a [f32]; 2]>,
}

/// Writes a product to `out`, whose rows are `step` apart, or adds it. `ACROSS`: the left operand lies column after column.
/// `UNROLL` units are multiplied in a round.
///
/// # Safety
/// As [`Simd`]. Operands, scales and result must have the lengths that `p` says.
#[inline(always)]
pub(super) unsafe fn multiply<M: Multiply, const ACROSS: bool, const UNROLL: usize>(
    p: &Tiles,
    out: *mut f32,
    step: usize,
    add: bool,
) {
    let (lanes, panel) = (<M::S as Simd>::LANES, <M::S as Simd>::PANEL_VECTORS);
    let mut done = 0;
    while done < p.columns {
        let group = group_of(panel, (p.columns - done) / lanes);
        // SAFETY: the group lies within the columns.
        unsafe {
            let out = out.add(done);
            match group {
                4 => rows::<M, 4, TILE_ROWS, ACROSS, UNROLL>(p, done, out, step, add),
                // sixteen registers hold four rows of three vectors, thirty-two hold six
                3 if panel == 4 => rows::<M, 3, TILE_ROWS, ACROSS, UNROLL>(p, done, out, step, add),
                3 => rows::<M, 3, 4, ACROSS, UNROLL>(p, done, out, step, add),
                2 => rows::<M, 2, TILE_ROWS, ACROSS, UNROLL>(p, done, out, step, add),
                _ => rows::<M, 1, NARROW_ROWS, ACROSS, UNROLL>(p, done, out, step, add),
            }
        }
        done += group * lanes;
    }
}

/// Vectors of the next group of columns when `left` vectors are left: few groups, and none of one vector if avoidable,
/// since that would wait for its own sums.
#[inline(always)]
fn group_of(panel_vectors: usize, left: usize) -> usize {
    match (panel_vectors, left) {
        (4, 4 | 7 | 8..) => 4,
        (4, 3 | 5 | 6) | (_, 3) => 3,
        (_, 2..) => 2,
        _ => 1,
    }
}

/// Walks over the rows in tiles of nearly equal size, `MOST` rows at most, with the columns from `column` on.
#[inline(always)]
unsafe fn rows<
    M: Multiply,
    const V: usize,
    const MOST: usize,
    const ACROSS: bool,
    const UNROLL: usize,
>(
    p: &Tiles,
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
                1 => tile::<M, 1, V, ACROSS, UNROLL>(p, at, out, step, add),
                2 => tile::<M, 2, V, ACROSS, UNROLL>(p, at, out, step, add),
                3 => tile::<M, 3, V, ACROSS, UNROLL>(p, at, out, step, add),
                4 => tile::<M, 4, V, ACROSS, UNROLL>(p, at, out, step, add),
                5 if MOST > 4 => tile::<M, 5, V, ACROSS, UNROLL>(p, at, out, step, add),
                6 if MOST > 4 => tile::<M, 6, V, ACROSS, UNROLL>(p, at, out, step, add),
                7 if MOST > 6 => tile::<M, 7, V, ACROSS, UNROLL>(p, at, out, step, add),
                8 if MOST > 6 => tile::<M, 8, V, ACROSS, UNROLL>(p, at, out, step, add),
                9 if MOST > 6 => tile::<M, 9, V, ACROSS, UNROLL>(p, at, out, step, add),
                10 if MOST > 6 => tile::<M, 10, V, ACROSS, UNROLL>(p, at, out, step, add),
                11 if MOST > 6 => tile::<M, 11, V, ACROSS, UNROLL>(p, at, out, step, add),
                12 if MOST > 6 => tile::<M, 12, V, ACROSS, UNROLL>(p, at, out, step, add),
                _ => unreachable!("rows of a tile"),
            }
        }
        row += rows;
    }
}

/// One tile of `R` rows and `V` vectors, summed in registers over all parts.
#[inline(always)]
unsafe fn tile<
    M: Multiply,
    const R: usize,
    const V: usize,
    const ACROSS: bool,
    const UNROLL: usize,
>(
    p: &Tiles,
    [row, column]: [usize; 2],
    out: *mut f32,
    step: usize,
    add: bool,
) {
    let lanes = <M::S as Simd>::LANES;
    // SAFETY: the caller promises the tile of either operand, of the scales and of the result.
    unsafe {
        let mut sums = [[M::zero(); V]; R];
        let apart = if ACROSS { 1 } else { p.left.1 };
        for part in 0..p.parts {
            let left = p.left.0.add(row * apart + part * p.apart[0]);
            let mut rows = [left; R];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = row.add(r * apart);
            }
            let mut from = p.right.0.add(column + part * p.apart[1]);
            let mut unit = 0;
            if UNROLL > 1 {
                while unit + UNROLL <= p.depth {
                    for i in 0..UNROLL {
                        add_unit::<M, R, V, ACROSS>(&mut sums, &rows, from, unit + i, p.left.1);
                        from = from.wrapping_add(p.right.1);
                    }
                    unit += UNROLL;
                }
            }
            for unit in unit..p.depth {
                add_unit::<M, R, V, ACROSS>(&mut sums, &rows, from, unit, p.left.1);
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
                let sum = if add {
                    M::S::add(M::S::load(to), sum)
                } else {
                    sum
                };
                M::S::store(to, sum);
            }
        }
    }
}

/// Adds the products of one unit of every row with a row of the right operand. `step` leads from a column of the left one to the
/// next where it lies column after column.
#[inline(always)]
unsafe fn add_unit<M: Multiply, const R: usize, const V: usize, const ACROSS: bool>(
    sums: &mut [[M::Sum; V]; R],
    rows: &[*const u32; R],
    right: *const u32,
    unit: usize,
    step: usize,
) {
    let lanes = <M::S as Simd>::LANES;
    // SAFETY: the caller promises the units.
    unsafe {
        let mut vectors = [M::load(right); V];
        for (v, vector) in vectors.iter_mut().enumerate().skip(1) {
            *vector = M::load(right.add(v * lanes));
        }
        let across = rows[0].wrapping_add(unit * step);
        for (r, sums) in sums.iter_mut().enumerate() {
            let left = M::splat(if ACROSS {
                across.add(r)
            } else {
                rows[r].add(unit)
            });
            for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                *sum = M::step(*sum, left, vector);
            }
        }
    }
}

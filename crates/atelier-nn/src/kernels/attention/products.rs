//! Matrix products of small tiles that lie in a thread's scratch memory, f32 throughout.

use crate::kernels::level::{Level, Simd, TILE_ROWS, leveled};

/// How the left operand lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Row after row: the summed dimension is adjacent.
    Rows,
    /// Transposed: the rows are adjacent.
    Columns,
}

/// Operands of a product `[rows, depth]` times `[depth, columns]`. Strides are in values, `columns` whole vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product<'a> {
    /// The left operand, from its first value on.
    pub left: &'a [f32],
    /// Distance of its rows, or of its columns where these are in order.
    pub left_stride: usize,
    /// How it lies in memory.
    pub order: Left,
    /// The right operand, from its first value on.
    pub right: &'a [f32],
    /// Distance of its rows.
    pub right_stride: usize,
    /// Rows of the product.
    pub rows: usize,
    /// Products per sum.
    pub depth: usize,
    /// Columns of the product.
    pub columns: usize,
}

impl Product<'_> {
    /// Writes the product to `out`, whose rows are `stride` apart.
    pub(super) fn write(&self, level: Level, out: &mut [f32], stride: usize) {
        self.run(level, out, stride, false);
    }

    /// Adds the product to `out`. Each call's own sum starts at zero, which keeps long sums accurate.
    pub(super) fn add(&self, level: Level, out: &mut [f32], stride: usize) {
        self.run(level, out, stride, true);
    }

    fn run(&self, level: Level, out: &mut [f32], stride: usize, add: bool) {
        if self.rows == 0 || self.depth == 0 || self.columns == 0 {
            return;
        }
        let extent = |rows: usize, stride: usize, width: usize| (rows - 1) * stride + width;
        let left = match self.order {
            Left::Rows => extent(self.rows, self.left_stride, self.depth),
            Left::Columns => extent(self.depth, self.left_stride, self.rows),
        };
        assert!(left <= self.left.len(), "left operand");
        assert!(
            extent(self.depth, self.right_stride, self.columns) <= self.right.len(),
            "right"
        );
        assert!(
            extent(self.rows, stride, self.columns) <= out.len(),
            "product"
        );
        assert!(
            self.columns.is_multiple_of(level.lanes()),
            "columns are whole vectors"
        );
        // SAFETY: all operands lie within their slices, as asserted.
        unsafe {
            match self.order {
                Left::Rows => rows_at(level, self, out.as_mut_ptr(), stride, add),
                Left::Columns => columns_at(level, self, out.as_mut_ptr(), stride, add),
            }
        }
    }
}

leveled! {
    fn rows_at(p: &Product, out: *mut f32, stride: usize, add: bool) = rows
}

leveled! {
    fn columns_at(p: &Product, out: *mut f32, stride: usize, add: bool) = columns
}

#[inline(always)]
unsafe fn rows<S: Simd>(p: &Product, out: *mut f32, stride: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { product::<S, false>(p, out, stride, add) };
}

#[inline(always)]
unsafe fn columns<S: Simd>(p: &Product, out: *mut f32, stride: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { product::<S, true>(p, out, stride, add) };
}

/// Walks over groups of columns that fit the registers.
#[inline(always)]
unsafe fn product<S: Simd, const ACROSS: bool>(
    p: &Product,
    out: *mut f32,
    stride: usize,
    add: bool,
) {
    let mut done = 0;
    while done < p.columns {
        let left = (p.columns - done) / S::LANES;
        // SAFETY: the group lies within the columns.
        unsafe {
            let (right, out) = (p.right.as_ptr().add(done), out.add(done));
            let group = group_of(S::PANEL_VECTORS, left);
            match group {
                4 => tiles::<S, 4, TILE_ROWS, ACROSS>(p, right, out, stride, add),
                // sixteen registers hold four rows of three vectors, thirty-two hold six
                3 if S::PANEL_VECTORS == 4 => {
                    tiles::<S, 3, TILE_ROWS, ACROSS>(p, right, out, stride, add);
                }
                3 => tiles::<S, 3, 4, ACROSS>(p, right, out, stride, add),
                2 => tiles::<S, 2, TILE_ROWS, ACROSS>(p, right, out, stride, add),
                _ => tiles::<S, 1, TILE_ROWS, ACROSS>(p, right, out, stride, add),
            }
            done += group * S::LANES;
        }
    }
}

/// Vectors of the next group of columns when `left` vectors are left: few groups, and none of one vector if avoidable,
/// since that would wait for its own sums.
#[inline(always)]
pub(super) fn group_of(panel_vectors: usize, left: usize) -> usize {
    match (panel_vectors, left) {
        (4, 4 | 7 | 8..) => 4,
        (4, 3 | 5 | 6) | (_, 3) => 3,
        (_, 2..) => 2,
        _ => 1,
    }
}

/// Walks over the rows in tiles of nearly equal size, `MAX` rows at most.
#[inline(always)]
unsafe fn tiles<S: Simd, const V: usize, const MAX: usize, const ACROSS: bool>(
    p: &Product,
    right: *const f32,
    out: *mut f32,
    stride: usize,
    add: bool,
) {
    let count = p.rows.div_ceil(MAX);
    let (size, larger) = (p.rows / count, p.rows % count);
    let mut row = 0;
    for i in 0..count {
        let rows = size + usize::from(i < larger);
        // SAFETY: the tile's rows lie within the operands.
        unsafe {
            let left = p
                .left
                .as_ptr()
                .add(if ACROSS { row } else { row * p.left_stride });
            let out = out.add(row * stride);
            match rows {
                1 => tile::<S, 1, V, ACROSS>(p, left, right, out, stride, add),
                2 => tile::<S, 2, V, ACROSS>(p, left, right, out, stride, add),
                3 => tile::<S, 3, V, ACROSS>(p, left, right, out, stride, add),
                4 => tile::<S, 4, V, ACROSS>(p, left, right, out, stride, add),
                5 if MAX > 4 => tile::<S, 5, V, ACROSS>(p, left, right, out, stride, add),
                _ if MAX > 4 => tile::<S, 6, V, ACROSS>(p, left, right, out, stride, add),
                _ => {}
            }
        }
        row += rows;
    }
}

/// One tile of `R` rows and `V` vectors, summed in registers.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize, const ACROSS: bool>(
    p: &Product,
    left: *const f32,
    right: *const f32,
    out: *mut f32,
    stride: usize,
    add: bool,
) {
    // SAFETY: the caller promises the tile of either operand and of the result.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        let mut rows = [left; R];
        if !ACROSS {
            for (r, row) in rows.iter_mut().enumerate() {
                *row = left.add(r * p.left_stride);
            }
        }
        let mut at = [left, right];
        let mut k = 0;
        while k + 4 <= p.depth {
            for u in 0..4 {
                step::<S, R, V, ACROSS>(&mut sums, &rows, k + u, &mut at, p);
            }
            k += 4;
        }
        while k < p.depth {
            step::<S, R, V, ACROSS>(&mut sums, &rows, k, &mut at, p);
            k += 1;
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = out.add(r * stride + v * S::LANES);
                let value = if add { S::add(S::load(to), sum) } else { sum };
                S::store(to, value);
            }
        }
    }
}

/// Adds the products of one value per row with one row of the right operand; `at` moves on.
#[inline(always)]
unsafe fn step<S: Simd, const R: usize, const V: usize, const ACROSS: bool>(
    sums: &mut [[S::F; V]; R],
    rows: &[*const f32; R],
    k: usize,
    at: &mut [*const f32; 2],
    p: &Product,
) {
    // SAFETY: the caller promises the values.
    unsafe {
        let mut vectors = [S::splat(0.0); V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            *vector = S::load(at[1].add(v * S::LANES));
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            let value = S::splat(if ACROSS {
                *at[0].add(r)
            } else {
                *rows[r].add(k)
            });
            for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                *sum = S::fma(value, vector, *sum);
            }
        }
        if ACROSS {
            at[0] = at[0].wrapping_add(p.left_stride);
        }
        at[1] = at[1].wrapping_add(p.right_stride);
    }
}

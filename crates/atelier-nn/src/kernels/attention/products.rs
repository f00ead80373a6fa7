//! Matrix products of small tiles that lie in a thread's scratch memory, f32 throughout.

use super::tiles::{Tiles, multiply};
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::product::tile::Floats;

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
        let tiles = Tiles {
            left: (self.left.as_ptr().cast(), self.left_stride),
            right: (self.right.as_ptr().cast(), self.right_stride),
            rows: self.rows,
            depth: self.depth,
            columns: self.columns,
            parts: 1,
            apart: [0; 2],
            scales: None,
        };
        // SAFETY: all operands lie within their slices, as asserted.
        unsafe {
            match self.order {
                Left::Rows => rows_at(level, &tiles, out.as_mut_ptr(), stride, add),
                Left::Columns => columns_at(level, &tiles, out.as_mut_ptr(), stride, add),
            }
        }
    }
}

/// Numbers of the summed dimension that are multiplied in a round.
const UNROLL: usize = 4;

leveled! {
    fn rows_at(p: &Tiles, out: *mut f32, stride: usize, add: bool) = rows
}

leveled! {
    fn columns_at(p: &Tiles, out: *mut f32, stride: usize, add: bool) = columns
}

#[inline(always)]
unsafe fn rows<S: Simd>(p: &Tiles, out: *mut f32, stride: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { multiply::<Floats<S>, false, UNROLL>(p, out, stride, add) };
}

#[inline(always)]
unsafe fn columns<S: Simd>(p: &Tiles, out: *mut f32, stride: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { multiply::<Floats<S>, true, UNROLL>(p, out, stride, add) };
}

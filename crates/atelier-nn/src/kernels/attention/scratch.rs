//! Scratch memory of a thread, and how operands get into it.

use std::cell::RefCell;

use crate::kernels::level::{Level, Simd, leveled};

/// One cache line, so that every piece of scratch starts on one.
#[repr(align(64))]
#[derive(Clone, Copy)]
#[expect(dead_code, reason = "its values are reached through pointers")]
struct Line([f32; Line::LEN]);

impl Line {
    const LEN: usize = 16;
}

thread_local! {
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with pieces of this thread's scratch of at least `lens` values, whatever those held before.
///
/// `work` must not call this function again.
pub(super) fn with_scratch<const N: usize>(lens: [usize; N], work: impl FnOnce([&mut [f32]; N])) {
    SCRATCH.with_borrow_mut(|lines| {
        let needed = lens.iter().map(|len| len.div_ceil(Line::LEN)).sum();
        if lines.len() < needed {
            lines.resize(needed, Line([0.0; Line::LEN]));
        }
        // SAFETY: a line is an array of plain values, aligned more strictly than these.
        let mut rest = unsafe {
            std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * Line::LEN)
        };
        work(lens.map(|len| {
            let (piece, after) =
                std::mem::take(&mut rest).split_at_mut(len.next_multiple_of(Line::LEN));
            rest = after;
            piece
        }));
    });
}

/// A block of rows in a tensor or in scratch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<V> {
    /// From the first value of the first row on.
    pub values: V,
    /// Distance of rows.
    pub stride: usize,
    /// Number of rows.
    pub count: usize,
    /// Values per row.
    pub width: usize,
}

impl Rows<&[f32]> {
    /// Fills `to` with the rows times `scale`, `to_stride` values apart, and with zeros beside and below them.
    pub(super) fn pack(&self, scale: f32, to: &mut [f32], to_stride: usize) {
        let (rows, below) = to.split_at_mut(self.count * to_stride);
        for (from, to) in self
            .values
            .chunks(self.stride)
            .zip(rows.chunks_exact_mut(to_stride))
        {
            let (to, beside) = to.split_at_mut(self.width);
            for (to, from) in to.iter_mut().zip(from) {
                *to = from * scale;
            }
            beside.fill(0.0);
        }
        below.fill(0.0);
    }
}

/// Writes the transpose of `[rows, columns]`, in scratch on either side: both counts are rounded up to whole vectors.
pub(super) fn turn(level: Level, from: Rows<&[f32]>, to: &mut [f32], to_stride: usize) {
    let (rows, columns) = (
        from.count.next_multiple_of(level.lanes()),
        from.width.next_multiple_of(level.lanes()),
    );
    assert!(rows > 0 && columns > 0);
    assert!((rows - 1) * from.stride + columns <= from.values.len());
    assert!((columns - 1) * to_stride + rows <= to.len());
    // SAFETY: all blocks lie within the slices, as asserted.
    unsafe { turn_at(level, from, to.as_mut_ptr(), to_stride) };
}

leveled! {
    fn turn_at(from: Rows<&[f32]>, to: *mut f32, to_stride: usize) = turn_blocks
}

#[inline(always)]
unsafe fn turn_blocks<S: Simd>(from: Rows<&[f32]>, to: *mut f32, to_stride: usize) {
    for row in (0..from.count).step_by(S::LANES) {
        for column in (0..from.width).step_by(S::LANES) {
            // SAFETY: the caller promises whole blocks on either side.
            unsafe {
                let from_block = from.values.as_ptr().add(row * from.stride + column);
                let to_block = to.add(column * to_stride + row);
                S::transpose(from_block.cast(), from.stride, to_block.cast(), to_stride);
            }
        }
    }
}

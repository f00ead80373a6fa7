//! What happens between layers: shifts per channel, residual sums, concatenation along channels and their backward
//! passes.
//!
//! `b` images, `p` pixels, `c` channels.

use super::part::{Part as _, sweep};
use super::{block_rows, column_sums, tasks};
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::{Shared, chunk, filled};
use crate::kernels::share::share_each;

/// Adds `b` to `a`.
pub(crate) fn add(level: Level, a: &mut [f32], b: &[f32]) {
    assert_eq!(a.len(), b.len(), "summands of one size");
    let size = chunk(a.len(), 1);
    let chunks = a.chunks_mut(size).zip(b.chunks(size));
    // SAFETY: both chunks have the same length.
    share_each(chunks, |_, (a, b)| unsafe {
        add_at(level, a.as_mut_ptr(), b.as_ptr(), a.len());
    });
}

/// Adds a shift of every image's channels to all of its pixels.
///
/// # Shapes
/// - `x`: `[b, p, c]`
/// - `shift`: `[b, c]`
pub(crate) fn shift(level: Level, x: &mut [f32], shift: &[f32], channels: usize) {
    let pixels = pixels_of(x.len(), shift.len(), channels);
    let to = Shared::of(x);
    let rows = shift.len() / channels * pixels;
    tasks(rows, chunk(rows, channels), |start, count| {
        for row in start..start + count {
            let shift = &shift[row / pixels * channels..][..channels];
            // SAFETY: tasks have their own rows, all of them inside `x`.
            unsafe { add_at(level, to.at(row * channels), shift.as_ptr(), channels) };
        }
    });
}

/// The gradient of the shifts that [`shift`] adds: the sums of `dy` over every image's pixels.
///
/// # Shapes
/// - `dy`: `[b, p, c]`
/// - returns: `[b, c]`
pub(crate) fn shift_gradient(level: Level, dy: &[f32], batch: usize, channels: usize) -> Vec<f32> {
    let pixels = pixels_of(dy.len(), batch * channels, channels);
    let size = block_rows(pixels, channels);
    let blocks = pixels.div_ceil(size);
    let mut parts = vec![0.0; batch * blocks * channels];
    share_each(parts.chunks_mut(channels), |i, sums| {
        let start = i % blocks * size;
        let rows = size.min(pixels - start);
        let dy = &dy[(i / blocks * pixels + start) * channels..][..rows * channels];
        // SAFETY: the block has whole rows, and `sums` is one row.
        unsafe { sum_at(level, sums.as_mut_ptr(), dy.as_ptr(), [rows, channels]) };
    });
    let images = parts.chunks(blocks * channels);
    images
        .flat_map(|parts| column_sums(parts, channels))
        .map(|sum| sum as f32)
        .collect()
}

/// `a` and `b` next to each other along channels.
///
/// # Shapes
/// - `a`: `[rows, a_channels]`
/// - `b`: `[rows, b_channels]`
/// - returns: `[rows, a_channels + b_channels]`
pub(crate) fn concatenate(a: &[f32], b: &[f32], [a_channels, b_channels]: [usize; 2]) -> Vec<f32> {
    let channels = a_channels + b_channels;
    let rows = (a.len() + b.len()) / channels;
    let expected = [rows * a_channels, rows * b_channels];
    assert_eq!([a.len(), b.len()], expected, "as many rows on either side");
    let write = |to: Shared| {
        tasks(rows, chunk(rows, channels), |start, count| {
            for row in start..start + count {
                let to = to.at(row * channels);
                // SAFETY: tasks have their own rows, all of them inside the buffers.
                unsafe {
                    copy(to, a[row * a_channels..].as_ptr(), a_channels);
                    copy(
                        to.add(a_channels),
                        b[row * b_channels..].as_ptr(),
                        b_channels,
                    );
                }
            }
        });
    };
    // SAFETY: the rows cover all values.
    unsafe { filled(rows * channels, write) }
}

/// The gradients of both sides of [`concatenate`].
///
/// # Shapes
/// - `dy`: `[rows, a_channels + b_channels]`
/// - returns: `[rows, a_channels]` and `[rows, b_channels]`
pub(crate) fn split(dy: &[f32], [a_channels, b_channels]: [usize; 2]) -> [Vec<f32>; 2] {
    let channels = a_channels + b_channels;
    assert!(dy.len().is_multiple_of(channels), "whole rows");
    let rows = dy.len() / channels;
    let side = |first: usize, width: usize| {
        let write = |to: Shared| {
            tasks(rows, chunk(rows, width), |start, count| {
                for row in start..start + count {
                    let from = dy[row * channels + first..][..width].as_ptr();
                    // SAFETY: tasks have their own rows, all of them inside the buffer.
                    unsafe { copy(to.at(row * width), from, width) };
                }
            });
        };
        // SAFETY: the rows cover all values.
        unsafe { filled(rows * width, write) }
    };
    [side(0, a_channels), side(a_channels, b_channels)]
}

/// Copies `count` values.
///
/// # Safety
/// Both sides must hold them, and must not overlap.
#[inline]
unsafe fn copy(to: *mut f32, from: *const f32, count: usize) {
    // SAFETY: passed on from the caller.
    unsafe { std::ptr::copy_nonoverlapping(from, to, count) };
}

fn pixels_of(len: usize, shifts: usize, channels: usize) -> usize {
    assert!(
        channels > 0 && shifts.is_multiple_of(channels),
        "a shift per channel"
    );
    assert!(shifts > 0 && len.is_multiple_of(shifts), "whole images");
    len / shifts
}

leveled! {
    /// Adds `len` values of `b` to those of `a`.
    ///
    /// # Safety
    /// Both sides must hold them.
    fn add_at(a: *mut f32, b: *const f32, len: usize) = add_values
}
leveled! {
    /// Adds up `[rows, width]` over the rows, into `sums`.
    ///
    /// # Safety
    /// `from` must hold the rows, `sums` one row.
    fn sum_at(sums: *mut f32, from: *const f32, size: [usize; 2]) = sum_rows
}

#[inline(always)]
unsafe fn add_values<S: Simd>(a: *mut f32, b: *const f32, len: usize) {
    // SAFETY: the sweep stays inside `len`.
    unsafe {
        sweep!(S, len, |at, part| {
            let sum = S::add(part.load::<S>(a.add(at)), part.load::<S>(b.add(at)));
            part.store::<S>(a.add(at), sum);
        });
    }
}

#[inline(always)]
unsafe fn sum_rows<S: Simd>(sums: *mut f32, from: *const f32, [rows, width]: [usize; 2]) {
    for row in 0..rows {
        // SAFETY: the row is inside the block.
        unsafe { add_values::<S>(sums, from.add(row * width), width) };
    }
}

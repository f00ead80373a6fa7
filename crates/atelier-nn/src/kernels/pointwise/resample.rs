//! Enlargement by 2 in both directions, every pixel becoming four, and its backward pass.

use super::part::{Part as _, sweep};
use super::tasks;
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::{Shared, chunk, filled};

/// The height, width and channels of the small image.
pub(crate) type Size = [usize; 3];

/// Enlarges images by 2.
///
/// # Shapes
/// - `x`: `[b, h, w, c]`
/// - returns: `[b, 2 h, 2 w, c]`
pub(crate) fn enlarge(x: &[f32], [height, width, channels]: Size) -> Vec<f32> {
    let row = width * channels;
    let rows = rows_of(x.len(), [height, row]);
    let write = |to: Shared| {
        tasks(rows, chunk(rows, 4 * row), |start, count| {
            for i in start..start + count {
                let (x, to) = (&x[i * row..][..row], to.at(i * 4 * row));
                // SAFETY: tasks have their own rows; the pixels, twice each, are the first of two rows.
                unsafe {
                    for (at, pixel) in x.chunks_exact(channels).enumerate() {
                        for twice in 0..2 {
                            let to = to.add((2 * at + twice) * channels);
                            std::ptr::copy_nonoverlapping(pixel.as_ptr(), to, channels);
                        }
                    }
                    std::ptr::copy_nonoverlapping(to, to.add(2 * row), 2 * row);
                }
            }
        });
    };
    // SAFETY: the rows cover all values.
    unsafe { filled(4 * x.len(), write) }
}

/// The gradient of the small image: the sums over the four pixels that each of its pixels became.
///
/// # Shapes
/// - `dy`: `[b, 2 h, 2 w, c]`
/// - returns: `[b, h, w, c]`
pub(crate) fn enlarge_gradient(
    level: Level,
    dy: &[f32],
    [height, width, channels]: Size,
) -> Vec<f32> {
    let row = width * channels;
    let rows = rows_of(dy.len(), [height, 4 * row]);
    let write = |to: Shared| {
        tasks(rows, chunk(rows, 4 * row), |start, count| {
            for i in start..start + count {
                let dy = dy[i * 4 * row..][..4 * row].as_ptr();
                // SAFETY: tasks have their own rows; `dy` has two rows of twice the size.
                unsafe { fold_at(level, to.at(i * row), dy, [width, channels]) };
            }
        });
    };
    // SAFETY: the rows cover all values.
    unsafe { filled(rows * row, write) }
}

fn rows_of(len: usize, [height, row]: [usize; 2]) -> usize {
    assert!(
        height * row > 0 && len.is_multiple_of(height * row),
        "whole images"
    );
    len / row
}

leveled! {
    /// Sums of four for one row of `[width, channels]`.
    ///
    /// # Safety
    /// `to` must hold the row, `dy` two rows of twice the width.
    fn fold_at(to: *mut f32, dy: *const f32, size: [usize; 2]) = fold
}

#[inline(always)]
unsafe fn fold<S: Simd>(to: *mut f32, dy: *const f32, [width, channels]: [usize; 2]) {
    let below = 2 * width * channels;
    for pixel in 0..width {
        // SAFETY: the pixel is inside the row, and the sweep inside the pixel.
        unsafe {
            let (to, dy) = (to.add(pixel * channels), dy.add(2 * pixel * channels));
            sweep!(S, channels, |at, part| {
                let left = dy.add(at);
                let right = left.add(channels);
                let upper = S::add(part.load::<S>(left), part.load::<S>(right));
                let lower = S::add(
                    part.load::<S>(left.add(below)),
                    part.load::<S>(right.add(below)),
                );
                part.store::<S>(to.add(at), S::add(upper, lower));
            });
        }
    }
}

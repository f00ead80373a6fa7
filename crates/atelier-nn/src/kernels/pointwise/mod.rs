//! The kernels that memory limits: normalisation, activations, copies and the optimizer's step, forward and backward.
//!
//! Slices in and out, channels last (`[b, h, w, c]`). Every sum has a fixed order that depends on sizes only, so results
//! are the same for any number of threads. Backward passes turn the gradient of the output into that of the input in
//! place where both have the same size, which saves fresh memory.

pub(crate) mod activation;
pub(crate) mod adamw;
pub(crate) mod channels;
pub(crate) mod geglu;
pub(crate) mod group_norm;
pub(crate) mod kept;
pub(crate) mod kept_rows;
pub(crate) mod layer_norm;
pub(super) mod part;
pub(crate) mod resample;
#[cfg(test)]
mod tests;

use crate::kernels::share::share;

/// Values that one task sums up before its sums are joined with those of others: the fewest that are worth a task, and the most.
const BLOCK_VALUES: [usize; 2] = [4096, 32768];

/// Tasks that even few rows come to, as long as these are worth it.
const BLOCKS: usize = 4;

/// Rows that one task sums up at most, so that sums of f32 stay short.
const BLOCK_ROWS: usize = 256;

/// How many of `rows` of `width` values one task sums up. Depends on the shape only, as the order of sums must.
fn block_rows(rows: usize, width: usize) -> usize {
    let [fewest, most] = BLOCK_VALUES;
    let values = (rows * width / BLOCKS).clamp(fewest, most);
    let limit = (values / width.max(1)).clamp(1, BLOCK_ROWS);
    // blocks of one size, but for the last
    rows.div_ceil(rows.div_ceil(limit).max(1)).max(1)
}

/// The scale and shift of every channel that a normalisation ends with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine<'a> {
    /// The scales.
    pub(crate) gamma: &'a [f32],
    /// The shifts.
    pub(crate) beta: &'a [f32],
}

/// The gradients of [`Affine`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AffineGradient {
    /// Of the scales.
    pub(crate) gamma: Vec<f32>,
    /// Of the shifts.
    pub(crate) beta: Vec<f32>,
}

/// Runs `work(start, count)` for `len` units in parts of `size`, on all threads.
fn tasks(len: usize, size: usize, work: impl Fn(usize, usize) + Send + Sync) {
    share(len.div_ceil(size), |i| {
        work(i * size, size.min(len - i * size));
    });
}

#[cfg(test)]
#[test]
fn few_rows_come_to_several_tasks_and_many_to_those_of_their_shape() {
    // few values are one task, more are four, many have as many rows as sums of f32 bear
    assert_eq!(block_rows(16, 192), 16);
    assert_eq!(block_rows(64, 160), 22);
    assert_eq!(block_rows(256, 128), 64);
    assert_eq!(block_rows(4096, 320), 100);
    assert_eq!(block_rows(1 << 20, 16), 256);
    for (rows, width) in [(0, 8), (8, 0), (1, 1 << 20)] {
        assert_eq!(block_rows(rows, width).min(1), 1, "{rows} {width}");
    }
}

/// The sums over rows of `width` values in `parts`, which hold one such row for every task.
fn column_sums(parts: &[f32], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for part in parts.chunks_exact(width) {
        for (sum, &value) in sums.iter_mut().zip(part) {
            *sum += f64::from(value);
        }
    }
    sums
}

//! From logits to weights: the exponentials between the matrix products. Logits are to base 2, keys run down the rows
//! and queries along the lanes.

use crate::kernels::level::math::exp2;
use crate::kernels::level::{Level, Simd, leveled};

/// How much (to base 2) a logit may exceed the reference before the sums are rescaled: 2^8 times a weight of at most 1
/// is far from overflow, and most tiles need no rescaling.
const SLACK: f32 = 8.0;

/// Keys whose exponentials are taken side by side.
const ABREAST: usize = 2;

/// The reference before any key.
pub(super) const NO_REFERENCE: f32 = -1e30;

/// A tile of logits `[keys, columns]`, rows `stride` apart.
#[derive(Debug)]
pub(super) struct Tile<'a> {
    /// From the first logit on.
    pub values: &'a mut [f32],
    /// Distance of rows.
    pub stride: usize,
    /// Rows.
    pub keys: usize,
    /// Queries, rounded up to whole vectors.
    pub columns: usize,
}

impl Tile<'_> {
    fn check(&self, level: Level) {
        assert!(self.keys > 0 && (self.keys - 1) * self.stride + self.columns <= self.values.len());
        assert!(
            self.columns.is_multiple_of(level.lanes()),
            "columns are whole vectors"
        );
    }
}

/// What the keys so far have summed to, for the queries of a tile.
#[derive(Debug)]
pub(super) struct Sums<'a> {
    /// The logit that counts as weight 1, per query.
    pub references: &'a mut [f32],
    /// The sum of weights, per query.
    pub weights: &'a mut [f32],
    /// The weighted sum of values `[head_size, queries]`.
    pub values: &'a mut [f32],
    /// Distance of rows of `values`.
    pub stride: usize,
    /// Rows of `values`.
    pub head_size: usize,
}

/// Replaces logits by weights relative to the references and adds these to the sums of weights. Where a logit exceeds
/// the reference by much, the greatest one becomes the reference, and all sums are brought to it.
pub(super) fn weigh(level: Level, tile: &mut Tile, sums: &mut Sums) {
    tile.check(level);
    assert!(tile.columns <= sums.references.len() && tile.columns <= sums.weights.len());
    assert!((sums.head_size - 1) * sums.stride + tile.columns <= sums.values.len());
    // SAFETY: all that is touched lies within the slices, as asserted.
    unsafe { weigh_at(level, tile, sums) };
}

leveled! {
    fn weigh_at(tile: &mut Tile, sums: &mut Sums) = weigh_columns
}

#[inline(always)]
unsafe fn weigh_columns<S: Simd>(tile: &mut Tile, sums: &mut Sums) {
    for column in (0..tile.columns).step_by(S::LANES) {
        // SAFETY: the caller promises whole vectors of all columns.
        unsafe {
            let logits = tile.values.as_mut_ptr().add(column);
            let mut greatest = S::splat(NO_REFERENCE);
            for key in 0..tile.keys {
                greatest = S::max(S::load(logits.add(key * tile.stride)), greatest);
            }
            let at = sums.references.as_mut_ptr().add(column);
            let excess = S::sub(greatest, S::load(at));
            // an infinite logit over an infinite reference is no number, and must not hide the other lanes
            if S::greatest(S::max(excess, S::splat(NO_REFERENCE))) > SLACK {
                rescale::<S>(greatest, sums, column);
            }
            let reference = S::load(at);
            let mut total = S::splat(0.0);
            let mut key = 0;
            while key + ABREAST <= tile.keys {
                let at = logits.add(key * tile.stride);
                total = S::add(total, weights::<S, ABREAST>(at, tile.stride, reference));
                key += ABREAST;
            }
            while key < tile.keys {
                let at = logits.add(key * tile.stride);
                total = S::add(total, weights::<S, 1>(at, tile.stride, reference));
                key += 1;
            }
            let at = sums.weights.as_mut_ptr().add(column);
            S::store(at, S::add(S::load(at), total));
        }
    }
}

/// Replaces the logits of `N` keys by weights, and returns the sum of these.
#[inline(always)]
unsafe fn weights<S: Simd, const N: usize>(at: *mut f32, stride: usize, reference: S::F) -> S::F {
    // SAFETY: the caller promises one vector per key.
    unsafe {
        let mut logits = [reference; N];
        for (i, logit) in logits.iter_mut().enumerate() {
            *logit = S::sub(S::load(at.add(i * stride)), reference);
        }
        let weights = exp2::<S, N>(logits);
        let mut sum = S::splat(0.0);
        for (i, &weight) in weights.iter().enumerate() {
            S::store(at.add(i * stride), weight);
            sum = S::add(sum, weight);
        }
        sum
    }
}

/// Makes the greatest logits the references where they exceed these, for one vector of queries.
#[inline(always)]
unsafe fn rescale<S: Simd>(greatest: S::F, sums: &mut Sums, column: usize) {
    // SAFETY: as the caller's.
    unsafe {
        let at = sums.references.as_mut_ptr().add(column);
        let old = S::load(at);
        let new = S::max(greatest, old);
        S::store(at, new);
        let [factor] = exp2::<S, 1>([S::sub(old, new)]);
        let at = sums.weights.as_mut_ptr().add(column);
        S::store(at, S::mul(S::load(at), factor));
        for row in 0..sums.head_size {
            let at = sums.values.as_mut_ptr().add(column + row * sums.stride);
            S::store(at, S::mul(S::load(at), factor));
        }
    }
}

/// Replaces logits by the final weights, and the gradients of weights by the gradients of logits (to base e).
///
/// `log_sums` are the logs (to base 2) of the sums of exponentials, `means` the weighted means of the gradients of
/// weights, both per query.
pub(super) fn slopes(
    level: Level,
    logits: &mut Tile,
    gradients: &mut [f32],
    log_sums: &[f32],
    means: &[f32],
) {
    logits.check(level);
    assert!(gradients.len() >= (logits.keys - 1) * logits.stride + logits.columns);
    assert!(logits.columns <= log_sums.len() && logits.columns <= means.len());
    // SAFETY: all that is touched lies within the slices, as asserted.
    unsafe { slopes_at(level, logits, gradients, log_sums, means) };
}

leveled! {
    fn slopes_at(logits: &mut Tile, gradients: &mut [f32], log_sums: &[f32], means: &[f32]) = slope_columns
}

#[inline(always)]
unsafe fn slope_columns<S: Simd>(
    logits: &mut Tile,
    gradients: &mut [f32],
    log_sums: &[f32],
    means: &[f32],
) {
    for column in (0..logits.columns).step_by(S::LANES) {
        // SAFETY: the caller promises whole vectors of all columns.
        unsafe {
            let log_sum = S::load(log_sums.as_ptr().add(column));
            let mean = S::load(means.as_ptr().add(column));
            let mut key = 0;
            while key + ABREAST <= logits.keys {
                let at = column + key * logits.stride;
                let at = [
                    logits.values.as_mut_ptr().add(at),
                    gradients.as_mut_ptr().add(at),
                ];
                slope::<S, ABREAST>(at, logits.stride, log_sum, mean);
                key += ABREAST;
            }
            while key < logits.keys {
                let at = column + key * logits.stride;
                let at = [
                    logits.values.as_mut_ptr().add(at),
                    gradients.as_mut_ptr().add(at),
                ];
                slope::<S, 1>(at, logits.stride, log_sum, mean);
                key += 1;
            }
        }
    }
}

/// The weights and slopes of `N` keys, in place of logits and gradients.
#[inline(always)]
unsafe fn slope<S: Simd, const N: usize>(
    [logits, gradients]: [*mut f32; 2],
    stride: usize,
    log_sum: S::F,
    mean: S::F,
) {
    // SAFETY: the caller promises one vector per key.
    unsafe {
        let mut weights = [log_sum; N];
        for (i, weight) in weights.iter_mut().enumerate() {
            *weight = S::sub(S::load(logits.add(i * stride)), log_sum);
        }
        let weights = exp2::<S, N>(weights);
        for (i, &weight) in weights.iter().enumerate() {
            S::store(logits.add(i * stride), weight);
            let at = gradients.add(i * stride);
            S::store(at, S::mul(weight, S::sub(S::load(at), mean)));
        }
    }
}

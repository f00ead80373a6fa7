//! From products to weights and slopes, rounded to bf16. Keys run down the rows and queries along the lanes; products are of
//! queries and keys as they are, so that the scale of logits comes in here.

use crate::kernels::attention::weights::NO_REFERENCE;
use crate::kernels::level::math::{exp2, rough_exp2};
use crate::kernels::level::{Level, Simd, leveled};

use super::PANEL;

/// How much (to base 2) a logit may exceed the reference before the sums are rescaled.
const SLACK: f32 = 8.0;

/// The products of some keys with the queries of a panel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile<'a> {
    /// `[rows, PANEL]`.
    pub products: &'a [f32],
    /// Rows that belong to keys.
    pub keys: usize,
    /// What takes a product to a logit to base 2.
    pub scale: f32,
}

/// What the keys so far have summed to, for the queries of a panel.
#[derive(Debug)]
pub(super) struct Sums<'a> {
    /// The logit that counts as weight 1, per query.
    pub references: &'a mut [f32],
    /// The sum of weights, per query.
    pub weights: &'a mut [f32],
    /// The weighted sums of values `[head_rows, PANEL]`.
    pub values: &'a mut [f32],
}

/// Writes the weights of a tile relative to the references, as pairs of keys `[rows / 2, PANEL]`, and adds them to the sums
/// of weights. Weights of rows without a key are zero. Where a logit exceeds the
/// reference by much, the greatest one becomes the reference, and all sums are brought to it.
pub(super) fn weigh(level: Level, tile: Tile<'_>, sums: &mut Sums<'_>, to: &mut [u32]) {
    let Tile { products, keys, .. } = tile;
    assert!(products.len() == 2 * to.len() && products.len().is_multiple_of(2 * PANEL));
    assert!(0 < keys && keys * PANEL <= products.len());
    assert!(sums.references.len() >= PANEL && sums.weights.len() >= PANEL);
    assert!(sums.values.len().is_multiple_of(PANEL));
    // SAFETY: all that is touched lies within the slices, as asserted.
    unsafe { weigh_at(level, tile, sums, to) };
}

leveled! {
    fn weigh_at(tile: Tile<'_>, sums: &mut Sums<'_>, to: &mut [u32]) = weigh_columns
}

#[inline(always)]
unsafe fn weigh_columns<S: Simd>(tile: Tile<'_>, sums: &mut Sums<'_>, to: &mut [u32]) {
    let Tile {
        products,
        keys,
        scale,
    } = tile;
    for column in (0..PANEL).step_by(S::LANES) {
        // SAFETY: the caller promises whole panels.
        unsafe {
            let from = products.as_ptr().add(column);
            let to_column = to.as_mut_ptr().add(column);
            let factor = S::splat(scale);
            let mut greatest = [S::splat(f32::MIN); 2];
            for key in 0..keys {
                let most = &mut greatest[key % 2];
                *most = S::max(S::load(from.add(key * PANEL)), *most);
            }
            let greatest = S::mul(S::max(greatest[0], greatest[1]), factor);
            let at = sums.references.as_mut_ptr().add(column);
            let excess = S::sub(greatest, S::load(at));
            // an infinite logit over an infinite reference is no number, and must not hide the other lanes
            if S::greatest(S::max(excess, S::splat(NO_REFERENCE))) > SLACK {
                rescale::<S>(greatest, sums, column);
            }
            let away = S::sub(S::splat(0.0), S::load(at));
            let mut totals = [S::splat(0.0); 2];
            let mut key = 0;
            while key + 4 <= keys {
                let row = |i: usize| S::fma(S::load(from.add((key + i) * PANEL)), factor, away);
                let weights = rough_exp2::<S, 4>([row(0), row(1), row(2), row(3)]);
                for i in 0..2 {
                    let (even, odd) = (weights[2 * i], weights[2 * i + 1]);
                    totals[i] = S::add(totals[i], S::add(even, odd));
                    S::int_store(to_column.add((key / 2 + i) * PANEL), S::halves(even, odd));
                }
                key += 4;
            }
            let mut total = S::add(totals[0], totals[1]);
            while key < products.len() / PANEL {
                let mut both = [S::splat(0.0); 2];
                for (i, weight) in both.iter_mut().enumerate() {
                    if key + i < keys {
                        let logit = S::fma(S::load(from.add((key + i) * PANEL)), factor, away);
                        [*weight] = rough_exp2::<S, 1>([logit]);
                    }
                }
                let [even, odd] = both;
                total = S::add(total, S::add(even, odd));
                S::int_store(to_column.add(key / 2 * PANEL), S::halves(even, odd));
                key += 2;
            }
            let at = sums.weights.as_mut_ptr().add(column);
            S::store(at, S::add(S::load(at), total));
        }
    }
}

/// Makes the greatest logits the references where they exceed these, for one vector of queries.
#[inline(always)]
unsafe fn rescale<S: Simd>(greatest: S::F, sums: &mut Sums<'_>, column: usize) {
    // SAFETY: as the caller's.
    unsafe {
        let at = sums.references.as_mut_ptr().add(column);
        let old = S::load(at);
        let new = S::max(greatest, old);
        S::store(at, new);
        // Exact where nothing changes: most of the queries beside one whose logits grew have their sums already.
        let [factor] = exp2::<S, 1>([S::sub(old, new)]);
        let at = sums.weights.as_mut_ptr().add(column);
        S::store(at, S::mul(S::load(at), factor));
        for row in 0..sums.values.len() / PANEL {
            let at = sums.values.as_mut_ptr().add(row * PANEL + column);
            S::store(at, S::mul(S::load(at), factor));
        }
    }
}

/// The weights and slopes of a tile, in the orders that products read.
#[derive(Debug)]
pub(super) struct Slopes<'a> {
    /// Weights, row after row: `[keys, PANEL / 2]`.
    pub weights: &'a mut [u32],
    /// Slopes, row after row.
    pub by_key: &'a mut [u32],
    /// Slopes as pairs of keys: `[keys / 2, PANEL]`.
    pub paired: &'a mut [u32],
}

/// The final weights of a tile, and the gradients of logits (to base e) from those of the weights, `[rows, PANEL]` too. Rows
/// without a key are zeros.
///
/// `log_sums` are the logs (to base 2) of the sums of exponentials, `means` the weighted means of the gradients of weights,
/// both per query.
pub(super) fn slopes(
    level: Level,
    tile: Tile<'_>,
    gradients: &[f32],
    [log_sums, means]: [&[f32]; 2],
    to: &mut Slopes<'_>,
) {
    let Tile { products, keys, .. } = tile;
    assert!(products.len() == gradients.len() && products.len().is_multiple_of(2 * PANEL));
    assert!(keys * PANEL <= products.len() && log_sums.len() >= PANEL && means.len() >= PANEL);
    for units in [&to.weights, &to.by_key, &to.paired] {
        assert_eq!(2 * units.len(), products.len(), "units of a tile");
    }
    // SAFETY: all that is touched lies within the slices, as asserted.
    unsafe {
        slopes_at(level, tile, gradients, [log_sums, means], to);
    };
}

leveled! {
    fn slopes_at(tile: Tile<'_>, gradients: &[f32], queries: [&[f32]; 2], to: &mut Slopes<'_>) = slope_columns
}

#[inline(always)]
unsafe fn slope_columns<S: Simd>(
    tile: Tile<'_>,
    gradients: &[f32],
    [log_sums, means]: [&[f32]; 2],
    to: &mut Slopes<'_>,
) {
    let Tile {
        products,
        keys,
        scale,
    } = tile;
    let [weights, slopes, paired] =
        [&mut *to.weights, &mut *to.by_key, &mut *to.paired].map(<[u32]>::as_mut_ptr);
    for column in (0..PANEL).step_by(S::LANES) {
        // SAFETY: the caller promises whole panels.
        unsafe {
            let away = S::sub(S::splat(0.0), S::load(log_sums.as_ptr().add(column)));
            let mean = S::load(means.as_ptr().add(column));
            let factor = S::splat(scale);
            for key in (0..products.len() / PANEL).step_by(2) {
                let at = key * PANEL + column;
                let load = |values: &[f32], i: usize| S::load(values.as_ptr().add(at + i * PANEL));
                let logit = |i: usize| S::fma(load(products, i), factor, away);
                let mut both = rough_exp2::<S, 2>([logit(0), logit(1)]);
                for (i, weight) in both.iter_mut().enumerate() {
                    if key + i >= keys {
                        *weight = S::splat(0.0);
                    }
                }
                let slope = |i: usize| {
                    if key + i < keys {
                        S::mul(both[i], S::sub(load(gradients, i), mean))
                    } else {
                        S::splat(0.0)
                    }
                };
                let of = [slope(0), slope(1)];
                for i in 0..2 {
                    let at = at + i * PANEL;
                    S::store_bf16(weights.cast::<u16>().add(at), both[i]);
                    S::store_bf16(slopes.cast::<u16>().add(at), of[i]);
                }
                S::int_store(
                    paired.add(key / 2 * PANEL + column),
                    S::halves(of[0], of[1]),
                );
            }
        }
    }
}

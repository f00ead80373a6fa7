//! The loops of group normalisation over the pixels of one block.

use crate::kernels::level::math::silu;
use crate::kernels::level::{Simd, leveled};
use crate::kernels::pointwise::kept::{Sink, Source, To, View, store};
use crate::kernels::pointwise::part::{Part as _, sweep};

/// Pixels, spread over a block, whose mean is what the block's deviations are taken from.
const SAMPLE: usize = 8;

leveled! {
    /// Writes three rows for `rows` pixels of `width` channels: a value near every channel's mean, and the sums of the
    /// deviations from it and of their squares. The rows must be zero before.
    ///
    /// # Safety
    /// `x` must hold the pixels, `sums` three rows.
    pub(super) fn measure_at(x: *const f32, size: [usize; 2], sums: *mut f32) = measure
}
leveled! {
    /// Writes `(x - mean) * scale + shift`, or the SiLU of that.
    ///
    /// # Safety
    /// `to` and `x` must hold the `[rows, width]` of `size`, `folded` the rows mean, scale and shift.
    pub(super) fn normalise_at(
        to: To, x: *const f32, folded: *const f32, size: [usize; 2], silu: bool,
    ) = normalise
}
leveled! {
    /// Writes one pixel less its channels' means, rounded to bf16.
    ///
    /// # Safety
    /// `to` and `means` must hold as many values as `x`.
    pub(super) fn centre_at(to: *mut u16, x: &[f32], means: *const f32) = centre
}
leveled! {
    /// Adds up the gradients before SiLU, and the gradients times `x - mean`, in the two rows of `sums`. With `silu` also
    /// writes the gradients before SiLU over those after it.
    ///
    /// # Safety
    /// `x` and `dy` must hold `size`, `folded` the rows mean, scale and shift, `sums` two rows.
    pub(super) fn slopes_at(
        x: View, dy: *mut f32, folded: *const f32, size: [usize; 2], silu: bool, sums: *mut f32,
    ) = slopes
}
leveled! {
    /// Turns gradients before SiLU into `gradient * scale + (x - mean) * slope + constant`.
    ///
    /// # Safety
    /// `x` and `dy` must hold `size`, `factors` the rows mean, scale, slope and constant.
    pub(super) fn finish_at(dy: *mut f32, x: View, factors: *const f32, size: [usize; 2]) = finish
}

#[inline(always)]
unsafe fn measure<S: Simd>(x: *const f32, [rows, width]: [usize; 2], sums: *mut f32) {
    // SAFETY: all rows are inside the block, and the sweeps inside a row.
    unsafe {
        // A block's variance is at least `SAMPLE / rows` times the squared distance of the sample's mean from the
        // block's, so that little is lost where one is subtracted from the other.
        let sample = SAMPLE.min(rows);
        for i in 0..sample {
            let row = i * rows / sample * width;
            sweep!(S, width, |at, part| {
                let x = part.load::<S>(x.add(row + at));
                part.store::<S>(sums.add(at), S::add(part.load::<S>(sums.add(at)), x));
            });
        }
        let share = S::splat(1.0 / sample as f32);
        sweep!(S, width, |at, part| {
            let mean = S::mul(part.load::<S>(sums.add(at)), share);
            part.store::<S>(sums.add(at), mean);
        });
        let mut row = 0;
        while row + 4 <= rows {
            deviations::<S, 4>(x.add(row * width), width, sums);
            row += 4;
        }
        while row < rows {
            deviations::<S, 1>(x.add(row * width), width, sums);
            row += 1;
        }
    }
}

/// Adds the deviations of `R` pixels and their squares.
#[inline(always)]
unsafe fn deviations<S: Simd, const R: usize>(x: *const f32, width: usize, sums: *mut f32) {
    // SAFETY: passed on from the caller.
    unsafe {
        sweep!(S, width, |at, part| {
            let shift = part.load::<S>(sums.add(at));
            let mut sum = S::sub(part.load::<S>(x.add(at)), shift);
            let mut squares = S::mul(sum, sum);
            for row in 1..R {
                let d = S::sub(part.load::<S>(x.add(row * width + at)), shift);
                sum = S::add(sum, d);
                squares = S::fma(d, d, squares);
            }
            let (all, all_squares) = (sums.add(width + at), sums.add(2 * width + at));
            part.store::<S>(all, S::add(part.load::<S>(all), sum));
            part.store::<S>(all_squares, S::add(part.load::<S>(all_squares), squares));
        });
    }
}

#[inline(always)]
unsafe fn normalise<S: Simd>(
    to: To,
    x: *const f32,
    folded: *const f32,
    size: [usize; 2],
    silu: bool,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match (to, silu) {
            (To::Exact(to), true) => normalise_rows::<S, true>(to, x, folded, size),
            (To::Exact(to), false) => normalise_rows::<S, false>(to, x, folded, size),
            (To::Rounded(to), true) => normalise_rows::<S, true>(to, x, folded, size),
            (To::Rounded(to), false) => normalise_rows::<S, false>(to, x, folded, size),
        }
    }
}

#[inline(always)]
unsafe fn normalise_rows<S: Simd, const SILU: bool>(
    to: impl Sink,
    x: *const f32,
    folded: *const f32,
    [rows, width]: [usize; 2],
) {
    for row in 0..rows {
        // SAFETY: the row is inside the block, and the sweep inside the row.
        unsafe {
            let x = x.add(row * width);
            sweep!(S, width, |at, part| {
                let d = S::sub(part.load::<S>(x.add(at)), part.load::<S>(folded.add(at)));
                let scale = part.load::<S>(folded.add(width + at));
                let u = S::fma(d, scale, part.load::<S>(folded.add(2 * width + at)));
                let y = if SILU { silu::<S>(u).0 } else { u };
                to.store::<S>(row * width + at, y, part);
            });
        }
    }
}

#[inline(always)]
unsafe fn centre<S: Simd>(to: *mut u16, x: &[f32], means: *const f32) {
    // SAFETY: the sweep stays inside the pixel.
    unsafe {
        sweep!(S, x.len(), |at, part| {
            let x = part.load::<S>(x.as_ptr().add(at));
            store::<S>(to.add(at), S::sub(x, part.load::<S>(means.add(at))), part);
        });
    }
}

#[inline(always)]
unsafe fn slopes<S: Simd>(
    x: View,
    dy: *mut f32,
    folded: *const f32,
    size: [usize; 2],
    silu: bool,
    sums: *mut f32,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match (x, silu) {
            (View::Exact(x), true) => slopes_of::<S, true>(x.as_ptr(), dy, folded, size, sums),
            (View::Exact(x), false) => slopes_of::<S, false>(x.as_ptr(), dy, folded, size, sums),
            (View::Rounded(x), true) => slopes_of::<S, true>(x.as_ptr(), dy, folded, size, sums),
            (View::Rounded(x), false) => slopes_of::<S, false>(x.as_ptr(), dy, folded, size, sums),
        }
    }
}

#[inline(always)]
unsafe fn slopes_of<S: Simd, const SILU: bool>(
    x: impl Source,
    dy: *mut f32,
    folded: *const f32,
    [rows, width]: [usize; 2],
    sums: *mut f32,
) {
    for row in 0..rows {
        // SAFETY: the row is inside the block, and the sweep inside the row.
        unsafe {
            let (first, dy) = (row * width, dy.add(row * width));
            sweep!(S, width, |at, part| {
                let d = S::sub(
                    x.load::<S>(first + at, part),
                    part.load::<S>(folded.add(at)),
                );
                let mut du = part.load::<S>(dy.add(at));
                if SILU {
                    let scale = part.load::<S>(folded.add(width + at));
                    let u = S::fma(d, scale, part.load::<S>(folded.add(2 * width + at)));
                    du = S::mul(du, silu::<S>(u).1);
                    part.store::<S>(dy.add(at), du);
                }
                let plain = S::add(part.load::<S>(sums.add(at)), du);
                let weighted = S::fma(d, du, part.load::<S>(sums.add(width + at)));
                part.store::<S>(sums.add(at), plain);
                part.store::<S>(sums.add(width + at), weighted);
            });
        }
    }
}

#[inline(always)]
unsafe fn finish<S: Simd>(dy: *mut f32, x: View, factors: *const f32, size: [usize; 2]) {
    // SAFETY: passed on from the caller.
    unsafe {
        match x {
            View::Exact(x) => finish_rows::<S>(dy, x.as_ptr(), factors, size),
            View::Rounded(x) => finish_rows::<S>(dy, x.as_ptr(), factors, size),
        }
    }
}

#[inline(always)]
unsafe fn finish_rows<S: Simd>(
    dy: *mut f32,
    x: impl Source,
    factors: *const f32,
    [rows, width]: [usize; 2],
) {
    for row in 0..rows {
        // SAFETY: the row is inside the block, and the sweep inside the row.
        unsafe {
            let (first, dy) = (row * width, dy.add(row * width));
            sweep!(S, width, |at, part| {
                let d = S::sub(
                    x.load::<S>(first + at, part),
                    part.load::<S>(factors.add(at)),
                );
                let scale = part.load::<S>(factors.add(width + at));
                let slope = part.load::<S>(factors.add(2 * width + at));
                let rest = S::fma(d, slope, part.load::<S>(factors.add(3 * width + at)));
                part.store::<S>(dy.add(at), S::fma(part.load::<S>(dy.add(at)), scale, rest));
            });
        }
    }
}

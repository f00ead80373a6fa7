//! The loops of layer normalisation over one row.

use crate::kernels::level::{Simd, leveled};
use crate::kernels::pointwise::Affine;
use crate::kernels::pointwise::kept::{Sink, Source, To, View, store};
use crate::kernels::pointwise::part::{All, Part, sweep};

/// Sums that run side by side, so that one addition need not wait for the last.
const SUMS: usize = 4;

leveled! {
    /// Normalises one row; gives its mean and reciprocal standard deviation.
    ///
    /// # Safety
    /// `to` must hold as many values as `x`, and so must the scales and shifts.
    pub(super) fn normalise_at(to: To, x: &[f32], affine: Affine, eps: f64) -> [f32; 2] = normalise
}
leveled! {
    /// Writes one row less its mean, rounded to bf16.
    ///
    /// # Safety
    /// `to` must hold as many values as `x`.
    pub(super) fn centre_at(to: *mut u16, x: &[f32], mean: f32) = centre
}
leveled! {
    /// Turns the gradient of one row's result into that of the row. Adds the gradient times the normalised values, and
    /// the gradient, to the two rows of `sums`.
    ///
    /// # Safety
    /// `dy` must hold as many values as `x`, and so must the scales and the rows of `sums`.
    pub(super) fn backward_at(
        dy: *mut f32, x: View, moments: [f32; 2], affine: Affine, sums: Option<*mut f32>,
    ) = backward
}

/// Two sums over a row, which `add(at, part, sums)` adds a vector to.
macro_rules! row_sums {
    ($simd:ident, $width:expr, |$at:ident, $part:ident, $sums:ident| $body:block) => {{
        let mut all = [[$simd::splat(0.0); 2]; SUMS];
        let (width, step) = ($width, SUMS * $simd::LANES);
        let whole = width - width % step;
        let mut start = 0;
        while start < whole {
            for (i, $sums) in all.iter_mut().enumerate() {
                let ($at, $part) = (start + i * $simd::LANES, All);
                $body
            }
            start += step;
        }
        let $sums = &mut all[0];
        sweep!($simd, width - whole, |rest, $part| {
            let $at = whole + rest;
            $body
        });
        totals::<$simd>(all)
    }};
}

/// Joins sums that ran side by side.
#[inline(always)]
unsafe fn totals<S: Simd>(all: [[S::F; 2]; SUMS]) -> [f32; 2] {
    // SAFETY: register arithmetic, as the caller promises.
    unsafe {
        let mut sums = [0.0; 2];
        for (i, sum) in sums.iter_mut().enumerate() {
            let low = S::add(all[0][i], all[1][i]);
            *sum = S::sum(S::add(low, S::add(all[2][i], all[3][i])));
        }
        sums
    }
}

#[inline(always)]
unsafe fn normalise<S: Simd>(to: To, x: &[f32], affine: Affine, eps: f64) -> [f32; 2] {
    // SAFETY: passed on from the caller.
    unsafe {
        match to {
            To::Exact(to) => normalise_row::<S>(to, x, affine, eps),
            To::Rounded(to) => normalise_row::<S>(to, x, affine, eps),
        }
    }
}

#[inline(always)]
unsafe fn normalise_row<S: Simd>(to: impl Sink, x: &[f32], affine: Affine, eps: f64) -> [f32; 2] {
    // SAFETY: the sweeps stay inside the row.
    unsafe {
        let (width, x) = (x.len(), x.as_ptr());
        let count = width as f64;
        let [sum, _] = row_sums!(S, width, |at, part, sums| {
            sums[0] = S::add(sums[0], part.load::<S>(x.add(at)));
        });
        let near = f64::from(sum) / count;
        let near = near as f32;
        let shift = S::splat(near);
        // the first mean is only near, so deviations from it have a mean of their own
        let [sum, squares] = row_sums!(S, width, |at, part, sums| {
            let d = part.only::<S>(S::sub(part.load::<S>(x.add(at)), shift));
            sums[0] = S::add(sums[0], d);
            sums[1] = S::fma(d, d, sums[1]);
        });
        let rest = f64::from(sum) / count;
        let variance = f64::from(squares) / count - rest * rest;
        let scale = 1.0 / (variance + eps).sqrt();
        let (factor, offset) = (S::splat(scale as f32), S::splat((-rest * scale) as f32));
        sweep!(S, width, |at, part| {
            let d = S::sub(part.load::<S>(x.add(at)), shift);
            let gamma = part.load::<S>(affine.gamma.as_ptr().add(at));
            let beta = part.load::<S>(affine.beta.as_ptr().add(at));
            to.store::<S>(at, S::fma(S::fma(d, factor, offset), gamma, beta), part);
        });
        [(f64::from(near) + rest) as f32, scale as f32]
    }
}

#[inline(always)]
unsafe fn centre<S: Simd>(to: *mut u16, x: &[f32], mean: f32) {
    // SAFETY: the sweep stays inside the row.
    unsafe {
        let shift = S::splat(mean);
        sweep!(S, x.len(), |at, part| {
            let x = part.load::<S>(x.as_ptr().add(at));
            store::<S>(to.add(at), S::sub(x, shift), part);
        });
    }
}

#[inline(always)]
unsafe fn backward<S: Simd>(
    dy: *mut f32,
    x: View,
    moments: [f32; 2],
    affine: Affine,
    sums: Option<*mut f32>,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match x {
            View::Exact(x) => backward_row::<S>(dy, x.as_ptr(), moments, affine, sums),
            View::Rounded(x) => backward_row::<S>(dy, x.as_ptr(), moments, affine, sums),
        }
    }
}

#[inline(always)]
unsafe fn backward_row<S: Simd>(
    dy: *mut f32,
    x: impl Source,
    [mean, scale]: [f32; 2],
    affine: Affine,
    sums: Option<*mut f32>,
) {
    // SAFETY: the sweeps stay inside the row.
    unsafe {
        let (width, gamma) = (affine.gamma.len(), affine.gamma.as_ptr());
        let shift = S::splat(mean);
        let factor = S::splat(scale);
        if let Some(sums) = sums {
            sweep!(S, width, |at, part| {
                let value = S::mul(S::sub(x.load::<S>(at, part), shift), factor);
                let dy = part.load::<S>(dy.add(at));
                let weighted = S::fma(dy, value, part.load::<S>(sums.add(at)));
                let plain = S::add(dy, part.load::<S>(sums.add(width + at)));
                part.store::<S>(sums.add(at), weighted);
                part.store::<S>(sums.add(width + at), plain);
            });
        }
        let [plain, weighted] = row_sums!(S, width, |at, part, sums| {
            let d = S::sub(x.load::<S>(at, part), shift);
            let slope = S::mul(part.load::<S>(dy.add(at)), part.load::<S>(gamma.add(at)));
            sums[0] = S::add(sums[0], slope);
            sums[1] = S::fma(slope, d, sums[1]);
        });
        let share = scale / width as f32;
        let constant = S::splat(-share * plain);
        let slope = S::splat(-share * scale * scale * weighted);
        sweep!(S, width, |at, part| {
            let d = S::sub(x.load::<S>(at, part), shift);
            let passed = S::mul(part.load::<S>(dy.add(at)), part.load::<S>(gamma.add(at)));
            part.store::<S>(
                dy.add(at),
                S::fma(passed, factor, S::fma(d, slope, constant)),
            );
        });
    }
}

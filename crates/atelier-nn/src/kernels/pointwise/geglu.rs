//! GEGLU: half of the features times the GELU of the other half.
//!
//! `r` rows, `d` features of the result.

use super::kept::{Source, View};
use super::part::{Part as _, sweep};
use super::tasks;
use crate::kernels::level::math::gelu;
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::{Shared, append, chunk, filled};

/// `x[.., ..d] * gelu(x[.., d..])`.
///
/// # Shapes
/// - `x`: `[r, 2 d]`
/// - returns: `[r, d]`
pub(crate) fn forward(level: Level, x: &[f32], features: usize) -> Vec<f32> {
    let mut y = Vec::new();
    forward_onto(level, x, features, &mut y);
    y
}

/// The same rows, put behind those of `y`.
///
/// # Shapes
/// - `x`: `[r, 2 d]`
/// - `y`: `[.., d]`, by `r` longer afterwards
pub(crate) fn forward_onto(level: Level, x: &[f32], features: usize, y: &mut Vec<f32>) {
    let rows = rows_of(x.len(), features);
    let write = |to: Shared| {
        tasks(rows, chunk(rows, features), |start, count| {
            for row in start..start + count {
                let x = &x[row * 2 * features..][..2 * features];
                // SAFETY: the row of the result has `features` values, that of `x` twice as many.
                unsafe { values_at(level, to.at(row * features), x.as_ptr(), features) };
            }
        });
    };
    // SAFETY: the rows cover all values.
    unsafe { append(y, rows * features, write) };
}

/// The gradient of `x`.
///
/// # Shapes
/// - `x`: `[r, 2 d]`
/// - `dy`: `[r, d]`
/// - returns: `[r, 2 d]`
pub(crate) fn backward(level: Level, x: View, dy: &[f32], features: usize) -> Vec<f32> {
    let rows = rows_of(x.len(), features);
    assert_eq!(
        dy.len(),
        rows * features,
        "a gradient has the size of its values"
    );
    let write = |to: Shared| {
        tasks(rows, chunk(rows, 2 * features), |start, count| {
            for row in start..start + count {
                let x = x.part(row * 2 * features, 2 * features);
                let dy = &dy[row * features..][..features];
                // SAFETY: the rows of the result and of `x` have twice as many values as that of `dy`.
                unsafe { slopes_at(level, to.at(row * 2 * features), x, dy) };
            }
        });
    };
    // SAFETY: the rows cover all values.
    unsafe { filled(x.len(), write) }
}

fn rows_of(len: usize, features: usize) -> usize {
    assert!(
        features > 0 && len.is_multiple_of(2 * features),
        "rows have two halves"
    );
    len / (2 * features)
}

leveled! {
    /// One row of the result.
    ///
    /// # Safety
    /// `to` must hold `features` values, `x` twice as many.
    fn values_at(to: *mut f32, x: *const f32, features: usize) = values
}
leveled! {
    /// One row of the gradient.
    ///
    /// # Safety
    /// `to` and `x` must hold twice as many values as `dy`.
    fn slopes_at(to: *mut f32, x: View, dy: &[f32]) = slopes
}

#[inline(always)]
unsafe fn values<S: Simd>(to: *mut f32, x: *const f32, features: usize) {
    // SAFETY: the sweep stays inside `features`.
    unsafe {
        let gates = x.add(features);
        sweep!(S, features, |at, part| {
            let (gate, _) = gelu::<S>(part.load::<S>(gates.add(at)));
            part.store::<S>(to.add(at), S::mul(part.load::<S>(x.add(at)), gate));
        });
    }
}

#[inline(always)]
unsafe fn slopes<S: Simd>(to: *mut f32, x: View, dy: &[f32]) {
    // SAFETY: passed on from the caller.
    unsafe {
        match x {
            View::Exact(x) => slopes_from::<S>(to, x.as_ptr(), dy),
            View::Rounded(x) => slopes_from::<S>(to, x.as_ptr(), dy),
        }
    }
}

#[inline(always)]
unsafe fn slopes_from<S: Simd>(to: *mut f32, x: impl Source, dy: &[f32]) {
    // SAFETY: the sweep stays inside the row.
    unsafe {
        let features = dy.len();
        sweep!(S, features, |at, part| {
            let (gate, slope) = gelu::<S>(x.load::<S>(features + at, part));
            let dy = part.load::<S>(dy.as_ptr().add(at));
            let passed = S::mul(dy, x.load::<S>(at, part));
            part.store::<S>(to.add(at), S::mul(dy, gate));
            part.store::<S>(to.add(features + at), S::mul(passed, slope));
        });
    }
}

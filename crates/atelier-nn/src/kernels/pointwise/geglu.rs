//! GEGLU: half of the features times the GELU of the other half.
//!
//! `r` rows, `d` features of the result.

use super::kept::{Activation, Precision, Room, Sink, Source, To, View};
use super::part::{Part as _, sweep};
use super::tasks;
use crate::kernels::level::math::gelu;
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::chunk;

/// `x[.., ..d] * gelu(x[.., d..])`.
///
/// # Shapes
/// - `x`: `[r, 2 d]`
/// - returns: `[r, d]`
pub(crate) fn forward(level: Level, x: &[f32], features: usize) -> Activation {
    let mut y = Activation::empty(Precision::Exact);
    forward_onto(level, x, features, &mut y);
    y
}

/// The same rows, put behind those of `y`.
///
/// # Shapes
/// - `x`: `[r, 2 d]`
/// - `y`: `[.., d]`, by `r` longer afterwards
pub(crate) fn forward_onto(level: Level, x: &[f32], features: usize, y: &mut Activation) {
    let rows = rows_of(x.len(), features);
    let write = |to: Room| {
        tasks(rows, chunk(rows, features), |start, count| {
            for row in start..start + count {
                let x = &x[row * 2 * features..][..2 * features];
                // SAFETY: the row of the result has `features` values, that of `x` twice as many.
                unsafe { values_at(level, to.at(row * features), x.as_ptr(), features) };
            }
        });
    };
    // SAFETY: the rows cover all values.
    unsafe { y.append(rows * features, write) };
}

/// The gradient of `x`, rounded if `dy` is.
///
/// # Shapes
/// - `x`: `[r, 2 d]`
/// - `dy`: `[r, d]`
/// - returns: `[r, 2 d]`
pub(crate) fn backward(level: Level, x: View, dy: View, features: usize) -> Activation {
    let rows = rows_of(x.len(), features);
    assert_eq!(
        dy.len(),
        rows * features,
        "a gradient has the size of its values"
    );
    let write = |to: Room| {
        tasks(rows, chunk(rows, 2 * features), |start, count| {
            for row in start..start + count {
                let x = x.part(row * 2 * features, 2 * features);
                let dy = dy.part(row * features, features);
                // SAFETY: the rows of the result and of `x` have twice as many values as that of `dy`.
                unsafe { slopes_at(level, to.at(row * 2 * features), x, dy) };
            }
        });
    };
    // SAFETY: the rows cover all values.
    unsafe { Activation::filled(x.len(), dy.precision(), write) }
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
    fn values_at(to: To, x: *const f32, features: usize) = values
}
leveled! {
    /// One row of the gradient.
    ///
    /// # Safety
    /// `to` and `x` must hold twice as many values as `dy`, which is of the kind of `to`.
    fn slopes_at(to: To, x: View, dy: View) = slopes
}

#[inline(always)]
unsafe fn values<S: Simd>(to: To, x: *const f32, features: usize) {
    // SAFETY: passed on from the caller.
    unsafe {
        match to {
            To::Exact(to) => values_to::<S>(to, x, features),
            To::Rounded(to) => values_to::<S>(to, x, features),
        }
    }
}

#[inline(always)]
unsafe fn values_to<S: Simd>(to: impl Sink, x: *const f32, features: usize) {
    // SAFETY: the sweep stays inside `features`.
    unsafe {
        let gates = x.add(features);
        sweep!(S, features, |at, part| {
            let (gate, _) = gelu::<S>(part.load::<S>(gates.add(at)));
            to.store::<S>(at, S::mul(part.load::<S>(x.add(at)), gate), part);
        });
    }
}

#[inline(always)]
unsafe fn slopes<S: Simd>(to: To, x: View, dy: View) {
    // SAFETY: passed on from the caller.
    unsafe {
        match (to, dy) {
            (To::Exact(to), View::Exact(dy)) => slopes_of::<S>(to, x, dy.as_ptr(), dy.len()),
            (To::Rounded(to), View::Rounded(dy)) => slopes_of::<S>(to, x, dy.as_ptr(), dy.len()),
            _ => unreachable!("slopes are rounded as the gradient is"),
        }
    }
}

#[inline(always)]
unsafe fn slopes_of<S: Simd>(to: impl Sink, x: View, dy: impl Source, features: usize) {
    // SAFETY: passed on from the caller.
    unsafe {
        match x {
            View::Exact(x) => slopes_from::<S>(to, x.as_ptr(), dy, features),
            View::Rounded(x) => slopes_from::<S>(to, x.as_ptr(), dy, features),
        }
    }
}

#[inline(always)]
unsafe fn slopes_from<S: Simd>(to: impl Sink, x: impl Source, dy: impl Source, features: usize) {
    // SAFETY: the sweep stays inside the row.
    unsafe {
        sweep!(S, features, |at, part| {
            let (gate, slope) = gelu::<S>(x.load::<S>(features + at, part));
            let dy = dy.load::<S>(at, part);
            let passed = S::mul(dy, x.load::<S>(at, part));
            to.store::<S>(at, S::mul(dy, gate), part);
            to.store::<S>(features + at, S::mul(passed, slope), part);
        });
    }
}

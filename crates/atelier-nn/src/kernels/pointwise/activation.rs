//! SiLU, GELU and quick GELU, and their backward passes.

use super::kept::{Source, View};
use super::part::{Part as _, sweep};
use super::tasks;
use crate::kernels::level::math::{Point, gelu, quick_gelu, silu};
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::{Shared, chunk, filled};
use crate::kernels::share::share_each;

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * (1 + erf(x / sqrt(2))) / 2`.
    Gelu,
    /// `x * sigmoid(1.702 x)`.
    QuickGelu,
}

/// The curve at every value of `x`.
pub(crate) fn forward(level: Level, curve: Curve, x: &[f32]) -> Vec<f32> {
    let write = |to: Shared| {
        tasks(x.len(), chunk(x.len(), 1), |start, count| {
            // SAFETY: tasks have their own values, all of them inside both buffers.
            unsafe { values_at(level, curve, to.at(start), x.as_ptr().add(start), count) };
        });
    };
    // SAFETY: the tasks cover all values.
    unsafe { filled(x.len(), write) }
}

/// Turns the gradient `dy` of the curve's values into that of `x`.
pub(crate) fn backward(level: Level, curve: Curve, x: View, dy: &mut [f32]) {
    assert_eq!(x.len(), dy.len(), "a gradient has the size of its values");
    let size = chunk(dy.len(), 1);
    share_each(dy.chunks_mut(size), |i, dy| {
        let x = x.part(i * size, dy.len());
        // SAFETY: both sides hold the chunk's values.
        unsafe { slopes_at(level, curve, dy.as_mut_ptr(), x) };
    });
}

/// A function and its slope, as a type to compile loops for.
trait Function {
    /// Value and slope at `x`.
    ///
    /// # Safety
    /// As [`Simd`].
    unsafe fn at<S: Simd>(x: S::F) -> Point<S>;
}

macro_rules! function {
    ($(#[$meta:meta])* $name:ident = $function:ident) => {
        $(#[$meta])*
        struct $name;
        impl Function for $name {
            #[inline(always)]
            unsafe fn at<S: Simd>(x: S::F) -> Point<S> {
                // SAFETY: passed on from the caller.
                unsafe { $function::<S>(x) }
            }
        }
    };
}
function!(
    /// [`Curve::Silu`].
    Silu = silu
);
function!(
    /// [`Curve::Gelu`].
    Gelu = gelu
);
function!(
    /// [`Curve::QuickGelu`].
    QuickGelu = quick_gelu
);

leveled! {
    /// Writes the curve at `len` values; `to` may be `x`.
    ///
    /// # Safety
    /// Both sides must hold `len` values.
    fn values_at(curve: Curve, to: *mut f32, x: *const f32, len: usize) = values
}
leveled! {
    /// Multiplies the gradient with the curve's slope.
    ///
    /// # Safety
    /// `dy` must hold as many values as `x`.
    fn slopes_at(curve: Curve, dy: *mut f32, x: View) = slopes
}

#[inline(always)]
unsafe fn values<S: Simd>(curve: Curve, to: *mut f32, x: *const f32, len: usize) {
    // SAFETY: passed on from the caller.
    unsafe {
        match curve {
            Curve::Silu => values_of::<S, Silu>(to, x, len),
            Curve::Gelu => values_of::<S, Gelu>(to, x, len),
            Curve::QuickGelu => values_of::<S, QuickGelu>(to, x, len),
        }
    }
}

#[inline(always)]
unsafe fn values_of<S: Simd, C: Function>(to: *mut f32, x: *const f32, len: usize) {
    // SAFETY: the sweep stays inside `len`.
    unsafe {
        sweep!(S, len, |at, part| {
            let (y, _) = C::at::<S>(part.load::<S>(x.add(at)));
            part.store::<S>(to.add(at), y);
        });
    }
}

#[inline(always)]
unsafe fn slopes<S: Simd>(curve: Curve, dy: *mut f32, x: View) {
    // SAFETY: passed on from the caller.
    unsafe {
        match x {
            View::Exact(x) => slopes_from::<S>(curve, dy, x.as_ptr(), x.len()),
            View::Rounded(x) => slopes_from::<S>(curve, dy, x.as_ptr(), x.len()),
        }
    }
}

#[inline(always)]
unsafe fn slopes_from<S: Simd>(curve: Curve, dy: *mut f32, x: impl Source, len: usize) {
    // SAFETY: passed on from the caller.
    unsafe {
        match curve {
            Curve::Silu => slopes_of::<S, Silu>(dy, x, len),
            Curve::Gelu => slopes_of::<S, Gelu>(dy, x, len),
            Curve::QuickGelu => slopes_of::<S, QuickGelu>(dy, x, len),
        }
    }
}

#[inline(always)]
unsafe fn slopes_of<S: Simd, C: Function>(dy: *mut f32, x: impl Source, len: usize) {
    // SAFETY: the sweep stays inside `len`.
    unsafe {
        sweep!(S, len, |at, part| {
            let (_, slope) = C::at::<S>(x.load::<S>(at, part));
            let dx = S::mul(part.load::<S>(dy.add(at)), slope);
            part.store::<S>(dy.add(at), dx);
        });
    }
}

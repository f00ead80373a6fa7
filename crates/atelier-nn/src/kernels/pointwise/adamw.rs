//! The optimizer's step over tensors, the sum of their squared gradients, and the clipping that uses it.
//!
//! The step rounds exactly as the plain loop in `tests/optimizer.rs` does, on every level, so that it adds nothing to what one
//! processor's training differs by from another's. So no multiplication is fused with an addition here.

use super::part::{Part as _, sweep};
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::chunk;
use crate::kernels::share::{share_each, shared_values};

/// The numbers of one step, as `crate::adamw::AdamW::update_all` derives them from settings and step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What values are multiplied with: 1 - learning rate * weight decay.
    pub decay: f32,
    /// Learning rate / (1 - beta1^step).
    pub rate: f32,
    /// Root of 1 - beta2^step.
    pub root_correction: f32,
    /// 1 - beta1.
    pub one_minus_beta1: f32,
    /// beta2.
    pub beta2: f32,
    /// 1 - beta2.
    pub one_minus_beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
}

/// A tensor that a step moves.
#[derive(Debug)]
pub struct Moved<'a> {
    /// Its values.
    pub values: &'a mut [f32],
    /// Their gradient.
    pub gradient: &'a [f32],
    /// First and second moments of the gradient.
    pub moments: [&'a mut [f32]; 2],
}

impl Moved<'_> {
    /// In parts that are worth a task.
    fn chunks(self) -> impl Iterator<Item = Self> {
        let Self {
            values,
            gradient,
            moments: [first, second],
        } = self;
        let lengths = [gradient.len(), first.len(), second.len()];
        let expected = [values.len(); 3];
        assert_eq!(lengths, expected, "gradient and moments of every value");
        let size = chunk(values.len(), 1);
        let moments = first.chunks_mut(size).zip(second.chunks_mut(size));
        let values = values.chunks_mut(size).zip(gradient.chunks(size));
        let part = |((values, gradient), (first, second))| Moved {
            values,
            gradient,
            moments: [first, second],
        };
        values.zip(moments).map(part)
    }
}

/// Moves the values of every tensor against their gradient. Many small tensors are shared among threads as one large one is.
pub(crate) fn update<'a>(level: Level, step: &Step, tensors: impl Iterator<Item = Moved<'a>>) {
    share_each(tensors.flat_map(Moved::chunks), |_, part| {
        let moments = part.moments.map(<[f32]>::as_mut_ptr);
        // SAFETY: values, gradient and moments have the same length.
        unsafe {
            step_at(
                level,
                step,
                part.values.as_mut_ptr(),
                part.gradient,
                moments,
            );
        };
    });
}

/// Values that one task squares and sums up; fixed, so that the sum does not depend on the number of threads.
const SQUARES: usize = 65536;

/// The sum of the squares of all values, in f64. The same on every level.
pub(crate) fn squared_norm<'a>(level: Level, tensors: impl Iterator<Item = &'a [f32]>) -> f64 {
    let chunks: Vec<&[f32]> = tensors.flat_map(|values| values.chunks(SQUARES)).collect();
    let sums = shared_values(chunks.len(), |i| {
        // SAFETY: the slice is all that it reads.
        unsafe { squares_at(level, chunks[i]) }
    });
    sums.iter().sum()
}

/// Multiplies all values by `factor`.
pub(crate) fn scale(level: Level, values: &mut [f32], factor: f32) {
    let size = chunk(values.len(), 1);
    // SAFETY: the slice is all that it touches.
    share_each(values.chunks_mut(size), |_, values| unsafe {
        scale_at(level, values, factor);
    });
}

leveled! {
    /// The step for some of the values.
    ///
    /// # Safety
    /// Values and moments must be as many as `gradient` has.
    fn step_at(step: &Step, values: *mut f32, gradient: &[f32], moments: [*mut f32; 2]) = step_values
}
leveled! {
    /// The sum of the squares.
    ///
    /// # Safety
    /// As for every level.
    fn squares_at(values: &[f32]) -> f64 = squares
}
leveled! {
    /// Multiplies by `factor`.
    ///
    /// # Safety
    /// As for every level.
    fn scale_at(values: &mut [f32], factor: f32) = scale_values
}

#[inline(always)]
unsafe fn step_values<S: Simd>(
    step: &Step,
    values: *mut f32,
    gradient: &[f32],
    [first, second]: [*mut f32; 2],
) {
    // SAFETY: the sweep stays inside the gradient's length.
    unsafe {
        let (decay, rate) = (S::splat(step.decay), S::splat(step.rate));
        let (root_correction, epsilon) = (S::splat(step.root_correction), S::splat(step.epsilon));
        let one_minus_beta1 = S::splat(step.one_minus_beta1);
        let (beta2, one_minus_beta2) = (S::splat(step.beta2), S::splat(step.one_minus_beta2));
        sweep!(S, gradient.len(), |at, part| {
            let g = part.load::<S>(gradient.as_ptr().add(at));
            let m = part.load::<S>(first.add(at));
            let m = S::add(m, S::mul(S::sub(g, m), one_minus_beta1));
            part.store::<S>(first.add(at), m);
            let v = S::mul(part.load::<S>(second.add(at)), beta2);
            let v = S::add(v, S::mul(S::mul(g, g), one_minus_beta2));
            part.store::<S>(second.add(at), v);
            let denominator = S::add(S::div(S::sqrt(v), root_correction), epsilon);
            let change = S::div(S::mul(rate, m), denominator);
            let value = S::mul(part.load::<S>(values.add(at)), decay);
            part.store::<S>(values.add(at), S::sub(value, change));
        });
    }
}

/// Sums that run side by side; the same number on every level.
const SUMS: usize = 16;

/// Plain Rust that the compiler makes vectors of: squares of f32 are exact in f64, so it may fuse or not.
#[inline(always)]
unsafe fn squares<S: Simd>(values: &[f32]) -> f64 {
    let mut sums = [0.0; SUMS];
    let (whole, rest) = values.as_chunks::<SUMS>();
    for values in whole {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += f64::from(value) * f64::from(value);
    }
    sums.iter().sum()
}

#[inline(always)]
unsafe fn scale_values<S: Simd>(values: &mut [f32], factor: f32) {
    // SAFETY: the sweep stays inside the slice.
    unsafe {
        let (to, factor) = (values.as_mut_ptr(), S::splat(factor));
        sweep!(S, values.len(), |at, part| {
            part.store::<S>(to.add(at), S::mul(part.load::<S>(to.add(at)), factor));
        });
    }
}

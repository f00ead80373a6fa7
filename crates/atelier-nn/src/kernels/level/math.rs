//! The exponential function and the activations made of it, a vector at a time.

use super::Simd;

/// A function's value and its slope at the same point.
pub(crate) type Point<S> = (<S as Simd>::F, <S as Simd>::F);

/// A polynomial, highest coefficient first.
#[inline(always)]
unsafe fn polynomial<S: Simd, const N: usize>(x: S::F, coefficients: [f32; N]) -> S::F {
    // SAFETY: register arithmetic, as the caller promises.
    unsafe {
        let mut sum = S::splat(coefficients[0]);
        for c in &coefficients[1..] {
            sum = S::fma(sum, x, S::splat(*c));
        }
        sum
    }
}

/// The exponential function, to about 2e-7 relative between -87 and 88; beyond, the values at those ends.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::F) -> S::F {
    // SAFETY: register arithmetic, as the caller promises.
    unsafe {
        // with the constant first, a NaN stays a NaN
        let x = S::max(S::splat(-87.0), S::min(S::splat(88.0), x));
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        // ln 2 in two parts, the first exact in few bits
        let r = S::fma(n, S::splat(-0.693_359_4), x);
        let r = S::fma(n, S::splat(2.121_944_4e-4), r);
        let p = polynomial::<S, 8>(
            r,
            [
                1.0 / 5040.0,
                1.0 / 720.0,
                1.0 / 120.0,
                1.0 / 24.0,
                1.0 / 6.0,
                0.5,
                1.0,
                1.0,
            ],
        );
        S::mul(p, S::pow2(n))
    }
}

/// `2^x` of several vectors, to about 1e-7 relative from -126 to 127; below, the value at -126. Not a number stays that.
///
/// The steps of one vector wait for each other, so those of all vectors go side by side.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn exp2<S: Simd, const N: usize>(x: [S::F; N]) -> [S::F; N] {
    // the polynomial of least relative error (1.6e-8) from -1/2 to 1/2, by Remez exchange
    const COEFFICIENTS: [f32; 7] = [
        1.534_581_2e-4,
        1.339_993_1e-3,
        9.618_489e-3,
        5.550_328_6e-2,
        2.402_264_6e-1,
        6.931_472e-1,
        1.0,
    ];
    // SAFETY: as the caller promises.
    unsafe { exp2_by::<S, N, 7>(&COEFFICIENTS, x) }
}

/// [`exp2`] with a relative error of up to 7.5e-5, for results that are rounded to bf16.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn rough_exp2<S: Simd, const N: usize>(x: [S::F; N]) -> [S::F; N] {
    const COEFFICIENTS: [f32; 4] = [5.517_167e-2, 2.426_111_3e-1, 6.932_609_7e-1, 9.999_280_6e-1];
    // SAFETY: as the caller promises.
    unsafe { exp2_by::<S, N, 4>(&COEFFICIENTS, x) }
}

/// [`exp2`] by a polynomial.
#[inline(always)]
unsafe fn exp2_by<S: Simd, const N: usize, const C: usize>(
    coefficients: &[f32; C],
    mut x: [S::F; N],
) -> [S::F; N] {
    // SAFETY: register arithmetic, as the caller promises.
    unsafe {
        // adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits
        let round = S::splat(12_582_912.0);
        let mut whole = x;
        for (x, whole) in x.iter_mut().zip(&mut whole) {
            *x = S::max(S::splat(-126.0), *x);
            *whole = S::add(*x, round);
        }
        for (x, whole) in x.iter_mut().zip(&whole) {
            *x = S::sub(*x, S::sub(*whole, round));
        }
        let mut sums = [S::splat(coefficients[0]); N];
        for c in &coefficients[1..] {
            for (sum, x) in sums.iter_mut().zip(&x) {
                *sum = S::fma(*sum, *x, S::splat(*c));
            }
        }
        for (sum, whole) in sums.iter_mut().zip(&whole) {
            *sum = S::add_exponent(*sum, *whole);
        }
        sums
    }
}

/// `1 / (1 + exp(-x))`.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn sigmoid<S: Simd>(x: S::F) -> S::F {
    // SAFETY: register arithmetic, as the caller promises.
    unsafe {
        let one = S::splat(1.0);
        S::div(one, S::add(one, exp::<S>(S::sub(S::splat(0.0), x))))
    }
}

/// `x * sigmoid(x)` and its slope.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn silu<S: Simd>(x: S::F) -> Point<S> {
    // SAFETY: register arithmetic, as the caller promises.
    unsafe {
        let one = S::splat(1.0);
        let s = sigmoid::<S>(x);
        let slope = S::mul(s, S::fma(x, S::sub(one, s), one));
        (S::mul(x, s), slope)
    }
}

/// `x * sigmoid(1.702 x)` and its slope.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn quick_gelu<S: Simd>(x: S::F) -> Point<S> {
    // SAFETY: register arithmetic, as the caller promises.
    unsafe {
        let one = S::splat(1.0);
        let z = S::mul(x, S::splat(1.702));
        let s = sigmoid::<S>(z);
        let slope = S::mul(s, S::fma(z, S::sub(one, s), one));
        (S::mul(x, s), slope)
    }
}

/// `x * (1 + erf(x / sqrt(2))) / 2` and its slope, by the rational approximation of the error function 7.1.26 of
/// Abramowitz and Stegun (absolute error 1.5e-7).
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub(crate) unsafe fn gelu<S: Simd>(x: S::F) -> Point<S> {
    // SAFETY: register arithmetic, as the caller promises.
    unsafe {
        let (zero, one) = (S::splat(0.0), S::splat(1.0));
        let magnitude = S::max(x, S::sub(zero, x));
        let z = S::mul(magnitude, S::splat(std::f32::consts::FRAC_1_SQRT_2));
        let bell = exp::<S>(S::sub(zero, S::mul(z, z)));
        let t = S::div(one, S::fma(z, S::splat(0.327_591_1), one));
        let p = polynomial::<S, 5>(
            t,
            [
                1.061_405_4,
                -1.453_152,
                1.421_413_7,
                -0.284_496_74,
                0.254_829_6,
            ],
        );
        let tail = S::mul(S::mul(S::mul(p, t), bell), S::splat(0.5));
        let share = S::select_lt(x, zero, tail, S::sub(one, tail));
        let density = S::mul(bell, S::splat(0.398_942_3));
        (S::mul(x, share), S::fma(x, density, share))
    }
}

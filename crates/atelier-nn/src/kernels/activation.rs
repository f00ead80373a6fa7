//! `SiLU` and exact GELU with their slopes, sixteen values at a time.

use super::gemm::first_lanes;
use super::memory::{Shared, chunk, filled};
use rayon::prelude::*;
use std::arch::x86_64::{
    __m512, _CMP_LT_OQ, _mm512_abs_ps, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_div_ps,
    _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_mask_blend_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_roundscale_ps,
    _mm512_scalef_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
};

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * (1 + erf(x / sqrt(2))) / 2`.
    Gelu,
}

/// The function and its slope at the same point.
pub(super) type Point = (__m512, __m512);

#[inline]
#[target_feature(enable = "avx512f")]
fn polynomial(x: __m512, coefficients: &[f32]) -> __m512 {
    let mut sum = _mm512_setzero_ps();
    for c in coefficients {
        sum = _mm512_fmadd_ps(sum, x, _mm512_set1_ps(*c));
    }
    sum
}

/// The exponential function, to about 1e-7 relative.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn exp(x: __m512) -> __m512 {
    // with the constant first, a NaN stays a NaN
    let x = _mm512_max_ps(
        _mm512_set1_ps(-110.0),
        _mm512_min_ps(_mm512_set1_ps(100.0), x),
    );
    let n = _mm512_roundscale_ps::<0>(_mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E)));
    // ln 2 in two parts, the first exact in few bits
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693_359_4), x);
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.121_944_4e-4), r);
    let p = polynomial(
        r,
        &[
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
    _mm512_scalef_ps(p, n)
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn sigmoid(x: __m512) -> __m512 {
    let one = _mm512_set1_ps(1.0);
    _mm512_div_ps(
        one,
        _mm512_add_ps(one, exp(_mm512_sub_ps(_mm512_setzero_ps(), x))),
    )
}

/// `SiLU` and its slope.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn silu(x: __m512) -> Point {
    let one = _mm512_set1_ps(1.0);
    let s = sigmoid(x);
    let slope = _mm512_mul_ps(s, _mm512_fmadd_ps(x, _mm512_sub_ps(one, s), one));
    (_mm512_mul_ps(x, s), slope)
}

/// GELU and its slope, by the rational approximation of the error function 7.1.26 of Abramowitz and Stegun
/// (absolute error 1.5e-7).
#[inline]
#[target_feature(enable = "avx512f")]
fn gelu(x: __m512) -> Point {
    let one = _mm512_set1_ps(1.0);
    let z = _mm512_mul_ps(
        _mm512_abs_ps(x),
        _mm512_set1_ps(std::f32::consts::FRAC_1_SQRT_2),
    );
    let bell = exp(_mm512_fnmadd_ps(z, z, _mm512_setzero_ps()));
    let t = _mm512_div_ps(one, _mm512_fmadd_ps(z, _mm512_set1_ps(0.327_591_1), one));
    let p = polynomial(
        t,
        &[
            1.061_405_4,
            -1.453_152,
            1.421_413_7,
            -0.284_496_74,
            0.254_829_6,
            0.0,
        ],
    );
    let tail = _mm512_mul_ps(_mm512_mul_ps(p, bell), _mm512_set1_ps(0.5));
    let negative = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_setzero_ps());
    let share = _mm512_mask_blend_ps(negative, _mm512_sub_ps(one, tail), tail);
    let density = _mm512_mul_ps(bell, _mm512_set1_ps(0.398_942_3));
    (_mm512_mul_ps(x, share), _mm512_fmadd_ps(x, density, share))
}

/// The curve at every value of `x`.
pub(super) fn forward(curve: Curve, x: &[f32]) -> Vec<f32> {
    each(x.len(), |to, start, len| {
        // SAFETY: only reached when the CPU has AVX-512; `start + len` is at most `x.len()`.
        unsafe { values(curve, to, &x[start..start + len]) };
    })
}

/// The gradient of the input.
pub(super) fn backward(curve: Curve, x: &[f32], dy: &[f32]) -> Vec<f32> {
    each(x.len(), |to, start, len| {
        // SAFETY: only reached when the CPU has AVX-512; `start + len` is at most `x.len()`.
        unsafe { slopes(curve, to, &x[start..start + len], &dy[start..start + len]) };
    })
}

/// A vector of `len` values; `write(to, start, len)` must write `len` values from `to` on.
fn each(len: usize, write: impl Fn(*mut f32, usize, usize) + Sync) -> Vec<f32> {
    let size = chunk(len, 1);
    let fill = |to: Shared| {
        let chunks = (0..len.div_ceil(size)).into_par_iter();
        chunks.for_each(|i| write(to.at(i * size), i * size, size.min(len - i * size)));
    };
    // SAFETY: the chunks cover all values.
    unsafe { filled(len, fill) }
}

/// # Safety
/// `to` must hold as many values as `x`; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn values(curve: Curve, to: *mut f32, x: &[f32]) {
    for (i, x) in x.chunks(16).enumerate() {
        let mask = first_lanes(x.len());
        // SAFETY: the mask keeps both accesses inside the chunk.
        unsafe {
            let x = _mm512_maskz_loadu_ps(mask, x.as_ptr());
            let (y, _) = if curve == Curve::Silu {
                silu(x)
            } else {
                gelu(x)
            };
            _mm512_mask_storeu_ps(to.add(i * 16), mask, y);
        }
    }
}

/// # Safety
/// `to` must hold as many values as `x`; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn slopes(curve: Curve, to: *mut f32, x: &[f32], dy: &[f32]) {
    for (i, (x, dy)) in x.chunks(16).zip(dy.chunks(16)).enumerate() {
        let mask = first_lanes(x.len());
        // SAFETY: the mask keeps all accesses inside the chunk.
        unsafe {
            let x = _mm512_maskz_loadu_ps(mask, x.as_ptr());
            let (_, slope) = if curve == Curve::Silu {
                silu(x)
            } else {
                gelu(x)
            };
            let dx = _mm512_mul_ps(slope, _mm512_maskz_loadu_ps(mask, dy.as_ptr()));
            _mm512_mask_storeu_ps(to.add(i * 16), mask, dx);
        }
    }
}

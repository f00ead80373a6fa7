//! Vectors of AVX-512: with and without integer dot products, and with rounding to bf16 and dot products of it.

#[allow(
    clippy::wildcard_imports,
    reason = "the names of instructions have a prefix of their own"
)]
use std::arch::x86_64::*;

use super::Simd;

/// AVX-512 (F, BW, DQ, VL).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512;

/// AVX-512 with integer dot products.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vnni512;

/// AVX-512 with integer dot products, rounding to bf16 and dot products of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bf16512;

/// The mask of the first `n` of sixteen lanes.
#[inline(always)]
fn first_lanes(n: usize) -> __mmask16 {
    if n >= 16 { u16::MAX } else { (1u16 << n) - 1 }
}

macro_rules! simd512 {
    ($level:ty, $halves:ident, $store_bf16:ident, |$sum:ident, $a:ident, $b:ident| $dot:expr $(, $more:item)?) => {
        #[allow(clippy::undocumented_unsafe_blocks, reason = "every function is one instruction or a few on registers; the trait states what callers promise for memory")]
        impl Simd for $level {
            type F = __m512;
            type I = __m512i;
            const LANES: usize = 16;

            $($more)?

            #[inline(always)]
            unsafe fn splat(value: f32) -> __m512 {
                unsafe { _mm512_set1_ps(value) }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> __m512 {
                unsafe { _mm512_loadu_ps(from) }
            }

            #[inline(always)]
            unsafe fn load_first(from: *const f32, n: usize) -> __m512 {
                unsafe { _mm512_maskz_loadu_ps(first_lanes(n), from) }
            }

            #[inline(always)]
            unsafe fn store(to: *mut f32, value: __m512) {
                unsafe { _mm512_storeu_ps(to, value) };
            }

            #[inline(always)]
            unsafe fn store_first(to: *mut f32, value: __m512, n: usize) {
                unsafe { _mm512_mask_storeu_ps(to, first_lanes(n), value) };
            }

            #[inline(always)]
            unsafe fn add(a: __m512, b: __m512) -> __m512 {
                unsafe { _mm512_add_ps(a, b) }
            }

            #[inline(always)]
            unsafe fn sub(a: __m512, b: __m512) -> __m512 {
                unsafe { _mm512_sub_ps(a, b) }
            }

            #[inline(always)]
            unsafe fn mul(a: __m512, b: __m512) -> __m512 {
                unsafe { _mm512_mul_ps(a, b) }
            }

            #[inline(always)]
            unsafe fn div(a: __m512, b: __m512) -> __m512 {
                unsafe { _mm512_div_ps(a, b) }
            }

            #[inline(always)]
            unsafe fn sqrt(a: __m512) -> __m512 {
                unsafe { _mm512_sqrt_ps(a) }
            }

            #[inline(always)]
            unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
                unsafe { _mm512_fmadd_ps(a, b, c) }
            }

            #[inline(always)]
            unsafe fn max(a: __m512, b: __m512) -> __m512 {
                unsafe { _mm512_max_ps(a, b) }
            }

            #[inline(always)]
            unsafe fn min(a: __m512, b: __m512) -> __m512 {
                unsafe { _mm512_min_ps(a, b) }
            }

            #[inline(always)]
            unsafe fn round(a: __m512) -> __m512 {
                unsafe { _mm512_roundscale_ps::<0>(a) }
            }

            #[inline(always)]
            unsafe fn pow2(n: __m512) -> __m512 {
                unsafe {
                    let whole = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
                    _mm512_castsi512_ps(_mm512_slli_epi32::<23>(whole))
                }
            }

            #[inline(always)]
            unsafe fn add_exponent(a: __m512, n: __m512) -> __m512 {
                unsafe {
                    let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(n));
                    _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), exponent))
                }
            }

            #[inline(always)]
            unsafe fn select_lt(a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 {
                unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), y, x) }
            }

            #[inline(always)]
            unsafe fn sum(a: __m512) -> f32 {
                unsafe { _mm512_reduce_add_ps(a) }
            }

            #[inline(always)]
            unsafe fn greatest(a: __m512) -> f32 {
                unsafe { _mm512_reduce_max_ps(a) }
            }

            #[inline(always)]
            unsafe fn int_zero() -> __m512i {
                unsafe { _mm512_setzero_si512() }
            }

            #[inline(always)]
            unsafe fn int_splat(value: u32) -> __m512i {
                unsafe { _mm512_set1_epi32(value.cast_signed()) }
            }

            #[inline(always)]
            unsafe fn int_load(from: *const u32) -> __m512i {
                unsafe { _mm512_loadu_si512(from.cast()) }
            }

            #[inline(always)]
            unsafe fn int_store(to: *mut u32, value: __m512i) {
                unsafe { _mm512_storeu_si512(to.cast(), value) };
            }

            #[inline(always)]
            unsafe fn dot($sum: __m512i, $a: __m512i, $b: __m512i) -> __m512i {
                unsafe { $dot }
            }

            #[inline(always)]
            unsafe fn int_to_float(a: __m512i) -> __m512 {
                unsafe { _mm512_cvtepi32_ps(a) }
            }

            #[inline(always)]
            unsafe fn pair_to_floats(a: __m512i) -> [__m512; 2] {
                unsafe {
                    let low = _mm512_srai_epi32::<16>(_mm512_slli_epi32::<16>(a));
                    let high = _mm512_srai_epi32::<16>(a);
                    [_mm512_cvtepi32_ps(low), _mm512_cvtepi32_ps(high)]
                }
            }

            #[inline(always)]
            unsafe fn pair(low: __m512, high: __m512) -> __m512i {
                unsafe {
                    let low = _mm512_and_si512(_mm512_cvtps_epi32(low), _mm512_set1_epi32(0xffff));
                    _mm512_or_si512(low, _mm512_slli_epi32::<16>(_mm512_cvtps_epi32(high)))
                }
            }

            #[inline(always)]
            unsafe fn halves(low: __m512, high: __m512) -> __m512i {
                unsafe { $halves(low, high) }
            }

            #[inline(always)]
            unsafe fn halves_to_floats(a: __m512i) -> [__m512; 2] {
                unsafe {
                    let upper = _mm512_set1_epi32(0xffff_0000u32.cast_signed());
                    [
                        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(a)),
                        _mm512_castsi512_ps(_mm512_and_si512(a, upper)),
                    ]
                }
            }

            #[inline(always)]
            unsafe fn store_i16(to: *mut i16, value: __m512) {
                unsafe {
                    let whole = _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(value));
                    _mm256_storeu_si256(to.cast(), whole);
                }
            }

            #[inline(always)]
            unsafe fn load_bf16(from: *const u16) -> __m512 {
                unsafe {
                    let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
                    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
                }
            }

            #[inline(always)]
            unsafe fn store_bf16(to: *mut u16, value: __m512) {
                unsafe { $store_bf16(to, value) };
            }

            #[inline(always)]
            unsafe fn zip16(a: __m512i, b: __m512i) -> [__m512i; 2] {
                unsafe {
                    let low = _mm512_unpacklo_epi16(a, b);
                    let high = _mm512_unpackhi_epi16(a, b);
                    let first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
                    let second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
                    [
                        _mm512_permutex2var_epi64(low, first, high),
                        _mm512_permutex2var_epi64(low, second, high),
                    ]
                }
            }

            #[inline(always)]
            unsafe fn transpose(from: *const u32, stride: usize, to: *mut u32, to_stride: usize) {
                unsafe { transpose16(from, stride, to, to_stride) };
            }
        }
    };
}

simd512!(Avx512, halves, store_bf16, |sum, a, b| _mm512_add_epi32(
    sum,
    _mm512_madd_epi16(a, b)
));
simd512!(Vnni512, halves, store_bf16, |sum, a, b| {
    _mm512_dpwssd_epi32(sum, a, b)
});
simd512!(
    Bf16512,
    rounded_halves,
    store_rounded,
    |sum, a, b| _mm512_dpwssd_epi32(sum, a, b),
    #[inline(always)]
    unsafe fn dot_halves(sum: __m512, a: __m512i, b: __m512i) -> __m512 {
        // SAFETY: register arithmetic; pairs of bf16 are bits of the same size.
        unsafe {
            let a = std::mem::transmute::<__m512i, __m512bh>(a);
            let b = std::mem::transmute::<__m512i, __m512bh>(b);
            _mm512_dpbf16_ps(sum, a, b)
        }
    }
);

/// [`Simd::halves`] by integer instructions.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
unsafe fn halves(low: __m512, high: __m512) -> __m512i {
    // SAFETY: register arithmetic.
    unsafe {
        let low = _mm512_srli_epi32::<16>(rounded_to_bf16(low));
        let upper = _mm512_set1_epi32(0xffff_0000u32.cast_signed());
        _mm512_or_si512(low, _mm512_and_si512(rounded_to_bf16(high), upper))
    }
}

/// [`Simd::store_bf16`] by integer instructions.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
unsafe fn store_bf16(to: *mut u16, value: __m512) {
    // SAFETY: passed on from the caller.
    unsafe {
        let halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded_to_bf16(value)));
        _mm256_storeu_si256(to.cast(), halves);
    }
}

/// Where the 16-bit numbers come from that take those of both halves in turn.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
unsafe fn in_turn() -> __m512i {
    const FROM: [u16; 32] = {
        let mut from = [0; 32];
        let mut i = 0;
        while i < 32 {
            from[i] = i as u16 / 2 + 16 * (i as u16 % 2);
            i += 1;
        }
        from
    };
    // SAFETY: a constant of 64 bytes.
    unsafe { _mm512_loadu_si512(FROM.as_ptr().cast()) }
}

/// [`Simd::halves`] by the instruction that rounds; numbers below the normal ones become zero.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
unsafe fn rounded_halves(low: __m512, high: __m512) -> __m512i {
    // SAFETY: register arithmetic; both types are 64 bytes.
    unsafe {
        let halves: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(high, low));
        _mm512_permutexvar_epi16(in_turn(), halves)
    }
}

/// [`Simd::store_bf16`] by the instruction that rounds; numbers below the normal ones become zero.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
unsafe fn store_rounded(to: *mut u16, value: __m512) {
    // SAFETY: passed on from the caller; both types are 32 bytes.
    unsafe {
        let halves: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(value));
        _mm256_storeu_si256(to.cast(), halves);
    }
}

/// The bits of all lanes, of which the upper half is the nearest bf16.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
unsafe fn rounded_to_bf16(value: __m512) -> __m512i {
    // SAFETY: register arithmetic.
    unsafe {
        let bits = _mm512_castps_si512(value);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd)
    }
}

/// Transposes a 16×16 block of 32-bit values.
///
/// # Safety
/// As [`Simd::transpose`].
#[inline(always)]
unsafe fn transpose16(from: *const u32, stride: usize, to: *mut u32, to_stride: usize) {
    // SAFETY: passed on from the caller; the rest is register arithmetic.
    unsafe {
        let row = |i: usize| _mm512_loadu_si512(from.add(i * stride).cast());
        let mut a = [_mm512_setzero_si512(); 16];
        for i in 0..8 {
            let (even, odd) = (row(2 * i), row(2 * i + 1));
            a[2 * i] = _mm512_unpacklo_epi32(even, odd);
            a[2 * i + 1] = _mm512_unpackhi_epi32(even, odd);
        }
        let mut b = [_mm512_setzero_si512(); 16];
        for i in 0..4 {
            b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
            b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
            b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
            b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
        }
        let put = |i: usize, row: __m512i| _mm512_storeu_si512(to.add(i * to_stride).cast(), row);
        for j in 0..4 {
            let low = _mm512_shuffle_i32x4::<0x88>(b[j], b[4 + j]);
            let high = _mm512_shuffle_i32x4::<0xdd>(b[j], b[4 + j]);
            let low2 = _mm512_shuffle_i32x4::<0x88>(b[8 + j], b[12 + j]);
            let high2 = _mm512_shuffle_i32x4::<0xdd>(b[8 + j], b[12 + j]);
            put(j, _mm512_shuffle_i32x4::<0x88>(low, low2));
            put(8 + j, _mm512_shuffle_i32x4::<0xdd>(low, low2));
            put(4 + j, _mm512_shuffle_i32x4::<0x88>(high, high2));
            put(12 + j, _mm512_shuffle_i32x4::<0xdd>(high, high2));
        }
    }
}

//! Vectors of AVX2 with fused multiply-add.

#[allow(
    clippy::wildcard_imports,
    reason = "the names of instructions have a prefix of their own"
)]
use std::arch::x86_64::*;

use super::Simd;

/// AVX2 with fused multiply-add.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2;

/// The mask of the first `n` of eight lanes.
#[inline(always)]
unsafe fn first_lanes(n: usize) -> __m256i {
    // SAFETY: only register arithmetic.
    unsafe {
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32((n as u32).cast_signed()), lane)
    }
}

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "every function is one instruction or a few on registers; the trait states what callers promise for memory"
)]
impl Simd for Avx2 {
    type F = __m256;
    type I = __m256i;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> __m256 {
        unsafe { _mm256_maskload_ps(from, first_lanes(n)) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m256) {
        unsafe { _mm256_storeu_ps(to, value) };
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, value: __m256, n: usize) {
        unsafe { _mm256_maskstore_ps(to, first_lanes(n), value) };
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sqrt(a: __m256) -> __m256 {
        unsafe { _mm256_sqrt_ps(a) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn round(a: __m256) -> __m256 {
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    unsafe fn pow2(n: __m256) -> __m256 {
        unsafe {
            let whole = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(whole))
        }
    }

    #[inline(always)]
    unsafe fn add_exponent(a: __m256, n: __m256) -> __m256 {
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(n));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent))
        }
    }

    #[inline(always)]
    unsafe fn select_lt(a: __m256, b: __m256, x: __m256, y: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) }
    }

    #[inline(always)]
    unsafe fn sum(a: __m256) -> f32 {
        unsafe {
            let half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_add_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn greatest(a: __m256) -> f32 {
        unsafe {
            let half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_max_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn int_zero() -> __m256i {
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn int_splat(value: u32) -> __m256i {
        unsafe { _mm256_set1_epi32(value.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn int_load(from: *const u32) -> __m256i {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn int_store(to: *mut u32, value: __m256i) {
        unsafe { _mm256_storeu_si256(to.cast(), value) };
    }

    #[inline(always)]
    unsafe fn dot(sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)) }
    }

    #[inline(always)]
    unsafe fn int_to_float(a: __m256i) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(a) }
    }

    #[inline(always)]
    unsafe fn pair_to_floats(a: __m256i) -> [__m256; 2] {
        unsafe {
            let low = _mm256_srai_epi32::<16>(_mm256_slli_epi32::<16>(a));
            let high = _mm256_srai_epi32::<16>(a);
            [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)]
        }
    }

    #[inline(always)]
    unsafe fn pair(low: __m256, high: __m256) -> __m256i {
        unsafe {
            let high = _mm256_slli_epi32::<16>(_mm256_cvtps_epi32(high));
            _mm256_blend_epi16::<0xaa>(_mm256_cvtps_epi32(low), high)
        }
    }

    #[inline(always)]
    unsafe fn halves(low: __m256, high: __m256) -> __m256i {
        unsafe {
            let low = _mm256_srli_epi32::<16>(rounded_to_bf16(low));
            _mm256_blend_epi16::<0xaa>(low, rounded_to_bf16(high))
        }
    }

    #[inline(always)]
    unsafe fn halves_to_floats(a: __m256i) -> [__m256; 2] {
        unsafe {
            let upper = _mm256_set1_epi32(0xffff_0000u32.cast_signed());
            [
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(a)),
                _mm256_castsi256_ps(_mm256_and_si256(a, upper)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store_i16(to: *mut i16, value: __m256) {
        unsafe {
            let whole = _mm256_cvtps_epi32(value);
            let packed = _mm_packs_epi32(
                _mm256_castsi256_si128(whole),
                _mm256_extracti128_si256::<1>(whole),
            );
            _mm_storeu_si128(to.cast(), packed);
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> __m256 {
        unsafe {
            let halves = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, value: __m256) {
        unsafe {
            let halves = _mm256_srli_epi32::<16>(rounded_to_bf16(value));
            let packed = _mm_packus_epi32(
                _mm256_castsi256_si128(halves),
                _mm256_extracti128_si256::<1>(halves),
            );
            _mm_storeu_si128(to.cast(), packed);
        }
    }

    #[inline(always)]
    unsafe fn zip16(a: __m256i, b: __m256i) -> [__m256i; 2] {
        unsafe {
            let low = _mm256_unpacklo_epi16(a, b);
            let high = _mm256_unpackhi_epi16(a, b);
            [
                _mm256_permute2x128_si256::<0x20>(low, high),
                _mm256_permute2x128_si256::<0x31>(low, high),
            ]
        }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const u32, stride: usize, to: *mut u32, to_stride: usize) {
        unsafe {
            let row = |i: usize| _mm256_loadu_ps(from.add(i * stride).cast());
            let mut pairs = [_mm256_setzero_ps(); 8];
            for i in 0..4 {
                let (a, b) = (row(2 * i), row(2 * i + 1));
                pairs[2 * i] = _mm256_unpacklo_ps(a, b);
                pairs[2 * i + 1] = _mm256_unpackhi_ps(a, b);
            }
            let mut fours = [_mm256_setzero_ps(); 8];
            for half in 0..2 {
                let (a, b, c, d) = (
                    pairs[4 * half],
                    pairs[4 * half + 1],
                    pairs[4 * half + 2],
                    pairs[4 * half + 3],
                );
                fours[4 * half] = _mm256_shuffle_ps::<0x44>(a, c);
                fours[4 * half + 1] = _mm256_shuffle_ps::<0xee>(a, c);
                fours[4 * half + 2] = _mm256_shuffle_ps::<0x44>(b, d);
                fours[4 * half + 3] = _mm256_shuffle_ps::<0xee>(b, d);
            }
            for i in 0..4 {
                let (a, b) = (fours[i], fours[4 + i]);
                let first = _mm256_permute2f128_ps::<0x20>(a, b);
                let second = _mm256_permute2f128_ps::<0x31>(a, b);
                _mm256_storeu_ps(to.add(i * to_stride).cast(), first);
                _mm256_storeu_ps(to.add((i + 4) * to_stride).cast(), second);
            }
        }
    }
}

/// The bits of all lanes, of which the upper half is the nearest bf16.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
unsafe fn rounded_to_bf16(value: __m256) -> __m256i {
    // SAFETY: register arithmetic.
    unsafe {
        let bits = _mm256_castps_si256(value);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd)
    }
}

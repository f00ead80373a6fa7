//! The bf16 micro-kernels every matrix product here is made of.
//!
//! Operands are pairs of bf16 values in one `u32` (low half first), the pairs running along the summed
//! dimension; sums are kept in f32. `vdpbf16ps` multiplies one pair per lane and adds both products.

use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, __mmask16, _mm256_mask_storeu_epi16,
    _mm512_add_ps, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh, _mm512_cvtneps_pbh,
    _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_storeu_epi32,
    _mm512_maskz_loadu_ps, _mm512_or_si512, _mm512_set1_epi32, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};
use std::mem::transmute;

/// Columns of one packed panel (four vectors).
pub(super) const PANEL: usize = 64;
/// Rows of the register tile that goes with a panel.
pub(super) const TILE_ROWS: usize = 6;
/// Rows of the register tile of the weight gradient.
pub(super) const GRAD_ROWS: usize = 9;

/// The mask of the first `n` of sixteen lanes.
#[inline]
pub(super) fn first_lanes(n: usize) -> __mmask16 {
    if n >= 16 { u16::MAX } else { (1u16 << n) - 1 }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn dot(sum: __m512, a: __m512i, b: __m512i) -> __m512 {
    // SAFETY: both types are 512 plain bits.
    let (a, b) = unsafe {
        (
            transmute::<__m512i, __m512bh>(a),
            transmute::<__m512i, __m512bh>(b),
        )
    };
    _mm512_dpbf16_ps(sum, a, b)
}

/// Sixteen f32 rounded to bf16, each in the low half of its `u32`.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn round16(x: __m512) -> __m512i {
    // SAFETY: both types are 256 plain bits.
    _mm512_cvtepu16_epi32(unsafe { transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x)) })
}

/// Writes `n` bf16 pairs (`low[i]`, `high[i]`); a null `high` counts as zeros.
///
/// # Safety
/// `dst`, `low` and a non-null `high` must be valid for `n` values; the CPU must have AVX-512 with BF16.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn pair_row(dst: *mut u32, low: *const f32, high: *const f32, n: usize) {
    let mut i = 0;
    while i < n {
        let mask = first_lanes(n - i);
        // SAFETY: the mask keeps every access below `n`.
        unsafe {
            let a = round16(_mm512_maskz_loadu_ps(mask, low.add(i)));
            let b = if high.is_null() {
                _mm512_setzero_si512()
            } else {
                _mm512_slli_epi32::<16>(round16(_mm512_maskz_loadu_ps(mask, high.add(i))))
            };
            _mm512_mask_storeu_epi32(dst.add(i).cast(), mask, _mm512_or_si512(a, b));
        }
        i += 16;
    }
}

/// Rounds `n` values to bf16.
///
/// # Safety
/// `dst` and `src` must be valid for `n` values; the CPU must have AVX-512 with BF16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn round_row(dst: *mut u16, src: *const f32, n: usize) {
    let mut i = 0;
    // SAFETY: whole vectors stay below `n`, the last one is masked.
    unsafe {
        while i + 32 <= n {
            let both = _mm512_cvtne2ps_pbh(
                _mm512_loadu_ps(src.add(i + 16)),
                _mm512_loadu_ps(src.add(i)),
            );
            _mm512_storeu_si512(dst.add(i).cast(), transmute::<__m512bh, __m512i>(both));
            i += 32;
        }
        while i < n {
            let mask = first_lanes(n - i);
            let half = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, src.add(i)));
            _mm256_mask_storeu_epi16(
                dst.add(i).cast(),
                mask,
                transmute::<__m256bh, __m256i>(half),
            );
            i += 16;
        }
    }
}

/// Transposes a 16x16 block of 32-bit values held in sixteen rows.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transpose16(rows: &mut [__m512i; 16]) {
    let mut a = [_mm512_setzero_si512(); 16];
    for i in 0..8 {
        a[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    let mut b = [_mm512_setzero_si512(); 16];
    for i in 0..4 {
        b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
    }
    for j in 0..4 {
        let low = _mm512_shuffle_i32x4::<0x88>(b[j], b[4 + j]);
        let high = _mm512_shuffle_i32x4::<0xdd>(b[j], b[4 + j]);
        let low2 = _mm512_shuffle_i32x4::<0x88>(b[8 + j], b[12 + j]);
        let high2 = _mm512_shuffle_i32x4::<0xdd>(b[8 + j], b[12 + j]);
        rows[j] = _mm512_shuffle_i32x4::<0x88>(low, low2);
        rows[8 + j] = _mm512_shuffle_i32x4::<0xdd>(low, low2);
        rows[4 + j] = _mm512_shuffle_i32x4::<0x88>(high, high2);
        rows[12 + j] = _mm512_shuffle_i32x4::<0xdd>(high, high2);
    }
}

/// `out[R, 64] = a[R, pairs] * panel[pairs, 64]`, rows of `a` being `stride` pairs apart.
///
/// # Safety
/// `a` must hold `R` rows, `panel` `pairs * 64` values, `out` `R * 64`; the CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn tile<const R: usize>(
    out: *mut f32,
    a: *const u32,
    stride: usize,
    panel: *const u32,
    pairs: usize,
) {
    let mut sums = [[_mm512_setzero_ps(); 4]; R];
    for p in 0..pairs {
        // SAFETY: `p < pairs` and `r < R` stay inside the operands promised by the caller.
        unsafe {
            let mut b = [_mm512_setzero_si512(); 4];
            for (v, b) in b.iter_mut().enumerate() {
                *b = _mm512_loadu_si512(panel.add(p * PANEL + v * 16).cast());
            }
            for (r, row) in sums.iter_mut().enumerate() {
                let value = _mm512_set1_epi32(a.add(r * stride + p).read().cast_signed());
                for v in 0..4 {
                    row[v] = dot(row[v], value, b[v]);
                }
            }
        }
    }
    for (r, row) in sums.iter().enumerate() {
        for (v, sum) in row.iter().enumerate() {
            // SAFETY: `out` holds `R * 64` values.
            unsafe { _mm512_storeu_ps(out.add(r * PANEL + v * 16), *sum) };
        }
    }
}

/// Runs [`tile`] for `rows <= TILE_ROWS` rows.
///
/// # Safety
/// As [`tile`], with `rows` in place of `R`.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn panel_tile(
    out: *mut f32,
    a: *const u32,
    rows: usize,
    stride: usize,
    panel: *const u32,
    pairs: usize,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match rows {
            1 => tile::<1>(out, a, stride, panel, pairs),
            2 => tile::<2>(out, a, stride, panel, pairs),
            3 => tile::<3>(out, a, stride, panel, pairs),
            4 => tile::<4>(out, a, stride, panel, pairs),
            5 => tile::<5>(out, a, stride, panel, pairs),
            _ => tile::<TILE_ROWS>(out, a, stride, panel, pairs),
        }
    }
}

/// `sums[9, 16 V] += rows[9, pairs] * panel[pairs, 16 V]` (without `add`, `=`), where pair `p` of row `r` lies at `rows[r] + offsets[p]`.
///
/// # Safety
/// Every `rows[r] + offsets[p]` must be readable for two values, `panel` must hold `offsets.len() * 16 V` pairs,
/// `sums` `9 * 16 V` values; the CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn grad_tile<const V: usize>(
    sums: *mut f32,
    add: bool,
    rows: &[*const u16; GRAD_ROWS],
    offsets: &[u32],
    panel: *const u32,
) {
    let mut acc = [[_mm512_setzero_ps(); V]; GRAD_ROWS];
    let rows = *rows;
    for (p, &offset) in offsets.iter().enumerate() {
        // SAFETY: promised by the caller; the pair is read as one unaligned value.
        unsafe {
            let mut b = [_mm512_setzero_si512(); V];
            for (v, b) in b.iter_mut().enumerate() {
                *b = _mm512_loadu_si512(panel.add((p * V + v) * 16).cast());
            }
            for (r, row) in acc.iter_mut().enumerate() {
                let pair = rows[r].add(offset as usize).cast::<u32>().read_unaligned();
                let value = _mm512_set1_epi32(pair.cast_signed());
                for v in 0..V {
                    row[v] = dot(row[v], value, b[v]);
                }
            }
        }
    }
    for (r, row) in acc.iter().enumerate() {
        for (v, sum) in row.iter().enumerate() {
            // SAFETY: `sums` holds `9 * 16 V` values.
            unsafe {
                let at = sums.add((r * V + v) * 16);
                let before = if add {
                    _mm512_loadu_ps(at)
                } else {
                    _mm512_setzero_ps()
                };
                _mm512_storeu_ps(at, _mm512_add_ps(before, *sum));
            }
        }
    }
}

/// Runs [`grad_tile`] with `vectors` of 1 to 3.
///
/// # Safety
/// As [`grad_tile`], with `vectors` in place of `V`.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn grad_tile_of(
    vectors: usize,
    sums: *mut f32,
    add: bool,
    rows: &[*const u16; GRAD_ROWS],
    offsets: &[u32],
    panel: *const u32,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match vectors {
            1 => grad_tile::<1>(sums, add, rows, offsets, panel),
            2 => grad_tile::<2>(sums, add, rows, offsets, panel),
            _ => grad_tile::<3>(sums, add, rows, offsets, panel),
        }
    }
}

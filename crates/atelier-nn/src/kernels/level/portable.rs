//! Vectors as plain arrays. Also the oracle of the other levels.

use super::Simd;

/// Vectors of `N` values in plain Rust.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable<const N: usize>;

#[inline(always)]
fn each<const N: usize>(f: impl Fn(usize) -> f32) -> [f32; N] {
    std::array::from_fn(f)
}

/// `a * b + c`: fused only where that is one instruction, since it is a slow function call elsewhere.
#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

#[inline(always)]
fn low(pair: u32) -> i32 {
    i32::from((pair as u16).cast_signed())
}

#[inline(always)]
fn high(pair: u32) -> i32 {
    i32::from(((pair >> 16) as u16).cast_signed())
}

impl<const N: usize> Simd for Portable<N> {
    type F = [f32; N];
    type I = [u32; N];
    const LANES: usize = N;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::F {
        [value; N]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::F {
        // SAFETY: the caller promises all lanes.
        unsafe { from.cast::<[f32; N]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self::F {
        // SAFETY: only the promised lanes are read.
        each(|i| {
            if i < n {
                unsafe { from.add(i).read_unaligned() }
            } else {
                0.0
            }
        })
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Self::F) {
        // SAFETY: the caller promises all lanes.
        unsafe { to.cast::<[f32; N]>().write_unaligned(value) };
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, value: Self::F, n: usize) {
        for (i, value) in value.into_iter().enumerate().take(n) {
            // SAFETY: only the promised lanes are written.
            unsafe { to.add(i).write_unaligned(value) };
        }
    }

    #[inline(always)]
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F {
        each(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F {
        each(|i| a[i] - b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
        each(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn div(a: Self::F, b: Self::F) -> Self::F {
        each(|i| a[i] / b[i])
    }

    #[inline(always)]
    unsafe fn sqrt(a: Self::F) -> Self::F {
        each(|i| a[i].sqrt())
    }

    #[inline(always)]
    unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        each(|i| multiply_add(a[i], b[i], c[i]))
    }

    #[inline(always)]
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F {
        each(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F {
        each(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn round(a: Self::F) -> Self::F {
        each(|i| a[i].round_ties_even())
    }

    #[inline(always)]
    unsafe fn pow2(n: Self::F) -> Self::F {
        each(|i| f32::from_bits((n[i] as i32 + 127).cast_unsigned() << 23))
    }

    #[inline(always)]
    unsafe fn add_exponent(a: Self::F, n: Self::F) -> Self::F {
        each(|i| f32::from_bits(a[i].to_bits().wrapping_add(n[i].to_bits() << 23)))
    }

    #[inline(always)]
    unsafe fn select_lt(a: Self::F, b: Self::F, x: Self::F, y: Self::F) -> Self::F {
        each(|i| if a[i] < b[i] { x[i] } else { y[i] })
    }

    #[inline(always)]
    unsafe fn sum(a: Self::F) -> f32 {
        a.iter().sum()
    }

    #[inline(always)]
    unsafe fn greatest(a: Self::F) -> f32 {
        a.iter()
            .fold(f32::NEG_INFINITY, |m, &v| if v > m { v } else { m })
    }

    #[inline(always)]
    unsafe fn int_zero() -> Self::I {
        [0; N]
    }

    #[inline(always)]
    unsafe fn int_splat(value: u32) -> Self::I {
        [value; N]
    }

    #[inline(always)]
    unsafe fn int_load(from: *const u32) -> Self::I {
        // SAFETY: the caller promises all lanes.
        unsafe { from.cast::<[u32; N]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn int_store(to: *mut u32, value: Self::I) {
        // SAFETY: the caller promises all lanes.
        unsafe { to.cast::<[u32; N]>().write_unaligned(value) };
    }

    #[inline(always)]
    unsafe fn dot(sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| {
            let products = (low(a[i]) * low(b[i])).wrapping_add(high(a[i]) * high(b[i]));
            sum[i].wrapping_add(products.cast_unsigned())
        })
    }

    #[inline(always)]
    unsafe fn int_to_float(a: Self::I) -> Self::F {
        each(|i| a[i].cast_signed() as f32)
    }

    #[inline(always)]
    unsafe fn pair_to_floats(a: Self::I) -> [Self::F; 2] {
        [each(|i| low(a[i]) as f32), each(|i| high(a[i]) as f32)]
    }

    #[inline(always)]
    unsafe fn pair(low: Self::F, high: Self::F) -> Self::I {
        let half = |v: f32| u32::from((v.round_ties_even() as i16).cast_unsigned());
        std::array::from_fn(|i| half(low[i]) | half(high[i]) << 16)
    }

    #[inline(always)]
    unsafe fn halves(low: Self::F, high: Self::F) -> Self::I {
        std::array::from_fn(|i| {
            rounded_to_bf16(low[i]) >> 16 | rounded_to_bf16(high[i]) & 0xffff_0000
        })
    }

    #[inline(always)]
    unsafe fn halves_to_floats(a: Self::I) -> [Self::F; 2] {
        [
            each(|i| f32::from_bits(a[i] << 16)),
            each(|i| f32::from_bits(a[i] & 0xffff_0000)),
        ]
    }

    #[inline(always)]
    unsafe fn store_i16(to: *mut i16, value: Self::F) {
        let whole: [i16; N] = std::array::from_fn(|i| value[i].round_ties_even() as i16);
        // SAFETY: the caller promises all lanes.
        unsafe { to.cast::<[i16; N]>().write_unaligned(whole) };
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self::F {
        // SAFETY: the caller promises all lanes.
        let halves = unsafe { from.cast::<[u16; N]>().read_unaligned() };
        each(|i| f32::from_bits(u32::from(halves[i]) << 16))
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, value: Self::F) {
        let halves: [u16; N] = std::array::from_fn(|i| (rounded_to_bf16(value[i]) >> 16) as u16);
        // SAFETY: the caller promises all lanes.
        unsafe { to.cast::<[u16; N]>().write_unaligned(halves) };
    }

    #[inline(always)]
    unsafe fn zip16(a: Self::I, b: Self::I) -> [Self::I; 2] {
        let take = |i: usize| {
            let part = |v: u32| {
                if i.is_multiple_of(2) {
                    v & 0xffff
                } else {
                    v >> 16
                }
            };
            part(a[i / 2]) | part(b[i / 2]) << 16
        };
        [
            std::array::from_fn(take),
            std::array::from_fn(|i| take(N + i)),
        ]
    }

    #[inline(always)]
    unsafe fn transpose(from: *const u32, stride: usize, to: *mut u32, to_stride: usize) {
        for i in 0..N {
            for j in 0..N {
                // SAFETY: the caller promises the block on either side.
                unsafe { *to.add(j * to_stride + i) = *from.add(i * stride + j) };
            }
        }
    }
}

/// The bits of a number, of which the upper half is the nearest bf16.
fn rounded_to_bf16(value: f32) -> u32 {
    let bits = value.to_bits();
    bits.wrapping_add(0x7fff + (bits >> 16 & 1))
}

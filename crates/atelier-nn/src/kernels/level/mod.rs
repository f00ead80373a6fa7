//! The instruction sets that kernels are compiled for, behind one trait: kernels are written once over [`Simd`], and
//! [`leveled!`] compiles each of them for every [`Level`].

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod math;
mod portable;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::{Avx512, Bf16512, Vnni512};
pub(crate) use portable::Portable;

/// Rows of the register tile of every matrix product.
pub(crate) const TILE_ROWS: usize = 6;

/// A set of instructions that a processor may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    /// [`Level::Vnni512`] with rounding to bf16, and a unit that multiplies matrices of these (AMX).
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// [`Level::Vnni512`] with rounding to bf16 and dot products of it.
    #[cfg(target_arch = "x86_64")]
    Bf16512,
    /// AVX-512 with integer dot products (VNNI).
    #[cfg(target_arch = "x86_64")]
    Vnni512,
    /// AVX-512 (F, BW, DQ, VL).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust, for every processor (on ARM it becomes NEON).
    Portable,
    /// Plain Rust with the sizes of AVX-512, so that its blocking is tested everywhere.
    #[cfg(test)]
    PortableWide,
}

static CHOSEN: OnceLock<Level> = OnceLock::new();

impl Level {
    /// The best level of this processor, or the one that was chosen.
    pub(crate) fn best() -> Self {
        *CHOSEN.get_or_init(|| Self::available()[0])
    }

    /// Makes `self` what [`Level::best`] gives, unless that has given another one already. Says whether it is now.
    pub(crate) fn choose(self) -> bool {
        *CHOSEN.get_or_init(|| self) == self
    }

    /// All levels of this processor, best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if avx512 && is_x86_feature_detected!("avx512vnni") {
                if is_x86_feature_detected!("avx512bf16") {
                    if amx::is_available() {
                        levels.push(Self::Amx);
                    }
                    levels.push(Self::Bf16512);
                }
                levels.push(Self::Vnni512);
            }
            if avx512 {
                levels.push(Self::Avx512);
            }
            if avx2 {
                levels.push(Self::Avx2);
            }
        }
        levels.push(Self::Portable);
        #[cfg(test)]
        levels.push(Self::PortableWide);
        levels
    }

    /// Values of one vector.
    pub(crate) fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx | Self::Bf16512 | Self::Vnni512 | Self::Avx512 => 16,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 8,
            Self::Portable => 8,
            #[cfg(test)]
            Self::PortableWide => 16,
        }
    }

    /// Vectors of one packed panel of columns.
    pub(crate) fn panel_vectors(self) -> usize {
        self.lanes() / 4
    }

    /// Columns of one packed panel.
    pub(crate) fn panel(self) -> usize {
        self.lanes() * self.panel_vectors()
    }

    /// Whether products of bf16 are quicker than those of i16.
    pub(crate) fn multiplies_matrices(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => true,
            _ => false,
        }
    }

    /// Whether pairs of bf16 are multiplied more quickly than f32, and as quickly as whole numbers: then attention and gradients of
    /// trained weights take them.
    pub(crate) fn multiplies_halves(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx | Self::Bf16512 => true,
            _ => false,
        }
    }

    /// The name, for settings.
    pub(crate) fn word(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => "amx",
            #[cfg(target_arch = "x86_64")]
            Self::Bf16512 => "avx512-bf16",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable => "plain",
            #[cfg(test)]
            Self::PortableWide => "plain-wide",
        }
    }

    /// The name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => "AMX and AVX-512 with VNNI and bf16",
            #[cfg(target_arch = "x86_64")]
            Self::Bf16512 => "AVX-512 with VNNI and bf16",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => "AVX-512 with VNNI",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2",
            Self::Portable => "portable",
            #[cfg(test)]
            Self::PortableWide => "portable, wide",
        }
    }
}

/// Vectors of f32 and of i32 (or pairs of i16), as one set of instructions has them.
///
/// # Safety
/// All functions need a processor of the level. Loads and stores are unaligned and need memory for all lanes, or for the
/// first `n` where they take `n` (`n <= LANES`).
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// `LANES` f32 values.
    type F: Copy;
    /// `LANES` i32 values, or as many pairs of i16.
    type I: Copy;
    /// Values of one vector.
    const LANES: usize;
    /// Vectors of one packed panel.
    const PANEL_VECTORS: usize = Self::LANES / 4;

    /// The same value in all lanes.
    unsafe fn splat(value: f32) -> Self::F;
    /// All lanes from memory.
    unsafe fn load(from: *const f32) -> Self::F;
    /// The first `n` lanes from memory, zeros after them.
    unsafe fn load_first(from: *const f32, n: usize) -> Self::F;
    /// All lanes to memory.
    unsafe fn store(to: *mut f32, value: Self::F);
    /// The first `n` lanes to memory.
    unsafe fn store_first(to: *mut f32, value: Self::F, n: usize);
    /// `a + b`.
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F;
    /// `a * b`.
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`.
    unsafe fn div(a: Self::F, b: Self::F) -> Self::F;
    /// The square root, correctly rounded.
    unsafe fn sqrt(a: Self::F) -> Self::F;
    /// `a * b + c`, rounded once where the level can.
    unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The greater of both; `b` where one is not a number.
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F;
    /// The smaller of both; `b` where one is not a number.
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F;
    /// The nearest whole number, halves to even.
    unsafe fn round(a: Self::F) -> Self::F;
    /// `2^n` for whole `n` from -126 to 127.
    unsafe fn pow2(n: Self::F) -> Self::F;
    /// `a * 2^n` for whole `n` given as `n + 1.5 * 2^23`; the result must be in the range of normal numbers.
    unsafe fn add_exponent(a: Self::F, n: Self::F) -> Self::F;
    /// Per lane `x` where `a < b`, else `y`.
    unsafe fn select_lt(a: Self::F, b: Self::F, x: Self::F, y: Self::F) -> Self::F;
    /// The sum of all lanes.
    unsafe fn sum(a: Self::F) -> f32;
    /// The greatest lane, none of which may be NaN.
    unsafe fn greatest(a: Self::F) -> f32;

    /// Zero in all lanes.
    unsafe fn int_zero() -> Self::I;
    /// The same 32 bits in all lanes.
    unsafe fn int_splat(value: u32) -> Self::I;
    /// All lanes from memory.
    unsafe fn int_load(from: *const u32) -> Self::I;
    /// All lanes to memory.
    unsafe fn int_store(to: *mut u32, value: Self::I);
    /// Per lane `sum + a.low * b.low + a.high * b.high` of pairs of i16, wrapping.
    unsafe fn dot(sum: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// The i32 lanes as f32.
    unsafe fn int_to_float(a: Self::I) -> Self::F;
    /// The low and the high numbers of pairs of i16, as f32.
    unsafe fn pair_to_floats(a: Self::I) -> [Self::F; 2];
    /// Per lane a pair of i16: `low` and `high` rounded to the nearest whole number; both must fit.
    unsafe fn pair(low: Self::F, high: Self::F) -> Self::I;
    /// Per lane a pair of bf16, rounded as by [`Simd::store_bf16`].
    unsafe fn halves(low: Self::F, high: Self::F) -> Self::I;
    /// The low and the high numbers of pairs of bf16.
    unsafe fn halves_to_floats(a: Self::I) -> [Self::F; 2];
    /// Per lane `sum + a.low * b.low + a.high * b.high` of pairs of bf16; numbers below the normal ones may count as zero.
    #[inline(always)]
    unsafe fn dot_halves(sum: Self::F, a: Self::I, b: Self::I) -> Self::F {
        // SAFETY: register arithmetic.
        unsafe {
            let (a, b) = (Self::halves_to_floats(a), Self::halves_to_floats(b));
            Self::fma(a[1], b[1], Self::fma(a[0], b[0], sum))
        }
    }
    /// Rounds all lanes to the nearest whole numbers, which must fit, and writes them as i16.
    unsafe fn store_i16(to: *mut i16, value: Self::F);
    /// Reads bf16 numbers.
    unsafe fn load_bf16(from: *const u16) -> Self::F;
    /// Rounds all lanes to bf16 (to nearest, halves to even) and writes them; numbers below the normal ones may become
    /// zero. NaN must be as processors make them: their upper half
    /// says so by itself, and is not the greatest there is.
    unsafe fn store_bf16(to: *mut u16, value: Self::F);
    /// The i16 numbers of `a` and `b` in turn (`a0 b0 a1 b1 …`), the first half and the second.
    unsafe fn zip16(a: Self::I, b: Self::I) -> [Self::I; 2];
    /// Transposes a block of `LANES` rows and columns; rows are `stride` values apart on either side.
    unsafe fn transpose(from: *const u32, stride: usize, to: *mut u32, to_stride: usize);
}

/// Has the processor bring what lies at an address into its first cache, where it can. Nothing is read, so that the address
/// need not be one.
#[inline(always)]
pub(crate) fn prefetch(from: *const u32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every such processor has the instruction, which does nothing where nothing can be read.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

/// Defines `unsafe fn name(level, …)`, which runs `body::<S>(…)` compiled with the instructions of `level`.
///
/// `body` must be `#[inline(always)] unsafe fn body<S: Simd>(…)`, and so must what it calls with `S`.
macro_rules! leveled {
    ($(#[$meta:meta])* $vis:vis fn $name:ident ( $($arg:ident : $ty:ty),* $(,)? ) $(-> $ret:ty)? = $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "operands and sizes of a kernel are plain values")]
        $vis unsafe fn $name(level: $crate::kernels::level::Level, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")]
            unsafe fn bf16512($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: passed on from the caller.
                unsafe { $body::<$crate::kernels::level::Bf16512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            unsafe fn vnni512($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: passed on from the caller.
                unsafe { $body::<$crate::kernels::level::Vnni512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            unsafe fn avx512($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: passed on from the caller.
                unsafe { $body::<$crate::kernels::level::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: passed on from the caller.
                unsafe { $body::<$crate::kernels::level::Avx2>($($arg),*) }
            }
            // SAFETY: levels come from `Level::available`, so the processor has the instructions; the rest is passed on.
            unsafe {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    $crate::kernels::level::Level::Amx
                    | $crate::kernels::level::Level::Bf16512 => bf16512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::kernels::level::Level::Vnni512 => vnni512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::kernels::level::Level::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::kernels::level::Level::Avx2 => avx2($($arg),*),
                    $crate::kernels::level::Level::Portable => {
                        $body::<$crate::kernels::level::Portable<8>>($($arg),*)
                    }
                    #[cfg(test)]
                    $crate::kernels::level::Level::PortableWide => {
                        $body::<$crate::kernels::level::Portable<16>>($($arg),*)
                    }
                }
            }
        }
    };
}
pub(crate) use leveled;

//! Whole vectors and the rest of a row that fills only the first lanes of one, behind one trait, so that every loop body
//! is written once and whole vectors carry no test.

use crate::kernels::level::Simd;

/// Lanes of the widest level.
const MOST_LANES: usize = 16;

/// Which lanes of a vector are used.
pub(in crate::kernels) trait Part: Copy {
    /// Reads the lanes, with zeros in the others.
    ///
    /// # Safety
    /// The lanes must be readable; as [`Simd`].
    unsafe fn load<S: Simd>(self, from: *const f32) -> S::F;
    /// Reads bf16 lanes, with zeros in the others.
    ///
    /// # Safety
    /// The lanes must be readable; as [`Simd`].
    unsafe fn load_bf16<S: Simd>(self, from: *const u16) -> S::F;
    /// Writes the lanes.
    ///
    /// # Safety
    /// The lanes must be writable; as [`Simd`].
    unsafe fn store<S: Simd>(self, to: *mut f32, value: S::F);
    /// Writes the lanes, rounded to bf16. Not for NaN.
    ///
    /// # Safety
    /// The lanes must be writable; as [`Simd`].
    unsafe fn store_bf16<S: Simd>(self, to: *mut u16, value: S::F);
    /// The lanes of `value`, with zeros in the others.
    ///
    /// # Safety
    /// As [`Simd`].
    unsafe fn only<S: Simd>(self, value: S::F) -> S::F;
}

/// All lanes.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct All;

/// The first lanes.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct First(pub(in crate::kernels) usize);

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "every function passes on what its caller promises"
)]
impl Part for All {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, from: *const f32) -> S::F {
        unsafe { S::load(from) }
    }

    #[inline(always)]
    unsafe fn load_bf16<S: Simd>(self, from: *const u16) -> S::F {
        unsafe { S::load_bf16(from) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(self, to: *mut f32, value: S::F) {
        unsafe { S::store(to, value) };
    }

    #[inline(always)]
    unsafe fn store_bf16<S: Simd>(self, to: *mut u16, value: S::F) {
        unsafe { S::store_bf16(to, value) };
    }

    #[inline(always)]
    unsafe fn only<S: Simd>(self, value: S::F) -> S::F {
        value
    }
}

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "every function passes on what its caller promises; buffers hold the widest vector"
)]
impl Part for First {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, from: *const f32) -> S::F {
        unsafe { S::load_first(from, self.0) }
    }

    #[inline(always)]
    unsafe fn load_bf16<S: Simd>(self, from: *const u16) -> S::F {
        let mut lanes = [0u16; MOST_LANES];
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), self.0);
            S::load_bf16(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(self, to: *mut f32, value: S::F) {
        unsafe { S::store_first(to, value, self.0) };
    }

    #[inline(always)]
    unsafe fn store_bf16<S: Simd>(self, to: *mut u16, value: S::F) {
        let mut lanes = [0u16; MOST_LANES];
        unsafe {
            S::store_bf16(lanes.as_mut_ptr(), value);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, self.0);
        }
    }

    #[inline(always)]
    unsafe fn only<S: Simd>(self, value: S::F) -> S::F {
        let mut lanes = [0.0; MOST_LANES];
        unsafe {
            S::store(lanes.as_mut_ptr(), value);
            S::load_first(lanes.as_ptr(), self.0)
        }
    }
}

/// Runs the body for every vector of `len` values: `at` is where it starts, `part` which of its lanes count.
macro_rules! sweep {
    ($simd:ident, $len:expr, |$at:ident, $part:ident| $body:block) => {{
        let len: usize = $len;
        let whole = len - len % $simd::LANES;
        let mut $at = 0;
        while $at < whole {
            let $part = $crate::kernels::pointwise::part::All;
            $body
            $at += $simd::LANES;
        }
        if whole < len {
            let $part = $crate::kernels::pointwise::part::First(len - whole);
            $body
        }
    }};
}
pub(in crate::kernels) use sweep;

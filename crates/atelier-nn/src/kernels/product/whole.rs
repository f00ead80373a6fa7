//! Left operands as whole numbers: i16 with a scale per row, or per picture, and chunk of the summed dimension.

use super::super::level::{Simd, leveled};
use super::packed::{NORM_LIMIT, Packed, WHOLE_LIMIT};
use super::walk::Direction;

/// The greatest factor. Squares of numbers below 1e-19 are lost on the way to their sum, the least f32 being 1e-38; times this,
/// 65,536 of them, more than a chunk has, keep to the limit of the norm. Numbers below 5e-22 become zero.
const MOST_FACTOR: f32 = 1e21;

/// The sum of squares and the greatest absolute value of some numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::kernels) struct Extent {
    pub(super) squares: f32,
    pub(super) greatest: f32,
}

impl Extent {
    /// The factor that brings numbers of this extent to whole ones whose norm is at most `limit`, and what takes it back.
    /// Numbers that are not finite stay so in the result.
    pub(in crate::kernels) fn factors(self, limit: f32) -> [f32; 2] {
        if self.squares.is_nan() || !self.greatest.is_finite() {
            return [0.0, f32::NAN];
        }
        if self.squares.is_infinite() {
            // squares overflow long before the numbers do
            let factor = limit.min(WHOLE_LIMIT) / self.greatest * 1e-4;
            return [factor, 1.0 / factor];
        }
        if self.greatest < f32::MIN_POSITIVE {
            return [0.0, 0.0];
        }
        let norm = self.squares.sqrt().max(self.greatest);
        let factor = (limit / norm).min(WHOLE_LIMIT / self.greatest);
        let factor = factor.min(MOST_FACTOR);
        [factor, 1.0 / factor]
    }

    /// [`Extent::factors`] without a limit to the norm.
    pub(in crate::kernels) fn factors_of_greatest(self) -> [f32; 2] {
        let squares = if self.squares.is_nan() { f32::NAN } else { 0.0 };
        Self { squares, ..self }.factors(f32::MAX)
    }
}

/// The greatest norm of whole numbers that may meet the weights of `packed` in a chunk.
pub(super) fn norm_limit(packed: &Packed, direction: Direction, chunk: usize) -> f32 {
    match direction {
        Direction::Forward => NORM_LIMIT,
        // both norms grow a little by rounding
        Direction::Gradient => {
            let other = packed.gradient_norms[chunk].max(1.0);
            (2.1e9 / other - 32.0).clamp(1.0, NORM_LIMIT)
        }
    }
}

/// Measures `count` numbers, each times its factor in `fold` where that is not null.
///
/// # Safety
/// As [`Simd`]; both must hold `count` numbers.
#[inline(always)]
pub(in crate::kernels) unsafe fn measure<S: Simd>(
    from: *const f32,
    fold: *const f32,
    count: usize,
) -> Extent {
    // SAFETY: whole vectors stay below `count`, the last is cut to it.
    unsafe {
        let zero = S::splat(0.0);
        let (mut squares, mut greatest) = ([zero; 2], zero);
        let mut at = 0;
        while at < count {
            for square in &mut squares {
                if at >= count {
                    break;
                }
                let n = (count - at).min(S::LANES);
                let x = folded::<S>(from, fold, at, n);
                *square = S::fma(x, x, *square);
                // a NaN is carried by the squares
                greatest = S::max(S::max(x, S::sub(zero, x)), greatest);
                at += n;
            }
        }
        Extent {
            squares: S::sum(S::add(squares[0], squares[1])),
            greatest: S::greatest(greatest),
        }
    }
}

/// Up to a vector of numbers, times their factors.
#[inline(always)]
unsafe fn folded<S: Simd>(from: *const f32, fold: *const f32, at: usize, n: usize) -> S::F {
    // SAFETY: passed on from the caller.
    unsafe {
        let load = |from: *const f32| {
            if n == S::LANES {
                S::load(from.add(at))
            } else {
                S::load_first(from.add(at), n)
            }
        };
        let x = load(from);
        if fold.is_null() {
            x
        } else {
            S::mul(x, load(fold))
        }
    }
}

/// Writes `count` numbers times `factor` as i16, and a zero after an odd count.
///
/// # Safety
/// As [`measure`]; `to` must hold the numbers, rounded up to an even count.
#[inline(always)]
pub(in crate::kernels) unsafe fn round<S: Simd>(
    from: *const f32,
    fold: *const f32,
    count: usize,
    factor: f32,
    to: *mut i16,
) {
    // SAFETY: whole vectors stay below `count`; the rest goes through a buffer.
    unsafe {
        let factor = S::splat(factor);
        let mut at = 0;
        while at + S::LANES <= count {
            let x = folded::<S>(from, fold, at, S::LANES);
            S::store_i16(to.add(at), S::mul(x, factor));
            at += S::LANES;
        }
        if at < count {
            let mut rest = [0i16; 16];
            let x = folded::<S>(from, fold, at, count - at);
            S::store_i16(rest.as_mut_ptr(), S::mul(x, factor));
            let even = (count - at).next_multiple_of(2);
            to.add(at).copy_from_nonoverlapping(rest.as_ptr(), even);
        }
    }
}

/// One row as whole numbers, chunk by chunk, with the factors that take them back `stride` apart.
///
/// # Safety
/// As [`round`]; `limits` has one entry for each chunk.
#[inline(always)]
unsafe fn row<S: Simd>(
    from: &[f32],
    fold: *const f32,
    chunk: usize,
    limits: &[f32],
    to: *mut i16,
    scales: *mut f32,
    stride: usize,
) {
    for (i, part) in from.chunks(chunk).enumerate() {
        let fold = if fold.is_null() {
            fold
        } else {
            fold.wrapping_add(i * chunk)
        };
        // SAFETY: chunks are inside the row and, being even but for the last, begin with a pair.
        unsafe {
            let extent = measure::<S>(part.as_ptr(), fold, part.len());
            let [factor, back] = extent.factors(limits[i]);
            round::<S>(part.as_ptr(), fold, part.len(), factor, to.add(i * chunk));
            *scales.add(i * stride) = back;
        }
    }
}

leveled! {
    pub(super) fn measure_at(from: *const f32, fold: *const f32, count: usize) -> Extent = measure
}
leveled! {
    pub(super) fn round_at(from: *const f32, fold: *const f32, count: usize, factor: f32, to: *mut i16) = round
}
leveled! {
    pub(super) fn row_at(
        from: &[f32],
        fold: *const f32,
        chunk: usize,
        limits: &[f32],
        to: *mut i16,
        scales: *mut f32,
        stride: usize,
    ) = row
}

//! Activations as they are, or rounded in half the memory: what backward passes keep of them, and what lies between kernels.

use std::mem::MaybeUninit;

use super::part::{Part, sweep};
use super::tasks;
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::{self, Shared, chunk, filled};
use crate::kernels::share::share_each;

/// How exactly activations are kept, or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    Exact,
    /// Rounded: to bf16 (relative error up to 2⁻⁹), or where products of rows are computed again from it, as in attention
    /// and adapters, to 16-bit integers with a scale for each row ([`super::kept_rows`]), unless these products are of
    /// bf16.
    Rounded,
}

/// A kept activation as backward passes read it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'a> {
    /// As it is.
    Exact(&'a [f32]),
    /// Rounded to bf16.
    Rounded(&'a [u16]),
}

impl View<'_> {
    /// Of which kind they are.
    pub(crate) fn precision(&self) -> Precision {
        match self {
            Self::Exact(_) => Precision::Exact,
            Self::Rounded(_) => Precision::Rounded,
        }
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Exact(values) => values.len(),
            Self::Rounded(values) => values.len(),
        }
    }

    /// `count` values from `start` on.
    pub(crate) fn part(&self, start: usize, count: usize) -> Self {
        match self {
            Self::Exact(values) => Self::Exact(&values[start..][..count]),
            Self::Rounded(values) => Self::Rounded(&values[start..][..count]),
        }
    }
}

/// An activation that a kernel wrote.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Activation {
    /// As it is.
    Exact(Vec<f32>),
    /// Rounded to bf16.
    Rounded(Vec<u16>),
}

impl Activation {
    /// No values.
    pub(crate) fn empty(precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact(Vec::new()),
            Precision::Rounded => Self::Rounded(Vec::new()),
        }
    }

    /// No values, with room for `len`.
    pub(crate) fn with_room(len: usize, precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact(Vec::with_capacity(len)),
            Precision::Rounded => Self::Rounded(Vec::with_capacity(len)),
        }
    }

    /// `len` zeros.
    pub(crate) fn zeros(len: usize, precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact(vec![0.0; len]),
            Precision::Rounded => Self::Rounded(vec![0; len]),
        }
    }

    /// `len` values, all of them written by `write`.
    ///
    /// # Safety
    /// As [`filled`].
    pub(crate) unsafe fn filled(
        len: usize,
        precision: Precision,
        write: impl FnOnce(Room),
    ) -> Self {
        let mut values = Self::empty(precision);
        // SAFETY: passed on from the caller.
        unsafe { values.append(len, write) };
        values
    }

    /// Puts `len` values behind these, all of them written by `write`.
    ///
    /// # Safety
    /// As [`filled`].
    pub(crate) unsafe fn append(&mut self, len: usize, write: impl FnOnce(Room)) {
        // SAFETY: passed on from the caller.
        unsafe {
            match self {
                Self::Exact(values) => memory::append(values, len, |to| write(Room::Exact(to))),
                Self::Rounded(values) => memory::append(values, len, |to| write(Room::Rounded(to))),
            }
        }
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.view().len()
    }

    /// The values as kernels read them.
    pub(crate) fn view(&self) -> View<'_> {
        match self {
            Self::Exact(values) => View::Exact(values),
            Self::Rounded(values) => View::Rounded(values),
        }
    }
}

/// Memory for an activation that several threads write disjoint parts of.
#[derive(Clone, Copy)]
pub(crate) enum Room {
    Exact(Shared),
    Rounded(Shared<u16>),
}

impl Room {
    /// From value `offset` on.
    pub(crate) fn at(self, offset: usize) -> To {
        match self {
            Self::Exact(to) => To::Exact(to.at(offset)),
            Self::Rounded(to) => To::Rounded(to.at(offset)),
        }
    }
}

/// Where a kernel writes values of either kind.
#[derive(Clone, Copy)]
pub(crate) enum To {
    Exact(*mut f32),
    Rounded(*mut u16),
}

impl To {
    /// Writes rows of `width` values that lie `from_step` apart in `rows`, `step` apart.
    ///
    /// # Safety
    /// There must be room for them, which nobody else uses.
    pub(crate) unsafe fn put(
        self,
        level: Level,
        rows: &[f32],
        [from_step, width]: [usize; 2],
        step: usize,
    ) {
        let count = rows.len().div_ceil(from_step);
        assert!(
            width <= from_step && rows.len().is_multiple_of(from_step),
            "whole rows"
        );
        // SAFETY: passed on from the caller; the rows are as long as they should be.
        unsafe {
            match self {
                Self::Exact(to) => {
                    for (i, row) in rows.chunks_exact(from_step).enumerate() {
                        to.add(i * step)
                            .copy_from_nonoverlapping(row.as_ptr(), width);
                    }
                }
                Self::Rounded(to) => {
                    round_rows_at(level, rows.as_ptr(), from_step, [count, width], to, step);
                }
            }
        }
    }
}

/// Where a kernel writes values of one kind, so that the choice is made outside its loops.
pub(super) trait Sink: Copy {
    /// Writes the lanes of `part` from value `at` on.
    ///
    /// # Safety
    /// There must be room for them; as [`Simd`].
    unsafe fn store<S: Simd>(self, at: usize, value: S::F, part: impl Part);
}

impl Sink for *mut f32 {
    #[inline(always)]
    unsafe fn store<S: Simd>(self, at: usize, value: S::F, part: impl Part) {
        // SAFETY: passed on from the caller.
        unsafe { part.store::<S>(self.add(at), value) };
    }
}

impl Sink for *mut u16 {
    #[inline(always)]
    unsafe fn store<S: Simd>(self, at: usize, value: S::F, part: impl Part) {
        // SAFETY: passed on from the caller.
        unsafe { store::<S>(self.add(at), value, part) };
    }
}

/// Where a kernel reads an activation of either kind, so that the choice is made outside its loops.
pub(in crate::kernels) trait Source: Copy {
    /// The lanes of `part` from value `at` on, with zeros in the others.
    ///
    /// # Safety
    /// The values must exist; as [`Simd`].
    unsafe fn load<S: Simd>(self, at: usize, part: impl Part) -> S::F;
}

impl Source for *const f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, at: usize, part: impl Part) -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { part.load::<S>(self.add(at)) }
    }
}

impl Source for *const u16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(self, at: usize, part: impl Part) -> S::F {
        // SAFETY: passed on from the caller.
        unsafe { part.load_bf16::<S>(self.add(at)) }
    }
}

/// `values` rounded to bf16. What is not finite stays so: NaN becomes infinite.
pub(crate) fn rounded(level: Level, values: &[f32]) -> Vec<u16> {
    let mut halves = Vec::new();
    let write = |to: *mut u16, start: usize, count: usize| {
        // SAFETY: both sides hold the values.
        unsafe { round_at(level, to, values[start..][..count].as_ptr(), count) };
    };
    // SAFETY: all values of every part are written.
    unsafe { append(&mut halves, values.len(), chunk(values.len(), 1), write) };
    halves
}

/// A vector of `len` bf16 numbers, in parts of `size`: `write(to, start, count)` writes one part.
///
/// # Safety
/// `write` must write all `count` values.
pub(super) unsafe fn halves(
    len: usize,
    size: usize,
    write: impl Fn(*mut u16, usize, usize) + Send + Sync,
) -> Vec<u16> {
    let mut halves = Vec::new();
    // SAFETY: passed on from the caller.
    unsafe { append(&mut halves, len, size, write) };
    halves
}

/// The same, put behind what is in `halves`.
///
/// # Safety
/// As [`halves`].
unsafe fn append(
    halves: &mut Vec<u16>,
    len: usize,
    size: usize,
    write: impl Fn(*mut u16, usize, usize) + Send + Sync,
) {
    halves.reserve_exact(len);
    let spare: &mut [MaybeUninit<u16>] = &mut halves.spare_capacity_mut()[..len];
    share_each(spare.chunks_mut(size), |i, part| {
        write(part.as_mut_ptr().cast(), i * size, part.len());
    });
    // SAFETY: there is room for them, and the caller promises that all values are written.
    unsafe { halves.set_len(halves.len() + len) };
}

/// Numbers in bf16 as f32.
pub(crate) fn widened(level: Level, halves: &[u16]) -> Vec<f32> {
    let write = |to: Shared| {
        tasks(halves.len(), chunk(halves.len(), 1), |start, count| {
            // SAFETY: tasks have their own values, inside both buffers.
            unsafe { widen_at(level, to.at(start), halves[start..].as_ptr(), count) };
        });
    };
    // SAFETY: the tasks cover all values.
    unsafe { filled(halves.len(), write) }
}

leveled! {
    /// Widens `len` bf16 numbers.
    ///
    /// # Safety
    /// Both sides must hold `len` values.
    pub(in crate::kernels) fn widen_at(to: *mut f32, from: *const u16, len: usize) = widen
}
#[inline(always)]
unsafe fn widen<S: Simd>(to: *mut f32, from: *const u16, len: usize) {
    // SAFETY: the sweep stays inside `len`.
    unsafe {
        sweep!(S, len, |at, part| {
            part.store::<S>(to.add(at), part.load_bf16::<S>(from.add(at)));
        });
    }
}

leveled! {
    /// Rounds `len` values to bf16.
    ///
    /// # Safety
    /// Both sides must hold `len` values.
    fn round_at(to: *mut u16, from: *const f32, len: usize) = round
}
#[inline(always)]
unsafe fn round<S: Simd>(to: *mut u16, from: *const f32, len: usize) {
    // SAFETY: the sweep stays inside `len`.
    unsafe {
        sweep!(S, len, |at, part| {
            store::<S>(to.add(at), part.load::<S>(from.add(at)), part);
        });
    }
}

leveled! {
    /// Rounds `[rows, columns]` values, rows `from_step` apart, to bf16.
    ///
    /// # Safety
    /// Both sides must hold the rows.
    pub(in crate::kernels) fn round_rows_at(
        from: *const f32, from_step: usize, size: [usize; 2], to: *mut u16, to_step: usize,
    ) = round_rows
}
#[inline(always)]
unsafe fn round_rows<S: Simd>(
    from: *const f32,
    from_step: usize,
    [rows, columns]: [usize; 2],
    to: *mut u16,
    to_step: usize,
) {
    for row in 0..rows {
        // SAFETY: passed on from the caller.
        unsafe { round::<S>(to.add(row * to_step), from.add(row * from_step), columns) };
    }
}

/// Writes the lanes of `part`, rounded to bf16.
///
/// # Safety
/// The lanes must be writable; as [`Simd`].
#[inline(always)]
pub(super) unsafe fn store<S: Simd>(to: *mut u16, value: S::F, part: impl Part) {
    // SAFETY: passed on from the caller.
    unsafe {
        // some NaN would round to zero; the minimum takes infinity in their place
        part.store_bf16::<S>(to, S::min(value, S::splat(f32::INFINITY)));
    }
}

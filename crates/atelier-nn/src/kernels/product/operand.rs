//! Rows of numbers that are multiplied: as they are, or rounded once for several products.

use super::super::level::{Level, Simd};
use super::super::memory::{Shared, chunk, filled};
use super::super::pointwise::kept::widen_at;
use super::halves::{LINE, half_rows, row_step};
use super::units::{Line, Units};
use crate::kernels::share::share;

/// Rows of `width` numbers.
#[derive(Clone, Copy)]
pub(crate) enum Operand<'a> {
    /// f32, row after row.
    Floats { values: &'a [f32], width: usize },
    /// Rounded to bf16. For products with weights of that format alone.
    Halves(Halves<'a>),
}

/// Rows of numbers rounded to bf16, with zeros behind them up to whole lines of units.
#[derive(Clone, Copy)]
pub(crate) struct Halves<'a> {
    /// All numbers, each row [`Self::step`] after the one before.
    pub(super) numbers: &'a [u16],
    pub(super) width: usize,
    /// Numbers from one row to the next, an even count.
    pub(super) step: usize,
    pub(super) count: usize,
}

impl<'a> Operand<'a> {
    /// Whole rows of `width` numbers.
    pub(crate) fn floats(values: &'a [f32], width: usize) -> Self {
        debug_assert!(values.len().is_multiple_of(width.max(1)), "whole rows");
        Self::Floats { values, width }
    }

    /// Whole rows of `width` numbers in bf16, unless these have to be copied for products: because they do not fill whole
    /// lines of units.
    pub(crate) fn halves(numbers: &'a [u16], width: usize) -> Option<Self> {
        let is_whole = width.is_multiple_of(2 * LINE)
            && numbers.as_ptr().addr().is_multiple_of(align_of::<u32>());
        let rows = Halves {
            numbers,
            width,
            step: width,
            count: numbers.len() / width.max(1),
        };
        is_whole.then_some(Self::Halves(rows))
    }

    /// The same rows, some `count` at a time.
    pub(crate) fn parts(self, count: usize) -> impl Iterator<Item = Self> {
        let firsts = (0..self.count()).step_by(count.max(1));
        firsts.map(move |first| self.part(first, count.min(self.count() - first)))
    }

    /// `count` rows from the `first` on.
    fn part(self, first: usize, count: usize) -> Self {
        match self {
            Self::Floats { values, width } => Self::Floats {
                values: &values[first * width..][..count * width],
                width,
            },
            Self::Halves(rows) => Self::Halves(Halves {
                numbers: &rows.numbers[first * rows.step..][..count * rows.step],
                count,
                ..rows
            }),
        }
    }

    /// Numbers of a row.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Floats { width, .. } => width,
            Self::Halves(rows) => rows.width,
        }
    }

    /// How many rows there are.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Floats { values, width } => values.len() / width.max(1),
            Self::Halves(rows) => rows.count,
        }
    }
}

/// Rows of numbers rounded to bf16, in the order in which products with weights of that format read a left operand.
#[derive(Debug, Clone)]
pub(crate) struct HalfRows {
    width: usize,
    count: usize,
    units: Units,
}

impl HalfRows {
    /// Rounds rows of `width` numbers.
    pub(crate) fn new(level: Level, values: &[f32], width: usize) -> Self {
        let count = values.len() / width.max(1);
        let mut lines: Vec<Line> = Vec::with_capacity(count * row_step(width) / 16);
        if count > 0 {
            let to = lines.spare_capacity_mut().as_mut_ptr().cast();
            // SAFETY: there is room for the rows, all of whose units are written.
            unsafe {
                half_rows(level, values, width, to, row_step(width));
                lines.set_len(count * row_step(width) / 16);
            }
        }
        Self {
            width,
            count,
            units: Units(lines),
        }
    }

    /// The rows as products take them.
    pub(crate) fn operand(&self) -> Operand<'_> {
        Operand::Halves(self.rows())
    }

    fn rows(&self) -> Halves<'_> {
        let step = 2 * row_step(self.width);
        // SAFETY: each unit is two numbers, any bits of which are valid.
        let numbers =
            unsafe { std::slice::from_raw_parts(self.units.as_ptr().cast(), self.count * step) };
        Halves {
            numbers,
            width: self.width,
            step,
            count: self.count,
        }
    }

    /// The rows as f32.
    pub(crate) fn widened(&self, level: Level) -> Vec<f32> {
        let Halves {
            numbers,
            width,
            step,
            ..
        } = self.rows();
        let write = |to: Shared| {
            let size = chunk(self.count, width);
            share(self.count.div_ceil(size), |part| {
                for row in part * size..self.count.min((part + 1) * size) {
                    let from = numbers[row * step..][..width].as_ptr();
                    // SAFETY: parts have their own rows, all of them inside both buffers.
                    unsafe { widen_at(level, to.at(row * width), from, width) };
                }
            });
        };
        // SAFETY: all rows are written.
        unsafe { filled(self.count * width, write) }
    }
}

/// Numbers of either kind; those of [`Format::I16`] are f32.
#[derive(Clone, Copy)]
pub(super) enum Values<'a> {
    Floats(&'a [f32]),
    /// Rows of bf16, filled up to whole lines of units.
    Halves(&'a [u16]),
}

impl<'a> From<Operand<'a>> for Values<'a> {
    fn from(operand: Operand<'a>) -> Self {
        match operand {
            Operand::Floats { values, .. } => Self::Floats(values),
            Operand::Halves(rows) => Self::Halves(rows.numbers),
        }
    }
}

impl Values<'_> {
    /// `count` numbers of a row from `at` on, up to a vector or the end of the row, with zeros behind them.
    ///
    /// # Safety
    /// As [`Simd`]; the numbers must exist.
    #[inline(always)]
    pub(super) unsafe fn load<S: Simd>(self, at: usize, count: usize) -> S::F {
        // SAFETY: passed on from the caller.
        unsafe {
            match self {
                Self::Floats(values) => {
                    let from = values.as_ptr().add(at);
                    if count == S::LANES {
                        S::load(from)
                    } else {
                        S::load_first(from, count)
                    }
                }
                // rows are filled up with zeros to whole vectors
                Self::Halves(values) => S::load_bf16(values.as_ptr().add(at)),
            }
        }
    }
}

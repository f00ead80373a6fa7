//! Rows of numbers that are multiplied: as they are, or rounded once for several products.

use super::super::level::Level;
use super::super::memory::{Shared, chunk, filled};
use super::super::pointwise::kept::widen_at;
use super::halves::{half_rows, row_step};
use super::units::{Line, Units};
use crate::kernels::share::share;

/// Rows of `width` numbers.
#[derive(Clone, Copy)]
pub(crate) enum Operand<'a> {
    /// f32, row after row.
    Floats { values: &'a [f32], width: usize },
    /// Rounded to bf16. For products with weights of that format alone.
    Halves(&'a HalfRows),
}

impl<'a> Operand<'a> {
    /// Whole rows of `width` numbers.
    pub(crate) fn floats(values: &'a [f32], width: usize) -> Self {
        debug_assert!(values.len().is_multiple_of(width.max(1)), "whole rows");
        Self::Floats { values, width }
    }

    /// Numbers of a row.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Floats { width, .. } => width,
            Self::Halves(rows) => rows.width,
        }
    }

    /// How many rows there are.
    pub(super) fn count(self) -> usize {
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

    /// Units from one row to the next.
    pub(super) fn step(&self) -> usize {
        row_step(self.width)
    }

    pub(super) fn units(&self) -> *const u32 {
        self.units.as_ptr()
    }

    /// All numbers, rows twice [`Self::step`] apart.
    pub(super) fn numbers(&self) -> &[u16] {
        let count = 2 * self.count * self.step();
        // SAFETY: each unit is two numbers, any bits of which are valid.
        unsafe { std::slice::from_raw_parts(self.units().cast(), count) }
    }

    /// The rows as f32.
    pub(crate) fn widened(&self, level: Level) -> Vec<f32> {
        let (width, step, numbers) = (self.width, 2 * self.step(), self.numbers());
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

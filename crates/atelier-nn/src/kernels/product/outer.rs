//! Products that sum over rows: the gradients of weights.
//!
//! Both operands are turned so that rows lie along the summed dimension: the gradient of the output becomes a left operand
//! with one row for each output, the input becomes panels. A piece of rows at a time, so that sums stay short.

use std::cell::RefCell;
use std::ops::Range;

use super::super::level::{Level, Simd, leveled};
use super::super::memory::{Shared, filled};
use super::halves::{self, BLOCK, Panel, half_panel_at};
use super::operand::{Operand, Values};
use super::packed::{Format, NORM_LIMIT};
use super::scratch::with_units;
use super::tile::{Onto, Piece, Row, Target};
use super::units::Units;
use super::walk::{float_panel_at, whole_panel_at};
use super::whole::Extent;
use crate::kernels::share::{share, share_each};

/// Rows that are summed at once.
const PIECE: usize = 512;

/// Where the rows of an operand lie: `count` rows, `row(i)` is the first value of the `i`-th.
pub(super) struct Rows<'a> {
    pub(super) values: Values<'a>,
    pub(super) starts: &'a [usize],
    pub(super) width: usize,
}

/// `dW [outputs, inputs] = dyᵀ · x` of `dy [rows, outputs]` and `x [rows, inputs]`.
pub(crate) fn weight_gradient(
    level: Level,
    format: Format,
    dy: Operand<'_>,
    x: Operand<'_>,
) -> Vec<f32> {
    assert_eq!(dy.count(), x.count(), "rows of both operands");
    if dy.count() == 0 {
        return vec![0.0; dy.width() * x.width()];
    }
    let starts = |operand: Operand<'_>| {
        let step = match operand {
            Operand::Floats { width, .. } => width,
            Operand::Halves(rows) => rows.step,
        };
        (0..operand.count())
            .map(|row| row * step)
            .collect::<Vec<_>>()
    };
    let (dy_starts, x_starts) = (starts(dy), starts(x));
    let (outputs, inputs) = (dy.width(), x.width());
    let dy = Rows {
        values: dy.into(),
        starts: &dy_starts,
        width: outputs,
    };
    let sum = Sum::new(level, format, &dy);
    let x = Rows {
        values: x.into(),
        starts: &x_starts,
        width: inputs,
    };
    // SAFETY: the sum writes every value.
    unsafe {
        filled(outputs * inputs, |to| {
            sum.with(|sum| sum.product(&x, to, inputs));
        })
    }
}

/// The gradient of an output, ready to be multiplied with inputs.
pub(super) struct Sum<'a> {
    level: Level,
    format: Format,
    dy: &'a Rows<'a>,
}

/// [`Sum`] with its operand turned.
pub(super) struct Turned<'a> {
    sum: &'a Sum<'a>,
    units: *const u32,
    /// Factors of every piece and output.
    scales: Vec<f32>,
}

// SAFETY: the units are only read.
unsafe impl Sync for Turned<'_> {}

thread_local! {
    /// The panel that a thread works with.
    static PANEL: RefCell<Units> = RefCell::default();
}

fn pieces(rows: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    (0..rows)
        .step_by(PIECE)
        .map(move |start| start..rows.min(start + PIECE))
        .enumerate()
}

impl<'a> Sum<'a> {
    pub(super) fn new(level: Level, format: Format, dy: &'a Rows<'a>) -> Self {
        Self { level, format, dy }
    }

    /// Turns the gradient of the output and runs `f` with it.
    pub(super) fn with(&self, f: impl FnOnce(&Turned<'_>)) {
        let (rows, width) = (self.dy.starts.len(), self.dy.width);
        let lanes = self.level.lanes();
        let columns = width.next_multiple_of(lanes);
        let stride = self.format.units_of(PIECE);
        let count = rows.div_ceil(PIECE);
        with_units(count * columns * stride, |units| {
            let to = Shared::from_ptr(units.as_mut_ptr().cast());
            let mut scales = vec![1.0; count * width];
            let parts = pieces(rows).zip(scales.chunks_mut(width));
            share_each(parts, |_, ((index, piece), scales)| {
                let starts = &self.dy.starts[piece];
                let [factors, back] = self.factors(self.dy, starts, 0..width);
                scales.copy_from_slice(&back[..width]);
                for first in (0..width).step_by(lanes) {
                    let part = first..width.min(first + lanes);
                    let to = to.at((index * columns + first) * stride).cast::<u32>();
                    // SAFETY: there is room for every piece and output.
                    unsafe {
                        turn_at(
                            self.level,
                            self.format,
                            self.dy,
                            starts,
                            part,
                            factors[first..].as_ptr(),
                            to,
                            stride,
                        );
                    };
                }
            });
            f(&Turned {
                sum: self,
                units: units.as_ptr(),
                scales,
            });
        });
    }

    /// The factors that bring columns of a piece to whole numbers, and those that take them back; ones for f32.
    fn factors(&self, rows: &Rows<'_>, starts: &[usize], columns: Range<usize>) -> [Vec<f32>; 2] {
        let count = columns.len().next_multiple_of(self.level.lanes());
        let mut factors = [vec![1.0; count], vec![1.0; count]];
        if self.format == Format::I16 {
            let [to, back] = &mut factors;
            // SAFETY: rows are as long as the columns say; both vectors are filled up to whole lanes.
            unsafe { factors_at(self.level, rows, starts, columns, to, back) };
        }
        factors
    }
}

impl Turned<'_> {
    /// Writes `dyᵀ · x` to `to`, whose rows are `stride` apart.
    pub(super) fn product(&self, x: &Rows<'_>, to: Shared, stride: usize) {
        let width = self.sum.level.panel();
        let panels = x.width.div_ceil(width);
        share(panels, |panel| {
            PANEL.with_borrow_mut(|units| self.panel(x, panel * width, to, stride, units));
        });
    }

    fn panel(&self, x: &Rows<'_>, first: usize, to: Shared, stride: usize, units: &mut Units) {
        let Sum { level, format, dy } = *self.sum;
        let width = level.panel();
        let columns = first..x.width.min(first + width);
        let held = dy.width.next_multiple_of(level.lanes());
        let length = format.units_of(PIECE);
        units.grow(length * width + width);
        for (index, piece) in pieces(dy.starts.len()) {
            let starts = &x.starts[piece];
            let [mut factors, mut back] = self.sum.factors(x, starts, columns.clone());
            factors.resize(width, 0.0);
            back.resize(width, 0.0);
            // SAFETY: the buffer holds a whole piece.
            unsafe {
                fill_at(
                    level,
                    format,
                    x,
                    starts,
                    columns.clone(),
                    factors.as_ptr(),
                    units.as_mut_ptr(),
                );
            };
            let rows: Vec<Row> = (0..dy.width)
                .map(|output| Row {
                    from: self.units.wrapping_add((index * held + output) * length),
                    to: output * stride,
                    scale: self.scales[index * dy.width + output],
                })
                .collect();
            let target = Target {
                to: to.at(first),
                columns: columns.len(),
                column_scales: if format == Format::I16 {
                    back.as_ptr()
                } else {
                    std::ptr::null()
                },
                onto: if index == 0 {
                    Onto::Nothing
                } else {
                    Onto::Target
                },
            };
            let (depth, pieces) = (format.units_of(starts.len()), [Piece { row: 0, panel: 0 }]);
            // SAFETY: rows and panel hold `depth` units; columns of the result belong to this panel.
            unsafe {
                match format {
                    Format::F32 => {
                        float_panel_at(level, &rows, units.as_ptr(), &pieces, depth, target);
                    }
                    Format::Bf16 => {
                        let left = halves::Left::new(level, &rows, &pieces, depth, width);
                        let panel = Panel {
                            units: units.as_ptr(),
                            block_step: BLOCK,
                        };
                        half_panel_at(level, &left, panel, target);
                    }
                    Format::I16 => {
                        whole_panel_at(level, &rows, units.as_ptr(), &pieces, depth, target);
                    }
                }
            }
        }
    }
}

/// A vector of units for rows `index` (f32) or `2 index` and the next (i16, bf16), of up to `LANES` columns.
#[inline(always)]
unsafe fn unit_row<S: Simd>(
    format: Format,
    rows: &Rows<'_>,
    starts: &[usize],
    index: usize,
    columns: Range<usize>,
    factors: *const f32,
) -> S::I {
    // SAFETY: rows hold the columns; factors are filled up to whole vectors.
    unsafe {
        let load = |row: usize| match starts.get(row) {
            Some(start) => rows.values.load::<S>(start + columns.start, columns.len()),
            None => S::splat(0.0),
        };
        match format {
            Format::F32 => {
                let mut units = [0.0f32; 16];
                S::store(units.as_mut_ptr(), load(index));
                S::int_load(units.as_ptr().cast())
            }
            Format::I16 => {
                let factors = S::load(factors);
                S::pair(
                    S::mul(load(2 * index), factors),
                    S::mul(load(2 * index + 1), factors),
                )
            }
            Format::Bf16 => S::halves(load(2 * index), load(2 * index + 1)),
        }
    }
}

/// The columns of `range`, up to a vector of them, as rows of `count` units, `stride` apart.
///
/// # Safety
/// `to` must hold `LANES` rows of `count` units, rounded up to whole vectors.
#[inline(always)]
unsafe fn turn<S: Simd>(
    format: Format,
    rows: &Rows<'_>,
    starts: &[usize],
    range: Range<usize>,
    factors: *const f32,
    to: *mut u32,
    stride: usize,
) {
    let count = format.units_of(starts.len());
    let mut block = [0u32; 256];
    for first in (0..count).step_by(S::LANES) {
        for i in 0..S::LANES {
            // SAFETY: the block has room for `LANES` rows; rows past the end are zeros.
            unsafe {
                let units = unit_row::<S>(format, rows, starts, first + i, range.clone(), factors);
                S::int_store(block.as_mut_ptr().add(i * S::LANES), units);
            }
        }
        // SAFETY: passed on from the caller.
        unsafe { S::transpose(block.as_ptr(), S::LANES, to.add(first), stride) };
    }
}

/// Writes a panel of the columns in `range`: for every unit of the rows one vector after the other.
///
/// # Safety
/// `to` must hold a panel's width for every unit; `factors` must be filled up to the width.
#[inline(always)]
unsafe fn fill<S: Simd>(
    format: Format,
    rows: &Rows<'_>,
    starts: &[usize],
    range: Range<usize>,
    factors: *const f32,
    to: *mut u32,
) {
    let width = S::LANES * S::PANEL_VECTORS;
    let count = format.units_of(starts.len());
    for index in 0..count {
        for first in (0..width).step_by(S::LANES) {
            let columns =
                (range.start + first).min(range.end)..range.end.min(range.start + first + S::LANES);
            // SAFETY: passed on from the caller.
            unsafe {
                let units = if columns.is_empty() {
                    S::int_zero()
                } else {
                    unit_row::<S>(format, rows, starts, index, columns, factors.add(first))
                };
                S::int_store(to.add(index * width + first), units);
            }
        }
    }
}

/// The factors of columns that bring them to whole numbers, and those that take them back.
///
/// # Safety
/// `to` and `back` must be filled up to whole vectors.
#[inline(always)]
unsafe fn factors<S: Simd>(
    rows: &Rows<'_>,
    starts: &[usize],
    range: Range<usize>,
    to: &mut [f32],
    back: &mut [f32],
) {
    for first in range.clone().step_by(S::LANES) {
        let count = (range.end - first).min(S::LANES);
        let (mut squares, mut greatest) = ([0.0f32; 16], [0.0f32; 16]);
        // SAFETY: rows hold the columns; the arrays hold a vector.
        unsafe {
            let zero = S::splat(0.0);
            let (mut sum, mut most) = (zero, zero);
            for start in starts {
                let x = rows.values.load::<S>(start + first, count);
                sum = S::fma(x, x, sum);
                most = S::max(S::max(x, S::sub(zero, x)), most);
            }
            S::store(squares.as_mut_ptr(), sum);
            S::store(greatest.as_mut_ptr(), most);
        }
        for i in 0..count {
            let extent = Extent {
                squares: squares[i],
                greatest: greatest[i],
            };
            let at = first - range.start + i;
            [to[at], back[at]] = extent.factors(NORM_LIMIT);
        }
    }
}

leveled! {
    fn turn_at(
        format: Format,
        rows: &Rows<'_>,
        starts: &[usize],
        range: Range<usize>,
        factors: *const f32,
        to: *mut u32,
        stride: usize,
    ) = turn
}
leveled! {
    fn fill_at(
        format: Format,
        rows: &Rows<'_>,
        starts: &[usize],
        range: Range<usize>,
        factors: *const f32,
        to: *mut u32,
    ) = fill
}
leveled! {
    fn factors_at(rows: &Rows<'_>, starts: &[usize], range: Range<usize>, to: &mut [f32], back: &mut [f32]) = factors
}

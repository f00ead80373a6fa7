//! Products that sum over rows: the gradients of weights.
//!
//! Both operands are turned so that rows lie along the summed dimension: the gradient of the output becomes a left operand
//! with one row for each output, the input becomes panels. A piece of rows at a time, so that sums stay short.

mod loops;

use std::cell::RefCell;
use std::ops::Range;

use super::super::level::Level;
use super::super::memory::{Shared, filled};
use super::halves::{self, BLOCK, Panel, half_panel_at};
use super::operand::{Operand, Values};
use super::packed::Format;
use super::scratch::with_units;
use super::tile::{Onto, Piece, Row, Target};
use super::units::Units;
use super::walk::{float_panel_at, whole_panel_at};
use crate::kernels::share::{share, share_each};
use loops::{factors_at, fill_at, turn_at};

/// Rows that are summed at once.
const PIECE: usize = 512;

/// A product of the turned operand: with `x`, each row of which starts `offset` values further, to a place of its own.
pub(super) struct Shifted {
    pub(super) offset: usize,
    pub(super) to: Shared,
}

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
            sum.with(|sum| sum.products(&x, &[Shifted { offset: 0, to }], inputs));
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

/// Rows of both operands that are summed at once, and columns of a panel.
struct Part<'a> {
    index: usize,
    starts: &'a [usize],
    columns: Range<usize>,
}

/// Units from one row of the turned operand to the next.
fn stride_of(format: Format) -> usize {
    match format {
        Format::Bf16 => halves::row_step(PIECE),
        Format::F32 | Format::I16 => format.units_of(PIECE),
    }
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
        let stride = stride_of(self.format);
        let count = rows.div_ceil(PIECE);
        with_units(count * columns * stride, |units| {
            let to = Shared::from_ptr(units.as_mut_ptr().cast());
            let mut scales = vec![1.0; count * width];
            let parts = pieces(rows).zip(scales.chunks_mut(width));
            share_each(parts, |_, ((index, piece), scales)| {
                let starts = &self.dy.starts[piece];
                let [factors, back] = self.factors(self.dy, starts, 0..width);
                scales.copy_from_slice(&back[..width]);
                let to = to.at(index * columns * stride).cast::<u32>();
                let (level, format) = (self.level, self.format);
                // SAFETY: there is room for every piece and output; factors are filled up to whole vectors.
                unsafe { turn_at(level, format, self.dy, starts, &factors, to, stride) };
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
    /// Writes `dyᵀ · x` for every shift of `x`, to rows that are `stride` apart. All shifts of some rows and columns come one
    /// after the other, as long as these are in a near cache.
    pub(super) fn products(&self, x: &Rows<'_>, shifts: &[Shifted], stride: usize) {
        let width = self.sum.level.panel();
        let panels = x.width.div_ceil(width);
        share(panels, |panel| {
            PANEL.with_borrow_mut(|units| {
                for (index, piece) in pieces(self.sum.dy.starts.len()) {
                    let part = Part {
                        index,
                        starts: &x.starts[piece],
                        columns: panel * width..x.width.min((panel + 1) * width),
                    };
                    let rows = self.rows(&part, stride);
                    for shift in shifts {
                        self.part(x, &part, &rows, shift, units);
                    }
                }
            });
        });
    }

    /// The turned operand's rows for a piece of the sum.
    fn rows(&self, part: &Part<'_>, stride: usize) -> Vec<Row> {
        let Sum { level, format, dy } = *self.sum;
        let held = dy.width.next_multiple_of(level.lanes());
        let length = stride_of(format);
        let row = |output| Row {
            from: self
                .units
                .wrapping_add((part.index * held + output) * length),
            to: output * stride,
            scale: self.scales[part.index * dy.width + output],
        };
        (0..dy.width).map(row).collect()
    }

    /// Adds the products of a piece of the sum with a panel of shifted columns to their place; the first piece writes there.
    fn part(
        &self,
        x: &Rows<'_>,
        part: &Part<'_>,
        rows: &[Row],
        shift: &Shifted,
        units: &mut Units,
    ) {
        let Sum { level, format, .. } = *self.sum;
        let Part {
            index,
            starts,
            ref columns,
        } = *part;
        let width = level.panel();
        let shifted = columns.start + shift.offset..columns.end + shift.offset;
        let depth = format.units_of(starts.len());
        let block_step = depth * BLOCK;
        let parts = format == Format::Bf16 && level.multiplies_matrices();
        let layout = if parts {
            [BLOCK, block_step]
        } else {
            [width, 0]
        };
        units.grow(depth * width + width);
        let [mut factors, mut back] = self.sum.factors(x, starts, shifted.clone());
        factors.resize(width, 0.0);
        back.resize(width, 0.0);
        // SAFETY: the buffer holds a whole piece.
        unsafe {
            fill_at(
                level,
                format,
                x,
                starts,
                shifted,
                factors.as_ptr(),
                units.as_mut_ptr(),
                layout,
            );
        };
        let target = Target {
            to: shift.to.at(columns.start),
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
        let pieces = [Piece { row: 0, panel: 0 }];
        // SAFETY: rows and panel hold `depth` units; columns of the result belong to this panel.
        unsafe {
            match format {
                Format::F32 => {
                    float_panel_at(level, rows, units.as_ptr(), &pieces, depth, target);
                }
                Format::Bf16 => {
                    let left = halves::Left::new(level, rows, &pieces, depth, layout[0]);
                    let panel = Panel {
                        units: units.as_ptr(),
                        block_step,
                    };
                    half_panel_at(level, &left, panel, target);
                }
                Format::I16 => {
                    whole_panel_at(level, rows, units.as_ptr(), &pieces, depth, target);
                }
            }
        }
    }
}

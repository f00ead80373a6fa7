//! The walk of a matrix product: blocks of rows, panels of columns, pieces of the summed dimension.

use std::cell::RefCell;
use std::ops::Range;

use super::super::level::{TILE_ROWS, leveled};
use super::super::memory::Shared;
use super::halves::{Panel, half_panel_at};
use super::packed::{Format, Packed, chunk_length};
use super::tile::{Onto, Piece, Row, Target, float_panel, whole_panel};
use super::units::Units;
use crate::kernels::share::share;

/// Units of the left operand that one block of rows may take, so that it stays in the second-level cache.
const BLOCK_UNITS: usize = 80 * 1024;
/// Most rows of a block.
const BLOCK_ROWS: usize = 264;
/// The same for pairs of bf16, so that what is prepared of weights is shared by many rows.
const MATRIX_UNITS: usize = 384 * 1024;
/// Most rows of such a block.
const MATRIX_ROWS: usize = 1024;
/// What its rows are a multiple of.
const MATRIX_STEP: usize = 32;
/// Pieces of work that a product is cut into at least, where it is large enough.
const TASKS: usize = 12;

/// Which side of the weights is summed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Inputs, for outputs.
    Forward,
    /// Outputs, for the gradient of the inputs.
    Gradient,
}

/// A row of the product: its first unit of the left operand, and its first value in the result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// A tap of the kernel: what is added to every row's place, and which tap of the weights is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tap {
    pub(super) row: usize,
    pub(super) tap: usize,
}

/// Factors that bring the left operand's whole numbers back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scales<'a> {
    /// They are no whole numbers.
    Exact,
    /// One factor for each chunk and row, chunk by chunk.
    Rows(&'a [f32]),
}

impl Scales<'_> {
    fn of(self, chunk: usize, row: usize, rows: usize) -> f32 {
        match self {
            Scales::Exact => 1.0,
            Scales::Rows(scales) => scales[chunk * rows + row],
        }
    }
}

/// A left operand, ready for a product with weights.
pub(super) struct Left<'a> {
    /// Units, of the format of the weights.
    pub(super) units: *const u32,
    pub(super) scales: Scales<'a>,
    pub(super) rows: &'a [Place],
    pub(super) taps: &'a [Tap],
}

// SAFETY: the units are only read.
unsafe impl Sync for Left<'_> {}

/// What the products are added to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a> {
    /// Nothing.
    Zero,
    /// One value for each column.
    Bias(&'a [f32]),
    /// What is in the result.
    Result,
}

/// [`chunk_length`] for pairs of bf16: 32 columns of a panel stay in the first cache, where there is one tap.
fn matrix_chunk(depth: usize, taps: usize) -> usize {
    let limit = if taps == 1 { 384 } else { 320 };
    let parts = depth.div_ceil(limit).max(1);
    depth.div_ceil(parts).next_multiple_of(64)
}

/// Lengths of one product.
struct Sizes {
    columns: usize,
    chunks: Vec<Range<usize>>,
    block: usize,
    group: usize,
}

impl Sizes {
    fn new(left: &Left<'_>, weights: &Packed, direction: Direction) -> Self {
        let (columns, depth) = match direction {
            Direction::Forward => (weights.columns, weights.depth),
            Direction::Gradient => (weights.depth, weights.columns),
        };
        let length = match weights.format {
            Format::Bf16 => matrix_chunk(depth, weights.taps),
            Format::F32 | Format::I16 => chunk_length(depth, weights.taps),
        };
        let chunks = (0..depth).step_by(length);
        let chunks = chunks
            .map(|start| start..depth.min(start + length))
            .collect();
        let rows = left.rows.len();
        let units = weights.units_of(depth);
        let (most, step) = if weights.format == Format::Bf16 {
            ((MATRIX_UNITS / units).clamp(64, MATRIX_ROWS), MATRIX_STEP)
        } else {
            ((BLOCK_UNITS / units).clamp(48, BLOCK_ROWS), TILE_ROWS)
        };
        let blocks = rows.div_ceil(most);
        let block = rows.div_ceil(blocks).next_multiple_of(step);
        let panels = columns.div_ceil(weights.level.panel());
        let groups = TASKS.div_ceil(blocks).min(panels);
        Self {
            columns,
            chunks,
            block,
            group: panels.div_ceil(groups),
        }
    }
}

/// Multiplies `left` with `weights` in `direction` and puts the result to `to`.
///
/// # Safety
/// Rows of `left` must be readable over all taps and the whole summed dimension, and no other thread may use the values of
/// the result's rows.
pub(super) unsafe fn product(
    left: &Left<'_>,
    weights: &Packed,
    direction: Direction,
    start: Start<'_>,
    to: Shared,
) {
    if left.rows.is_empty() {
        return;
    }
    let sizes = Sizes::new(left, weights, direction);
    let width = weights.level.panel();
    let blocks = left.rows.len().div_ceil(sizes.block);
    let groups = sizes.columns.div_ceil(width * sizes.group);
    let task = |index: usize| {
        let block = index / groups * sizes.block;
        let block = block..left.rows.len().min(block + sizes.block);
        let first = index % groups * sizes.group;
        let last = sizes.columns.div_ceil(width).min(first + sizes.group);
        let part = Part {
            left,
            weights,
            direction,
            start,
            to,
            sizes: &sizes,
        };
        part.run(block, first..last);
    };
    share(blocks * groups, task);
}

/// One product, as its tasks see it.
struct Part<'a> {
    left: &'a Left<'a>,
    weights: &'a Packed,
    direction: Direction,
    start: Start<'a>,
    to: Shared,
    sizes: &'a Sizes,
}

thread_local! {
    /// The turned or widened panel that a thread works with.
    static TURNED: RefCell<Units> = RefCell::default();
}

impl Part<'_> {
    fn run(&self, block: Range<usize>, panels: Range<usize>) {
        let (left, weights, chunks) = (self.left, self.weights, &self.sizes.chunks);
        let mut rows = Vec::with_capacity(block.len() * chunks.len());
        for (index, chunk) in chunks.iter().enumerate() {
            let first = weights.units_of(chunk.start);
            rows.extend(block.clone().map(|row| Row {
                from: left.units.wrapping_add(left.rows[row].from + first),
                to: left.rows[row].to,
                scale: left.scales.of(index, row, left.rows.len()),
            }));
        }
        TURNED.with_borrow_mut(|turned| {
            for panel in panels {
                for (index, chunk) in chunks.iter().enumerate() {
                    let rows = &rows[index * block.len()..][..block.len()];
                    // SAFETY: passed on from the caller of `product`.
                    unsafe { self.panel(rows, panel, index, chunk.clone(), turned) };
                }
            }
        });
    }

    /// # Safety
    /// As [`product`].
    unsafe fn panel(
        &self,
        rows: &[Row],
        panel: usize,
        index: usize,
        chunk: Range<usize>,
        turned: &mut Units,
    ) {
        let weights = self.weights;
        let width = weights.level.panel();
        let (first, depth) = (panel * width, weights.units_of(chunk.len()));
        let turns = self.direction == Direction::Gradient;
        // What does not lie in the panels as it is wanted is prepared, tap by tap.
        let (units, step) = if turns || weights.is_narrow() {
            let held = if turns {
                chunk.len().next_multiple_of(width)
            } else {
                chunk.len()
            };
            let step = weights.units_of(held) * width;
            turned.grow(step * self.left.taps.len());
            for (i, tap) in self.left.taps.iter().enumerate() {
                let to = turned.as_mut_ptr().wrapping_add(i * step);
                // SAFETY: there is room for every tap; the panel exists.
                unsafe {
                    if turns {
                        weights.turn(to, tap.tap, first, chunk.clone());
                    } else {
                        weights.widen_panel(to, panel, tap.tap, chunk.clone());
                    }
                }
            }
            (turned.as_ptr(), Some(step))
        } else {
            let start = weights.units_of(chunk.start) * width;
            (weights.panel(panel).wrapping_add(start), None)
        };
        let pieces = self.left.taps.iter().enumerate().map(|(i, tap)| Piece {
            row: tap.row,
            panel: step.map_or(weights.tap_units() * tap.tap, |step| step * i),
        });
        let pieces: Vec<Piece> = pieces.collect();
        let onto = match self.start {
            _ if index > 0 => Onto::Target,
            Start::Zero => Onto::Nothing,
            Start::Bias(bias) => Onto::Row(&bias[first..]),
            Start::Result => Onto::Target,
        };
        let scales = match (self.direction, weights.format) {
            (Direction::Forward, Format::I16) => weights.scales[first..].as_ptr(),
            _ => std::ptr::null(),
        };
        let target = Target {
            to: self.to.at(first),
            columns: (self.sizes.columns - first).min(width),
            column_scales: scales,
            onto,
        };
        // SAFETY: passed on from the caller of `product`.
        unsafe {
            match weights.format {
                Format::F32 => float_panel_at(weights.level, rows, units, &pieces, depth, target),
                Format::I16 => whole_panel_at(weights.level, rows, units, &pieces, depth, target),
                Format::Bf16 => {
                    let panel = Panel {
                        units,
                        pieces: &pieces,
                        depth,
                    };
                    half_panel_at(weights.level, rows, &panel, target);
                }
            }
        }
    }
}

leveled! {
    pub(super) fn float_panel_at(rows: &[Row], units: *const u32, pieces: &[Piece], depth: usize, target: Target<'_>) = float_panel
}
leveled! {
    pub(super) fn whole_panel_at(rows: &[Row], units: *const u32, pieces: &[Piece], depth: usize, target: Target<'_>) = whole_panel
}

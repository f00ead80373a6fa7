//! What a task of a product does: some rows meet some panels, chunk by chunk of the summed dimension.

use std::cell::RefCell;
use std::ops::Range;

use super::super::super::level::leveled;
use super::super::super::memory::Shared;
use super::super::super::pointwise::kept::round_rows_at;
use super::super::halves::{self, BLOCK, Panel, half_panel_at};
use super::super::packed::Format;
use super::super::tile::{Onto, Piece, Row, Target, float_panel, whole_panel};
use super::super::units::Units;
use super::{Direction, Output, Sizes, Start, Term};

/// One product, as its tasks see it.
pub(super) struct Part<'a> {
    pub(super) terms: &'a [Term<'a>],
    pub(super) direction: Direction,
    pub(super) start: Start<'a>,
    pub(super) to: Output,
    pub(super) sizes: &'a Sizes,
}

/// Rows from which on panels are parted before they are used: the time for that is small beside that of the products then.
const PARTED_ROWS: usize = 128;

/// How the panels of a chunk of the summed dimension lie.
struct Layout {
    /// Units of a tap, where panels are prepared.
    prepared: Option<usize>,
    /// Whether they are prepared in parts of [`BLOCK`] columns.
    parts: bool,
    /// Units between those of a panel, and from the first columns of that number to the next.
    row_step: usize,
    block_step: usize,
    /// The taps.
    pieces: Vec<Piece>,
}

impl Layout {
    /// How the panels of a chunk lie when they meet so many rows.
    fn new(term: &Term<'_>, chunk: &Range<usize>, direction: Direction, rows: usize) -> Self {
        let (weights, width) = (term.weights, term.weights.level.panel());
        let turns = direction == Direction::Gradient;
        let parts = weights.format == Format::Bf16
            && weights.level.multiplies_matrices()
            && (turns || rows >= PARTED_ROWS);
        let held = if turns {
            chunk.len().next_multiple_of(width)
        } else {
            chunk.len()
        };
        let tap = weights.units_of(held) * width;
        let prepared = (turns || parts || weights.is_narrow()).then_some(tap);
        let pieces = term.left.taps.iter().enumerate().map(|(i, tap)| Piece {
            row: tap.row,
            panel: prepared.map_or(weights.tap_units() * tap.tap, |units| units * i),
        });
        let [row_step, block_step] = if parts {
            [BLOCK, tap / (width / BLOCK)]
        } else {
            [width, BLOCK]
        };
        Self {
            prepared,
            parts,
            row_step,
            block_step,
            pieces: pieces.collect(),
        }
    }
}

/// One chunk of the summed dimension of a term.
struct Piecewise<'a> {
    term: &'a Term<'a>,
    chunk: Range<usize>,
    rows: Vec<Row>,
    layout: Layout,
}

/// The same, as the rows of a task meet all its panels.
struct Pass<'a> {
    of: &'a Piecewise<'a>,
    is_first: bool,
    depth: usize,
    /// The rows, where they are pairs of bf16.
    halves: Option<halves::Left<'a>>,
}

thread_local! {
    /// The turned, parted or widened panel that a thread works with.
    static TURNED: RefCell<Units> = RefCell::default();
    /// Sums that are rounded when they are complete.
    static SUMS: RefCell<Units> = RefCell::default();
}

/// A task: rows, and panels.
struct Work {
    block: Range<usize>,
    panels: Range<usize>,
}

/// Where sums lie until they are rounded: those of a panel, or those of all panels of a task.
#[derive(Clone, Copy)]
struct Sums {
    at: *mut f32,
    /// Values from one row to the next, and from one panel to the next.
    row_step: usize,
    panel_step: usize,
}

impl Part<'_> {
    pub(super) fn run(&self, block: Range<usize>, panels: Range<usize>) {
        let width = self.terms[0].weights.level.panel();
        let work = Work { block, panels };
        let Output::Halves(to) = self.to else {
            return self.run_passes(&work, None);
        };
        SUMS.with_borrow_mut(|sums| {
            let [row_step, panel_step] = if self.sizes.by_chunk {
                [work.panels.len() * width, width]
            } else {
                [width, 0]
            };
            sums.grow(work.block.len() * row_step);
            let at = sums.as_mut_ptr().cast();
            let sums = Sums {
                at,
                row_step,
                panel_step,
            };
            self.run_passes(&work, Some((sums, to)));
        });
    }

    fn run_passes(&self, work: &Work, rounded: Option<(Sums, Shared<u16>)>) {
        let Work { block, panels } = work;
        let row_step = rounded.map(|(sums, _)| sums.row_step);
        let chunks = self.terms.iter();
        let chunks = chunks.flat_map(|term| self.chunks(term, block, row_step));
        let chunks: Vec<Piecewise> = chunks.collect();
        let width = self.terms[0].weights.level.panel();
        let passes = chunks.iter().enumerate().map(|(index, of)| {
            let (weights, layout) = (of.term.weights, &of.layout);
            let depth = weights.units_of(of.chunk.len());
            let halves = || {
                let pieces = &layout.pieces;
                halves::Left::new(weights.level, &of.rows, pieces, depth, layout.row_step)
            };
            Pass {
                of,
                is_first: index == 0,
                depth,
                halves: (weights.format == Format::Bf16).then(halves),
            }
        });
        let passes: Vec<Pass> = passes.collect();
        TURNED.with_borrow_mut(|turned| {
            // SAFETY: passed on from the caller of `product`.
            let mut one = |panel: usize, pass: &Pass| unsafe {
                let to = match (rounded, self.to) {
                    (Some((sums, _)), _) => sums
                        .at
                        .wrapping_add((panel - panels.start) * sums.panel_step),
                    (None, Output::Floats(to)) => to.at(panel * width),
                    (None, Output::Halves(_)) => unreachable!("sums are rounded"),
                };
                self.panel(panel, pass, to, turned);
            };
            let of_first = |pass: &&Pass| std::ptr::eq(pass.of.term, &raw const self.terms[0]);
            let alone = if self.sizes.by_chunk {
                passes.iter().filter(of_first).count().saturating_sub(1)
            } else {
                0
            };
            let (alone, together) = passes.split_at(alone);
            for pass in alone {
                panels.clone().for_each(|panel| one(panel, pass));
            }
            for panel in panels.clone() {
                for pass in together {
                    one(panel, pass);
                }
                if let Some((sums, to)) = rounded {
                    // SAFETY: the sums of the panel are complete; the result's values are this task's.
                    unsafe { self.round(block, panel, panel - panels.start, sums, to) };
                }
            }
        });
    }

    /// Rounds the sums of a panel, the `index`-th of a task, to their place.
    ///
    /// # Safety
    /// As [`product`].
    unsafe fn round(
        &self,
        block: &Range<usize>,
        panel: usize,
        index: usize,
        sums: Sums,
        to: Shared<u16>,
    ) {
        let weights = self.terms[0].weights;
        let (columns, width) = (self.sizes.columns, weights.level.panel());
        let first = panel * width;
        let from = sums.at.wrapping_add(index * sums.panel_step);
        let to = to.at(block.start * columns + first);
        let size = [block.len(), (columns - first).min(width)];
        // SAFETY: there are sums for every row, and room.
        unsafe { round_rows_at(weights.level, from, sums.row_step, size, to, columns) };
    }

    /// The chunks of a term, for a block of rows. Sums of rows lie `row_step` apart, or where the operand says.
    fn chunks<'t>(
        &self,
        term: &'t Term<'t>,
        block: &Range<usize>,
        row_step: Option<usize>,
    ) -> impl Iterator<Item = Piecewise<'t>> {
        let Term { left, weights } = *term;
        let [_, depth] = term.sides(self.direction);
        let length = term.chunk_length(depth).max(1);
        let chunks = (0..depth).step_by(length).enumerate();
        chunks.map(move |(index, start)| {
            let chunk = start..depth.min(start + length);
            let first = weights.units_of(start);
            let rows = block.clone().map(|row| Row {
                from: left.units.wrapping_add(left.rows[row].from + first),
                to: row_step.map_or(left.rows[row].to, |step| (row - block.start) * step),
                scale: left.scales.of(index, row, left.rows.len()),
            });
            Piecewise {
                term,
                rows: rows.collect(),
                layout: Layout::new(term, &chunk, self.direction, block.len()),
                chunk,
            }
        })
    }

    /// # Safety
    /// As [`product`].
    unsafe fn panel(&self, panel: usize, pass: &Pass<'_>, to: *mut f32, turned: &mut Units) {
        let Piecewise {
            term: Term { left, weights },
            chunk,
            rows,
            layout,
        } = pass.of;
        let width = weights.level.panel();
        let first = panel * width;
        // What does not lie in the panels as it is wanted is prepared, tap by tap.
        let units = if let Some(step) = layout.prepared {
            turned.grow(step * left.taps.len());
            for (i, tap) in left.taps.iter().enumerate() {
                let to = turned.as_mut_ptr().wrapping_add(i * step);
                let chunk = chunk.clone();
                // SAFETY: there is room for every tap; the panel exists.
                unsafe {
                    if self.direction == Direction::Gradient {
                        weights.turn(to, tap.tap, first, chunk, layout.parts);
                    } else if layout.parts {
                        weights.part_panel(to, panel, tap.tap, chunk);
                    } else {
                        weights.widen_panel(to, panel, tap.tap, chunk);
                    }
                }
            }
            turned.as_ptr()
        } else {
            let start = weights.units_of(chunk.start) * width;
            weights.panel(panel).wrapping_add(start)
        };
        let onto = match self.start {
            _ if !pass.is_first => Onto::Target,
            Start::Zero => Onto::Nothing,
            Start::Bias(bias) => Onto::Row(&bias[first..]),
            Start::Result => Onto::Target,
        };
        let scales = match (self.direction, weights.format) {
            (Direction::Forward, Format::I16) => weights.scales[first..].as_ptr(),
            _ => std::ptr::null(),
        };
        let target = Target {
            to,
            columns: (self.sizes.columns - first).min(width),
            column_scales: scales,
            onto,
        };
        let (pieces, depth) = (&layout.pieces, pass.depth);
        // SAFETY: passed on from the caller of `product`.
        unsafe {
            match (&pass.halves, weights.format) {
                (Some(rows), _) => {
                    let block_step = layout.block_step;
                    half_panel_at(weights.level, rows, Panel { units, block_step }, target);
                }
                (None, Format::I16) => {
                    whole_panel_at(weights.level, rows, units, pieces, depth, target);
                }
                (None, _) => float_panel_at(weights.level, rows, units, pieces, depth, target),
            }
        }
    }
}

leveled! {
    pub(in super::super) fn float_panel_at(rows: &[Row], units: *const u32, pieces: &[Piece], depth: usize, target: Target<'_>) = float_panel
}
leveled! {
    pub(in super::super) fn whole_panel_at(rows: &[Row], units: *const u32, pieces: &[Piece], depth: usize, target: Target<'_>) = whole_panel
}

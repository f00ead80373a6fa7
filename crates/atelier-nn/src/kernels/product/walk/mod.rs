//! The walk of a matrix product: blocks of rows, panels of columns, pieces of the summed dimension.

mod part;

use super::super::level::TILE_ROWS;
use super::super::memory::Shared;
use super::packed::{Format, Packed, chunk_length};
use crate::kernels::share::share;
use part::Part;

pub(super) use part::{float_panel_at, whole_panel_at};

/// Units of the left operand that one block of rows may take, so that it stays in the second-level cache.
const BLOCK_UNITS: usize = 80 * 1024;
/// Most rows of a block.
const BLOCK_ROWS: usize = 264;
/// The same for pairs of bf16, so that weights are prepared, and read, for many rows at a time.
const MATRIX_UNITS: usize = 384 * 1024;
/// Most rows of such a block.
const MATRIX_ROWS: usize = 1024;
/// Most sums that a task holds until they are rounded, unless one panel has more.
const MOST_SUMS: usize = 256 * 1024;
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
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    /// Units, of the format of the weights.
    pub(super) units: *const u32,
    pub(super) scales: Scales<'a>,
    pub(super) rows: &'a [Place],
    pub(super) taps: &'a [Tap],
}

// SAFETY: the units are only read.
unsafe impl Sync for Left<'_> {}

/// A left operand and the weights that it meets.
#[derive(Clone, Copy)]
pub(super) struct Term<'a> {
    pub(super) left: Left<'a>,
    pub(super) weights: &'a Packed,
}

impl Term<'_> {
    /// The columns of its product, and the numbers that are summed for each.
    fn sides(&self, direction: Direction) -> [usize; 2] {
        match direction {
            Direction::Forward => [self.weights.columns, self.weights.depth],
            Direction::Gradient => [self.weights.depth, self.weights.columns],
        }
    }

    /// The pieces in which a dimension of `depth` is summed.
    fn chunk_length(&self, depth: usize) -> usize {
        match self.weights.format {
            Format::Bf16 => matrix_chunk(depth, self.weights.taps),
            Format::F32 | Format::I16 => chunk_length(depth, self.weights.taps),
        }
    }
}

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

/// Where the result goes.
#[derive(Clone, Copy)]
pub(super) enum Output {
    Floats(Shared),
    /// Rounded to bf16, row after row; it does not hold anything to begin with.
    Halves(Shared<u16>),
}

/// Lengths of one product.
struct Sizes {
    columns: usize,
    block: usize,
    group: usize,
    /// Whether all panels of a task meet one chunk of the first term before the next; the other terms come with its last.
    by_chunk: bool,
}

impl Sizes {
    /// Those that suit the first term, which is the largest, and the place of the result.
    fn new(term: &Term<'_>, direction: Direction, to: Output) -> Self {
        let Term { left, weights } = term;
        let [columns, depth] = term.sides(direction);
        let rows = left.rows.len();
        // By chunks, only one of the left operand has to stay in the cache, more rows find room, and weights are turned for all of
        // them at once.
        let by_chunk = direction == Direction::Gradient;
        let chunk = term.chunk_length(depth).min(depth);
        let units = weights.units_of(if by_chunk { chunk } else { depth });
        let (most, step) = if weights.format == Format::Bf16 {
            ((MATRIX_UNITS / units).clamp(64, MATRIX_ROWS), MATRIX_STEP)
        } else {
            ((BLOCK_UNITS / units).clamp(48, BLOCK_ROWS), TILE_ROWS)
        };
        let blocks = rows.div_ceil(most);
        let block = rows.div_ceil(blocks).next_multiple_of(step);
        let panels = columns.div_ceil(weights.level.panel());
        let groups = TASKS.div_ceil(blocks).min(panels);
        let mut group = panels.div_ceil(groups);
        if by_chunk && matches!(to, Output::Halves(_)) {
            let most = MOST_SUMS / (block * weights.level.panel());
            group = group.min(most.max(1));
        }
        Self {
            columns,
            block,
            group,
            by_chunk,
        }
    }
}

/// Sums the products of `terms`, left operands with weights in `direction`, and puts the sum to `to`: the result has the
/// rows of the first term, which all others have too.
///
/// # Safety
/// Rows of left operands must be readable over all taps and the whole summed dimension, and with them what lies between; no
/// other thread may use the values of the result's rows.
pub(super) unsafe fn product(
    terms: &[Term<'_>],
    direction: Direction,
    start: Start<'_>,
    to: Output,
) {
    let [first, others @ ..] = terms else { return };
    let rows = first.left.rows.len();
    if rows == 0 {
        return;
    }
    let sizes = Sizes::new(first, direction, to);
    let width = first.weights.level.panel();
    for other in others {
        assert_eq!(other.left.rows.len(), rows, "rows of terms");
        assert_eq!(other.sides(direction)[0], sizes.columns, "columns of terms");
        assert_eq!(other.weights.level.panel(), width, "panels of terms");
    }
    let blocks = rows.div_ceil(sizes.block);
    let groups = sizes.columns.div_ceil(width * sizes.group);
    let task = |index: usize| {
        let block = index / groups * sizes.block;
        let block = block..rows.min(block + sizes.block);
        let first = index % groups * sizes.group;
        let last = sizes.columns.div_ceil(width).min(first + sizes.group);
        let part = Part {
            terms,
            direction,
            start,
            to,
            sizes: &sizes,
        };
        part.run(block, first..last);
    };
    share(blocks * groups, task);
}

//! Products of tiles of pairs, of bf16 with sums in f32 or of whole numbers with sums in i32.

use super::vectors;
use crate::kernels::level::Level;
#[cfg(target_arch = "x86_64")]
use crate::kernels::level::amx;
use crate::kernels::product::halves::LINE;

/// A left operand row after row, or a right one as rows of columns, one for every unit of the depth; and the units between
/// these rows.
type Operand<'a> = (&'a [u32], usize);

/// Operands of a product `[rows, depth]` times `[depth, columns]`, with two numbers of the depth in a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product<'a> {
    pub(super) left: Operand<'a>,
    pub(super) right: Operand<'a>,
    /// Rows and units of the depth that count, and columns, a multiple of 16.
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) columns: usize,
    /// How many such products are summed, and how many units their operands lie apart.
    pub(super) parts: usize,
    pub(super) apart: [usize; 2],
    /// Where units are pairs of whole numbers: what takes the rows of the left operand back, and the columns of the right one.
    pub(super) scales: Option<[&'a [f32]; 2]>,
}

/// Most products of a sum.
pub(super) const MOST_PARTS: usize = 8;

/// What products of a level are computed by, made ready.
#[derive(Debug)]
pub(super) struct Unit {
    level: Level,
}

/// Runs `f` with the unit that [`Product`]s need at a level. `f` must not call this function.
pub(super) fn with_unit<R>(level: Level, f: impl FnOnce(&Unit) -> R) -> R {
    let unit = Unit { level };
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: levels come from `Level::available`, so the processor has the unit. Both callers run a task in `f`, which
        // does not come back here.
        Level::Amx => unsafe { amx::with_unit(amx::SIDE, || f(&unit)) },
        _ => f(&unit),
    }
}

impl<'a> Product<'a> {
    /// One product of so many rows, units of the depth and columns: those that count. Where a unit multiplies whole registers, so
    /// does the product, for which operands and result have room up to the next multiples of 16, 16 and 32; what lies
    /// there in the operands is zero then.
    pub(super) fn new(
        left: Operand<'a>,
        right: Operand<'a>,
        [rows, depth, columns]: [usize; 3],
    ) -> Self {
        Self {
            left,
            right,
            rows,
            depth,
            columns: columns.next_multiple_of(16),
            parts: 1,
            apart: [0; 2],
            scales: None,
        }
    }

    /// The same of operands that [`super::packed::rows`] wrote, with their scales.
    pub(super) fn scaled(self, scales: [&'a [f32]; 2]) -> Self {
        Self {
            scales: (!scales[0].is_empty()).then_some(scales),
            ..self
        }
    }

    /// The sum of `parts` products, [`MOST_PARTS`] at most, whose operands lie `apart`.
    pub(super) fn summed(self, parts: usize, apart: [usize; 2]) -> Self {
        Self {
            parts,
            apart,
            ..self
        }
    }

    /// Writes the product to `out`, whose rows are `step` apart.
    pub(super) fn write(&self, unit: &Unit, out: &mut [f32], step: usize) {
        self.run(unit.level, out, step, false);
    }

    /// Adds the product to `out`.
    pub(super) fn add(&self, unit: &Unit, out: &mut [f32], step: usize) {
        self.run(unit.level, out, step, true);
    }

    /// The product of whole registers of the matrix unit.
    pub(super) fn of_registers(self) -> Self {
        Self {
            rows: self.rows.next_multiple_of(16),
            depth: self.depth.next_multiple_of(LINE),
            columns: self.columns.next_multiple_of(32),
            ..self
        }
    }

    fn run(&self, level: Level, out: &mut [f32], step: usize, add: bool) {
        if self.rows == 0 || self.depth == 0 || self.columns == 0 {
            return;
        }
        if level.multiplies_matrices() {
            self.of_registers().checked(level, out, step, add);
        } else {
            self.checked(level, out, step, add);
        }
    }

    pub(super) fn checked(&self, level: Level, out: &mut [f32], step: usize, add: bool) {
        let extent = |rows: usize, step: usize, width: usize| (rows - 1) * step + width;
        assert!((1..=MOST_PARTS).contains(&self.parts), "parts");
        let last = self.parts - 1;
        assert!(
            last * self.apart[0] + extent(self.rows, self.left.1, self.depth) <= self.left.0.len(),
            "left operand"
        );
        assert!(
            last * self.apart[1] + extent(self.depth, self.right.1, self.columns)
                <= self.right.0.len(),
            "right operand"
        );
        assert!(
            extent(self.rows, step, self.columns) <= out.len(),
            "product"
        );
        if let Some([rows, columns]) = self.scales {
            assert!(
                self.rows <= rows.len() && self.columns <= columns.len(),
                "scales"
            );
            assert!(!level.multiplies_matrices(), "the unit multiplies bf16");
            assert!(self.parts == 1, "an i32 holds one such product");
        }
        // SAFETY: all operands lie within their slices, as asserted, and the unit is ready.
        unsafe {
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Amx => matrices(self, out.as_mut_ptr(), step, add),
                _ => vectors::product(level, self, out.as_mut_ptr(), step, add),
            }
        }
    }
}

/// # Safety
/// Operands and result must have the lengths that the product says; inside [`amx::with_unit`].
#[cfg(target_arch = "x86_64")]
unsafe fn matrices(p: &Product<'_>, out: *mut f32, step: usize, add: bool) {
    let pieces: [amx::Piece; MOST_PARTS] = std::array::from_fn(|i| amx::Piece {
        left: [i * p.apart[0] * size_of::<u32>(); 2],
        panel: i * p.apart[1] * size_of::<u32>(),
        lines: p.depth / LINE,
    });
    let ends = pieces[..p.parts].as_ptr_range();
    for row in (0..p.rows).step_by(2 * amx::SIDE) {
        let both = row + amx::SIDE < p.rows;
        let left = [0, amx::SIDE].map(|i| p.left.0.as_ptr().wrapping_add((row + i) * p.left.1));
        for column in (0..p.columns).step_by(amx::BLOCK_COLUMNS) {
            let to = [0, amx::SIDE].map(|i| out.wrapping_add((row + i) * step + column));
            let bytes = step * size_of::<f32>();
            let block = amx::Block {
                left: amx::Strips {
                    first: left,
                    step: [p.left.1 * size_of::<u32>(); 2],
                },
                panel: p.right.0.as_ptr().wrapping_add(column),
                panel_step: p.right.1 * size_of::<u32>(),
                pieces: ends.start,
                pieces_end: ends.end,
                onto: if add {
                    amx::Strips {
                        first: to.map(<*mut f32>::cast_const),
                        step: [bytes; 2],
                    }
                } else {
                    amx::Strips {
                        first: [std::ptr::null(); 2],
                        step: [0; 2],
                    }
                },
                to: amx::Strips {
                    first: to,
                    step: [bytes; 2],
                },
            };
            // SAFETY: promised by the caller.
            unsafe {
                if both {
                    amx::multiply::<true>(&block);
                } else {
                    amx::multiply::<false>(&block);
                }
            }
        }
    }
}

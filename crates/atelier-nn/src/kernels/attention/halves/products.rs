//! Products of tiles of bf16 pairs with sums in f32.

#[cfg(target_arch = "x86_64")]
use crate::kernels::level::amx;
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::product::halves::LINE;

/// A left operand row after row, or a right one as rows of columns, one for every unit of the depth; and the units between
/// these rows.
type Operand<'a> = (&'a [u32], usize);

/// Operands of a product `[rows, depth]` times `[depth, columns]`, with two numbers of the depth in a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product<'a> {
    left: Operand<'a>,
    right: Operand<'a>,
    /// Multiples of 16, 16 and 32.
    rows: usize,
    depth: usize,
    columns: usize,
    /// How many such products are summed, and how many units their operands lie apart.
    parts: usize,
    apart: [usize; 2],
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
    /// One product of rows (a multiple of 16), units of the depth (of 16) and columns (of 32).
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
            columns,
            parts: 1,
            apart: [0; 2],
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

    fn run(&self, level: Level, out: &mut [f32], step: usize, add: bool) {
        if self.rows == 0 || self.depth == 0 || self.columns == 0 {
            return;
        }
        let extent = |rows: usize, step: usize, width: usize| (rows - 1) * step + width;
        assert!((1..=MOST_PARTS).contains(&self.parts), "parts");
        let last = self.parts - 1;
        assert!(
            self.rows.is_multiple_of(16)
                && self.depth.is_multiple_of(LINE)
                && self.columns.is_multiple_of(32),
            "whole registers"
        );
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
        // SAFETY: all operands lie within their slices, as asserted, and the unit is ready.
        unsafe {
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Amx => matrices(self, out.as_mut_ptr(), step, add),
                _ => widened_at(level, self, out.as_mut_ptr(), step, add),
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

/// # Safety
/// Operands and result must have the lengths that the product says.
#[inline(always)]
unsafe fn widened<S: Simd>(p: &Product, out: *mut f32, step: usize, add: bool) {
    for row in 0..p.rows {
        for column in (0..p.columns).step_by(S::LANES) {
            // SAFETY: promised by the caller.
            unsafe {
                let to = out.add(row * step + column);
                let mut sum = if add { S::load(to) } else { S::splat(0.0) };
                for at in 0..p.parts * p.depth {
                    let (part, unit) = (at / p.depth, at % p.depth);
                    let left = part * p.apart[0] + row * p.left.1 + unit;
                    let right = part * p.apart[1] + unit * p.right.1 + column;
                    let left = S::int_splat(*p.left.0.as_ptr().add(left));
                    let right = S::int_load(p.right.0.as_ptr().add(right));
                    let (left, right) = (S::halves_to_floats(left), S::halves_to_floats(right));
                    sum = S::fma(left[1], right[1], S::fma(left[0], right[0], sum));
                }
                S::store(to, sum);
            }
        }
    }
}

leveled! {
    fn widened_at(p: &Product, out: *mut f32, step: usize, add: bool) = widened
}

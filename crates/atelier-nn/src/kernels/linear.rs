//! Linear maps as blocked matrix products: forward, input gradient, weight and bias gradient.

use super::gemm::{PANEL, TILE_ROWS, first_lanes, pair_row, panel_tile, round_row, transpose16};
use super::memory::{Shared, chunk, filled};
use rayon::prelude::*;
use std::arch::x86_64::{
    __m512i, _mm512_add_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_storeu_epi32,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_epi32, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_storeu_si512,
};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Rows of the left operand handled together.
const BLOCK_ROWS: usize = 96;
/// Pairs of the summed dimension handled together.
const BLOCK_PAIRS: usize = 512;
/// Rows of input and gradient that a weight gradient takes in at a time.
const PIECE_ROWS: usize = 1024;
/// Pairs of a right operand that stay in the second-level cache.
const CACHED_PAIRS: usize = 128 * 1024;

/// The sizes of one linear map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) input: usize,
    pub(super) output: usize,
}

/// A left operand: rows of bf16 pairs, cut along the summed dimension into blocks of `[rows][stride]` pairs each.
struct Left {
    pairs: Vec<u32>,
    rows: usize,
    depth: usize,
    /// The part of the summed dimension that is handled together.
    step: usize,
    stride: usize,
}

/// A right operand: panels of 64 columns, each `[depth][64]` pairs.
struct Right {
    panels: Vec<u32>,
    columns: usize,
    depth: usize,
}

/// `y = x * weight^T + bias`.
pub(super) fn forward(shape: &Shape, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    rows_product(
        x,
        [shape.rows, shape.input],
        &Right::transposed(weight, shape.output, shape.input),
        bias,
    )
}

/// `dx = dy * weight`.
pub(super) fn input_gradient(shape: &Shape, dy: &[f32], weight: &[f32]) -> Vec<f32> {
    rows_product(
        dy,
        [shape.rows, shape.output],
        &Right::plain(weight, shape.output, shape.input),
        None,
    )
}

/// `dweight = dy^T * x`. Each thread sums its rows, a cache-sized piece at a time.
pub(super) fn weight_gradient(shape: &Shape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let threads = rayon::current_num_threads();
    if shape.rows < threads * PIECE_ROWS / 2 {
        let left = Left::columns(dy, shape.rows, shape.output);
        return product(&left, &Right::plain(x, shape.rows, shape.input), None);
    }
    let rows = shape.rows.div_ceil(threads).next_multiple_of(2);
    let sum_of = |(x, dy): (&[f32], &[f32])| {
        let pieces = x
            .chunks(PIECE_ROWS * shape.input)
            .zip(dy.chunks(PIECE_ROWS * shape.output));
        let run = |to: Shared| {
            for (i, (x, dy)) in pieces.enumerate() {
                let rows = x.len() / shape.input;
                let (left, right) = (
                    Left::columns(dy, rows, shape.output),
                    Right::plain(x, rows, shape.input),
                );
                for block in (0..left.rows).step_by(BLOCK_ROWS) {
                    for panel in 0..right.count() {
                        let rows = block..left.rows.min(block + BLOCK_ROWS);
                        block_product(
                            &left,
                            &right,
                            Before::Sum(i > 0),
                            to,
                            rows,
                            panel..panel + 1,
                        );
                    }
                }
            }
        };
        // SAFETY: the first piece writes all values.
        unsafe { filled(shape.output * shape.input, run) }
    };
    let mut parts: Vec<Vec<f32>> = x
        .par_chunks(rows * shape.input)
        .zip(dy.par_chunks(rows * shape.output))
        .map(sum_of)
        .collect();
    let mut total = parts.pop().unwrap_or_default();
    for part in parts {
        total
            .par_chunks_mut(65536)
            .zip(part.par_chunks(65536))
            .for_each(|(total, part)| {
                // SAFETY: only reached when the CPU has AVX-512; both are equally long.
                unsafe { add_row(total, part) };
            });
    }
    total
}

/// The column sums of `dy`.
pub(super) fn bias_gradient(shape: &Shape, dy: &[f32]) -> Vec<f32> {
    let size = chunk(shape.rows, shape.output) * shape.output;
    let sum = |rows: &[f32]| {
        let mut sums = vec![0.0; shape.output];
        for row in rows.chunks(shape.output) {
            // SAFETY: only reached when the CPU has AVX-512; a row is as long as the sums.
            unsafe { add_row(&mut sums, row) };
        }
        sums
    };
    let parts: Vec<Vec<f32>> = dy.par_chunks(size).map(sum).collect();
    let total = |column: usize| parts.iter().map(|part| part[column]).sum();
    (0..shape.output).map(total).collect()
}

/// # Safety
/// `row` must be as long as `sums`; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn add_row(sums: &mut [f32], row: &[f32]) {
    for (sums, row) in sums.chunks_mut(16).zip(row.chunks(16)) {
        let mask = first_lanes(row.len());
        // SAFETY: the mask has the length of both chunks.
        unsafe {
            let sum = _mm512_add_ps(
                _mm512_maskz_loadu_ps(mask, sums.as_ptr()),
                _mm512_maskz_loadu_ps(mask, row.as_ptr()),
            );
            _mm512_mask_storeu_ps(sums.as_mut_ptr(), mask, sum);
        }
    }
}

impl Left {
    /// The rows of a `[rows, columns]` matrix.
    fn rows(values: &[f32], rows: usize, columns: usize) -> Self {
        let depth = columns.div_ceil(2);
        let mut pairs = vec![0u32; rows * depth];
        let part = chunk(rows, columns);
        pairs
            .par_chunks_mut(part * depth)
            .zip(values.par_chunks(part * columns))
            .for_each(|(to, from)| {
                for (to, from) in to.chunks_mut(depth).zip(from.chunks(columns)) {
                    // SAFETY: only reached when the CPU has AVX-512 with BF16; `to` has room for `columns` halves.
                    unsafe { round_row(to.as_mut_ptr().cast(), from.as_ptr(), columns) };
                }
            });
        Self {
            pairs,
            rows,
            depth,
            step: depth.min(BLOCK_PAIRS),
            stride: depth,
        }
    }

    /// The columns of a `[rows, columns]` matrix.
    fn columns(values: &[f32], rows: usize, columns: usize) -> Self {
        let depth = rows.div_ceil(2);
        let step = (depth.div_ceil(4 * rayon::current_num_threads()))
            .next_multiple_of(16)
            .min(BLOCK_PAIRS);
        let mut pairs = vec![0u32; depth.div_ceil(step) * columns * step];
        pairs
            .par_chunks_mut(columns * step)
            .enumerate()
            .for_each(|(block, to)| {
                for first in (0..step.min(depth - block * step)).step_by(16) {
                    for (strip, to) in to.chunks_mut(16 * step).enumerate() {
                        let pairs = [block * step + first, depth.min((block + 1) * step)];
                        // SAFETY: only reached when the CPU has AVX-512 with BF16.
                        unsafe {
                            turn(
                                &mut to[first..],
                                step,
                                values,
                                [rows, columns],
                                strip * 16,
                                pairs,
                            );
                        };
                    }
                }
            });
        Self {
            pairs,
            rows: columns,
            depth,
            step,
            stride: step,
        }
    }

    /// Where pair `depth` (the start of a block) of row `row` lies.
    fn offset(&self, row: usize, depth: usize) -> usize {
        if self.stride == self.depth {
            row * self.stride + depth
        } else {
            (depth * self.rows) + row * self.stride
        }
    }
}

/// Turns up to sixteen row pairs from `pair` on, of up to sixteen columns, into pairs along the columns, the columns
/// being `stride` apart.
///
/// # Safety
/// The CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn turn(
    to: &mut [u32],
    stride: usize,
    values: &[f32],
    [rows, columns]: [usize; 2],
    column: usize,
    [pair, end]: [usize; 2],
) {
    let (count, width) = ((end - pair).min(16), (columns - column).min(16));
    let mut block: [__m512i; 16] = [_mm512_setzero_si512(); 16];
    for (i, row) in block.iter_mut().enumerate().take(count) {
        let mut pairs = [0u32; 16];
        // SAFETY: the row holds `width` columns from `column` on; `pairs` is one vector long.
        unsafe {
            row_pair(
                &mut pairs[..width],
                values,
                [rows, columns],
                pair + i,
                column,
            );
            *row = _mm512_loadu_si512(pairs.as_ptr().cast());
        }
    }
    transpose16(&mut block);
    for (c, row) in block.iter().enumerate().take(width) {
        let to = &mut to[c * stride..][..count];
        // SAFETY: the mask has the length of `to`.
        unsafe { _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), first_lanes(count), *row) };
    }
}

/// Pairs the rows `2 * pair` and `2 * pair + 1` of a `[rows, columns]` matrix from `column` on.
///
/// # Safety
/// The CPU must have AVX-512 with BF16.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn row_pair(
    to: &mut [u32],
    values: &[f32],
    [rows, columns]: [usize; 2],
    pair: usize,
    column: usize,
) {
    let low = &values[2 * pair * columns + column..][..to.len()];
    let high = if 2 * pair + 1 < rows {
        values[(2 * pair + 1) * columns + column..][..to.len()].as_ptr()
    } else {
        std::ptr::null()
    };
    // SAFETY: all three hold `to.len()` values.
    unsafe { pair_row(to.as_mut_ptr(), low.as_ptr(), high, to.len()) };
}

impl Right {
    /// The number of panels.
    fn count(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// A `[rows, columns]` matrix, summed over its rows.
    fn plain(values: &[f32], rows: usize, columns: usize) -> Self {
        let depth = rows.div_ceil(2);
        let mut panels = vec![0u32; columns.div_ceil(PANEL) * depth * PANEL];
        panels
            .par_chunks_mut(depth * PANEL)
            .enumerate()
            .for_each(|(panel, to)| {
                let width = (columns - panel * PANEL).min(PANEL);
                for (pair, to) in to.chunks_mut(PANEL).enumerate() {
                    // SAFETY: only reached when the CPU has AVX-512 with BF16.
                    unsafe {
                        row_pair(
                            &mut to[..width],
                            values,
                            [rows, columns],
                            pair,
                            panel * PANEL,
                        );
                    };
                }
            });
        Self {
            panels,
            columns,
            depth,
        }
    }

    /// The transpose of a `[rows, columns]` matrix, summed over its columns.
    fn transposed(values: &[f32], rows: usize, columns: usize) -> Self {
        let left = Left::rows(values, rows, columns);
        let depth = left.depth;
        let mut panels = vec![0u32; rows.div_ceil(PANEL) * depth * PANEL];
        panels
            .par_chunks_mut(depth * PANEL)
            .enumerate()
            .for_each(|(panel, to)| {
                for (first, strip) in (0..depth)
                    .step_by(16)
                    .flat_map(|p| (0..PANEL).step_by(16).map(move |s| (p, s)))
                {
                    // SAFETY: only reached when the CPU has AVX-512.
                    unsafe { turn_rows(to, &left, panel * PANEL + strip, first, strip) };
                }
            });
        Self {
            panels,
            columns: rows,
            depth,
        }
    }
}

/// Turns sixteen rows of `left` into sixteen columns of a panel.
///
/// # Safety
/// The CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn turn_rows(to: &mut [u32], left: &Left, row: usize, first: usize, strip: usize) {
    let count = (left.depth - first).min(16);
    let mut block: [__m512i; 16] = [_mm512_setzero_si512(); 16];
    for (i, vector) in block
        .iter_mut()
        .enumerate()
        .take(left.rows.saturating_sub(row))
    {
        let from = &left.pairs[(row + i) * left.depth + first..][..count];
        // SAFETY: the mask has the length of `from`.
        *vector = unsafe { _mm512_maskz_loadu_epi32(first_lanes(count), from.as_ptr().cast()) };
    }
    transpose16(&mut block);
    for (p, vector) in block.iter().enumerate().take(count) {
        let to = &mut to[(first + p) * PANEL + strip..][..16];
        // SAFETY: `to` is one vector long.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), *vector) };
    }
}

/// What a product is added to.
#[derive(Clone, Copy)]
enum Before<'a> {
    /// One value per column.
    Bias(Option<&'a [f32]>),
    /// What stands there already, if set.
    Sum(bool),
}

/// `left * right + bias`, row-major.
fn product(left: &Left, right: &Right, bias: Option<&[f32]>) -> Vec<f32> {
    let blocks = left.rows.div_ceil(BLOCK_ROWS);
    let run = |to: Shared| {
        (0..blocks * right.count())
            .into_par_iter()
            .for_each(|task| {
                let (first, panel) = (task / right.count() * BLOCK_ROWS, task % right.count());
                let rows = first..left.rows.min(first + BLOCK_ROWS);
                block_product(left, right, Before::Bias(bias), to, rows, panel..panel + 1);
            });
    };
    // SAFETY: the blocks cover all values.
    unsafe { filled(left.rows * right.columns, run) }
}

/// `values * right + bias` for a `[rows, columns]` matrix. If `right` stays in the cache, rows are rounded and
/// multiplied block by block, and results written in order.
fn rows_product(
    values: &[f32],
    [rows, columns]: [usize; 2],
    right: &Right,
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let small = right.panels.len() <= CACHED_PAIRS && right.depth <= BLOCK_PAIRS;
    if !small || rows < 2 * BLOCK_ROWS * rayon::current_num_threads() {
        return product(&Left::rows(values, rows, columns), right, bias);
    }
    let run = |to: Shared| {
        values
            .par_chunks(BLOCK_ROWS * columns)
            .enumerate()
            .for_each(|(block, values)| {
                let rows = values.len() / columns;
                let left = Left::rows(values, rows, columns);
                let to = to.from(block * BLOCK_ROWS * right.columns);
                block_product(
                    &left,
                    right,
                    Before::Bias(bias),
                    to,
                    0..rows,
                    0..right.count(),
                );
            });
    };
    // SAFETY: the blocks cover all values.
    unsafe { filled(rows * right.columns, run) }
}

/// Computes the given rows and panels of a product.
fn block_product(
    left: &Left,
    right: &Right,
    before: Before,
    to: Shared,
    rows: Range<usize>,
    panels: Range<usize>,
) {
    for depth in (0..left.depth).step_by(left.step) {
        for row in rows.clone().step_by(TILE_ROWS) {
            for panel in panels.clone() {
                let part = Part {
                    row,
                    rows: TILE_ROWS.min(rows.end - row),
                    panel,
                    depth,
                };
                let before = if depth > 0 { Before::Sum(true) } else { before };
                // SAFETY: only reached when the CPU has AVX-512 with BF16; callers keep their blocks apart.
                unsafe { product_tile(left, right, before, to, &part) };
            }
        }
    }
}

/// One register tile over one part of the summed dimension.
struct Part {
    row: usize,
    rows: usize,
    panel: usize,
    depth: usize,
}

/// Computes one register tile, adding to what earlier parts of the summed dimension left.
///
/// # Safety
/// `to` must hold the whole product; the CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn product_tile(left: &Left, right: &Right, before: Before, to: Shared, part: &Part) {
    let mut tile = MaybeUninit::<[f32; TILE_ROWS * PANEL]>::uninit();
    let tile = tile.as_mut_ptr().cast::<f32>();
    let pairs = left.step.min(left.depth - part.depth);
    let column = part.panel * PANEL;
    let width = (right.columns - column).min(PANEL);
    // SAFETY: rows, pairs and panel lie inside the operands; the masks keep writes inside the row; the tile's rows
    // are written before they are read.
    unsafe {
        let a = left.pairs.as_ptr().add(left.offset(part.row, part.depth));
        let b = right
            .panels
            .as_ptr()
            .add((part.panel * right.depth + part.depth) * PANEL);
        panel_tile(tile, a, part.rows, left.stride, b, pairs);
        for i in (0..width).step_by(16) {
            let mask = first_lanes(width - i);
            let bias = match before {
                Before::Bias(Some(bias)) => {
                    _mm512_maskz_loadu_ps(mask, bias[column + i..].as_ptr())
                }
                _ => _mm512_setzero_ps(),
            };
            for r in 0..part.rows {
                let to = to.at((part.row + r) * right.columns + column + i);
                let before = if matches!(before, Before::Sum(true)) {
                    _mm512_maskz_loadu_ps(mask, to)
                } else {
                    bias
                };
                let sum = _mm512_loadu_ps(tile.add(r * PANEL + i));
                _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(sum, before));
            }
        }
    }
}

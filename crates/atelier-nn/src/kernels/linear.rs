//! Linear maps as blocked matrix products: forward, input gradient, weight and bias gradient.

use super::gemm::{PANEL, TILE_ROWS, first_lanes, pair_row, panel_tile, round_row, transpose16};
use super::memory::{Shared, chunk, filled};
use rayon::prelude::*;
use std::arch::x86_64::{
    __m512i, _mm512_add_ps, _mm512_loadu_si512, _mm512_mask_storeu_epi32, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_epi32, _mm512_maskz_loadu_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

/// Rows of the left operand handled together.
const BLOCK_ROWS: usize = 96;
/// Pairs of the summed dimension handled together.
const BLOCK_PAIRS: usize = 512;

/// The sizes of one linear map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) input: usize,
    pub(super) output: usize,
}

/// A left operand: rows of bf16 pairs.
struct Left {
    pairs: Vec<u32>,
    rows: usize,
    depth: usize,
}

/// A right operand: panels of 64 columns, each `[depth][64]` pairs.
struct Right {
    panels: Vec<u32>,
    columns: usize,
    depth: usize,
}

/// `y = x * weight^T + bias`.
pub(super) fn forward(shape: &Shape, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    product(
        &Left::rows(x, shape.rows, shape.input),
        &Right::transposed(weight, shape.output, shape.input),
        bias,
    )
}

/// `dx = dy * weight`.
pub(super) fn input_gradient(shape: &Shape, dy: &[f32], weight: &[f32]) -> Vec<f32> {
    product(
        &Left::rows(dy, shape.rows, shape.output),
        &Right::plain(weight, shape.output, shape.input),
        None,
    )
}

/// `dweight = dy^T * x`.
pub(super) fn weight_gradient(shape: &Shape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    product(
        &Left::columns(dy, shape.rows, shape.output),
        &Right::plain(x, shape.rows, shape.input),
        None,
    )
}

/// The column sums of `dy`.
pub(super) fn bias_gradient(shape: &Shape, dy: &[f32]) -> Vec<f32> {
    let strips = shape.output.div_ceil(16);
    let sums = |strip: usize| {
        let width = (shape.output - strip * 16).min(16);
        let mut sums = vec![0.0; width];
        // SAFETY: only reached when the CPU has AVX-512.
        unsafe { column_sums(&mut sums, &dy[strip * 16..], shape.output) };
        sums
    };
    (0..strips)
        .into_par_iter()
        .with_min_len(4)
        .flat_map_iter(sums)
        .collect()
}

/// # Safety
/// `sums` must have at most sixteen values; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn column_sums(sums: &mut [f32], values: &[f32], stride: usize) {
    let mask = first_lanes(sums.len());
    let mut total = _mm512_setzero_ps();
    for row in values.chunks(stride) {
        debug_assert!(row.len() >= sums.len());
        // SAFETY: every chunk holds at least the columns of the mask, the last one being cut at the row's end.
        total = _mm512_add_ps(total, unsafe { _mm512_maskz_loadu_ps(mask, row.as_ptr()) });
    }
    // SAFETY: the mask has the length of `sums`.
    unsafe { _mm512_mask_storeu_ps(sums.as_mut_ptr(), mask, total) };
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
        Self { pairs, rows, depth }
    }

    /// The columns of a `[rows, columns]` matrix.
    fn columns(values: &[f32], rows: usize, columns: usize) -> Self {
        let depth = rows.div_ceil(2);
        let mut pairs = vec![0u32; columns * depth];
        pairs
            .par_chunks_mut(16 * depth)
            .enumerate()
            .for_each(|(strip, to)| {
                let width = to.len() / depth;
                for first in (0..depth).step_by(16) {
                    // SAFETY: only reached when the CPU has AVX-512 with BF16.
                    unsafe {
                        turn(
                            to,
                            values,
                            [rows, columns],
                            [strip * 16, width],
                            [first, depth],
                        )
                    };
                }
            });
        Self {
            pairs,
            rows: columns,
            depth,
        }
    }
}

/// Turns sixteen row pairs of up to sixteen columns into pairs along the columns.
///
/// # Safety
/// The CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn turn(
    to: &mut [u32],
    values: &[f32],
    [rows, columns]: [usize; 2],
    [column, width]: [usize; 2],
    [first, depth]: [usize; 2],
) {
    let count = (depth - first).min(16);
    let mut block: [__m512i; 16] = [_mm512_setzero_si512(); 16];
    for (i, row) in block.iter_mut().enumerate().take(count) {
        let mut pairs = [0u32; 16];
        // SAFETY: `row_pair` gives rows with at least `width` columns from `column` on.
        unsafe {
            row_pair(
                &mut pairs[..width],
                values,
                [rows, columns],
                first + i,
                column,
            );
            *row = _mm512_loadu_si512(pairs.as_ptr().cast());
        }
    }
    transpose16(&mut block);
    for (c, row) in block.iter().enumerate().take(width) {
        let to = &mut to[c * depth + first..][..count];
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
                        )
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

/// `left * right + bias`, row-major.
fn product(left: &Left, right: &Right, bias: Option<&[f32]>) -> Vec<f32> {
    let panels = right.columns.div_ceil(PANEL);
    let blocks = left.rows.div_ceil(BLOCK_ROWS);
    let run = |to: Shared| {
        (0..blocks * panels).into_par_iter().for_each(|task| {
            // SAFETY: only reached when the CPU has AVX-512 with BF16; every task writes its own block.
            unsafe {
                product_block(
                    left,
                    right,
                    bias,
                    to,
                    task / panels * BLOCK_ROWS,
                    task % panels,
                )
            };
        });
    };
    // SAFETY: the blocks cover all values.
    unsafe { filled(left.rows * right.columns, run) }
}

/// Computes `BLOCK_ROWS` rows of one panel.
///
/// # Safety
/// `to` must hold the whole product; the CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn product_block(
    left: &Left,
    right: &Right,
    bias: Option<&[f32]>,
    to: Shared,
    first: usize,
    panel: usize,
) {
    let mut tile = [0.0f32; TILE_ROWS * PANEL];
    let width = (right.columns - panel * PANEL).min(PANEL);
    let last = left.rows.min(first + BLOCK_ROWS);
    for depth in (0..left.depth).step_by(BLOCK_PAIRS) {
        let pairs = BLOCK_PAIRS.min(left.depth - depth);
        for row in (first..last).step_by(TILE_ROWS) {
            let rows = TILE_ROWS.min(last - row);
            // SAFETY: rows, pairs and panel lie inside the operands; the masks keep writes inside the row.
            unsafe {
                let a = left.pairs.as_ptr().add(row * left.depth + depth);
                let b = right
                    .panels
                    .as_ptr()
                    .add((panel * right.depth + depth) * PANEL);
                panel_tile(tile.as_mut_ptr(), a, rows, left.depth, b, pairs);
                for (r, i) in (0..rows).flat_map(|r| (0..width).step_by(16).map(move |i| (r, i))) {
                    let mask = first_lanes(width - i);
                    let to = to.at((row + r) * right.columns + panel * PANEL + i);
                    let before = if depth > 0 {
                        _mm512_maskz_loadu_ps(mask, to)
                    } else if let Some(bias) = bias {
                        _mm512_maskz_loadu_ps(mask, bias[panel * PANEL + i..].as_ptr())
                    } else {
                        _mm512_setzero_ps()
                    };
                    let sum = _mm512_maskz_loadu_ps(mask, tile.as_ptr().add(r * PANEL + i));
                    _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(sum, before));
                }
            }
        }
    }
}

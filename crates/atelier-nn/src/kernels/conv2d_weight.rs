//! The weight gradient of a convolution: output gradients times shifted inputs, summed over pixels and images.
//!
//! Register tiles hold nine rows (an input channel's taps) and up to 48 output channels; the pixels of a unit, in
//! pairs, are the summed dimension.

use super::conv2d::Shape;
use super::gemm::{GRAD_ROWS, PANEL, first_lanes, grad_tile_of, round_row, transpose16};
use super::im2col::{Images, Lookup, Unit, units};
use super::memory::{Shared, filled};
use rayon::prelude::*;
use std::arch::x86_64::{
    __m512i, _mm512_add_ps, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

/// How the output channels are laid over vectors in the weight gradient: blocks of up to three vectors.
fn channel_blocks(channels: usize) -> Vec<(usize, usize)> {
    let vectors = channels.div_ceil(16);
    let blocks = vectors.div_ceil(3);
    (0..blocks)
        .map(|block| (block * vectors / blocks, (block + 1) * vectors / blocks))
        .map(|(from, to)| (from * 16, to - from))
        .collect()
}

/// The gradient of the weight, summed over the batch.
pub(super) fn weight_gradient(shape: &Shape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let depth = shape.input * shape.taps();
    let [height, width] = shape.grid();
    let lookup = shape.lookup();
    let source = Images {
        data: x,
        channels: shape.input,
        height: shape.height,
        width: shape.width,
    };
    let slopes = Images {
        data: dy,
        channels: shape.output,
        height,
        width,
    };
    let threads = rayon::current_num_threads();
    let pixels = (shape.batch * height * width / threads).clamp(PANEL, 2048);
    let all = units(shape.batch, [height, width], pixels);
    let lanes = shape.output.next_multiple_of(16);
    let partial: Vec<Vec<f32>> = all
        .par_chunks(all.len().div_ceil(threads).max(1))
        .map(|part| {
            let mut scratch = (Vec::new(), Vec::new(), Vec::new());
            let run = |sums: Shared| {
                for (i, unit) in part.iter().enumerate() {
                    // SAFETY: only reached when the CPU has AVX-512 with BF16; the sums are this thread's own.
                    unsafe {
                        gradient_unit(sums, i > 0, &mut scratch, &source, &slopes, &lookup, unit);
                    };
                }
            };
            // SAFETY: the first unit writes all sums.
            unsafe { filled(depth.next_multiple_of(GRAD_ROWS) * lanes, run) }
        })
        .collect();
    collect_gradient(&partial, shape.output, depth)
}

/// Adds the share of one unit to `sums` (or writes it there, if `add` is not set), laid out as `[channel block][depth][16 * vectors]`.
///
/// # Safety
/// The CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn gradient_unit(
    sums: Shared,
    add: bool,
    (planes_of_x, lines, panel): &mut (Vec<u16>, Vec<u16>, Vec<u32>),
    source: &Images,
    slopes: &Images,
    lookup: &Lookup,
    unit: &Unit,
) {
    let planes = lookup.planes(unit);
    let taps = lookup.tap_offsets(&planes);
    let width = lookup.grid[1];
    // SAFETY: the CPU is as promised.
    unsafe { lookup.fill_single(planes_of_x, source, unit, &planes) };
    let half = width.div_ceil(2);
    let line_count = unit.images * unit.rows;
    let offsets: Vec<u32> = (0..line_count)
        .flat_map(|line| (0..half).map(move |x| (line, 2 * x)))
        .map(|(line, x)| u32::try_from(lookup.pixel(unit, &planes, line, x)).unwrap_or(u32::MAX))
        .collect();
    // SAFETY: the CPU is as promised.
    unsafe { fill_lines(lines, slopes, unit, half) };
    let depth = source.channels * taps.len();
    let padded = depth.next_multiple_of(GRAD_ROWS);
    for (first, vectors) in channel_blocks(slopes.channels) {
        // SAFETY: `lines` holds sixteen lines for each vector of the block; the CPU is as promised.
        unsafe { pack_slopes(panel, lines, offsets.len(), first, vectors) };
        for k in (0..depth).step_by(GRAD_ROWS) {
            let mut rows = [planes_of_x.as_ptr(); GRAD_ROWS];
            for (r, row) in rows.iter_mut().enumerate() {
                let k = (k + r).min(depth - 1);
                *row = row.wrapping_add((k / taps.len()) * planes.channel + taps[k % taps.len()]);
            }
            // SAFETY: every pair lies inside the planes, and the block's sums have room for a whole tile.
            unsafe {
                let to = sums.at(first * padded + k * vectors * 16);
                grad_tile_of(vectors, to, add, &rows, &offsets, panel.as_ptr());
            }
        }
    }
}

/// Rounds the output gradient of a unit to bf16: per channel one line of pixels, each image row padded to pairs,
/// the line padded to sixteen pairs, the channels padded to sixteen.
///
/// # Safety
/// The CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn fill_lines(lines: &mut Vec<u16>, slopes: &Images, unit: &Unit, half: usize) {
    let length = (unit.images * unit.rows * half).next_multiple_of(16) * 2;
    lines.clear();
    lines.resize(slopes.channels.next_multiple_of(16) * length, 0);
    let area = slopes.height * slopes.width;
    // rows of an even width follow each other without a gap
    let (count, size) = if slopes.width.is_multiple_of(2) {
        (1, unit.rows * slopes.width)
    } else {
        (unit.rows, slopes.width)
    };
    for channel in 0..slopes.channels {
        for image in 0..unit.images {
            let from =
                ((unit.image + image) * slopes.channels + channel) * area + unit.row * slopes.width;
            for row in 0..count {
                let to = channel * length + (image * unit.rows + row) * half * 2;
                let (to, from) = (
                    &mut lines[to..][..size],
                    &slopes.data[from + row * size..][..size],
                );
                // SAFETY: both hold `size` values.
                unsafe { round_row(to.as_mut_ptr(), from.as_ptr(), size) };
            }
        }
    }
}

/// Transposes the lines of one channel block to `[pair][16 * vectors]`.
///
/// # Safety
/// `lines` must hold `16 * vectors` lines from channel `first` on; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn pack_slopes(
    panel: &mut Vec<u32>,
    lines: &[u16],
    pairs: usize,
    first: usize,
    vectors: usize,
) {
    let padded = pairs.next_multiple_of(16);
    panel.resize(panel.len().max(padded * vectors * 16), 0);
    for v in 0..vectors {
        for p in (0..pairs).step_by(16) {
            let mut block: [__m512i; 16] = [_mm512_setzero_si512(); 16];
            for (i, row) in block.iter_mut().enumerate() {
                let line = &lines[(first + v * 16 + i) * padded * 2 + p * 2..][..32];
                // SAFETY: thirty-two values of two bytes are one vector.
                *row = unsafe { _mm512_loadu_si512(line.as_ptr().cast()) };
            }
            transpose16(&mut block);
            for (i, row) in block.iter().enumerate() {
                let to = &mut panel[((p + i) * vectors + v) * 16..][..16];
                // SAFETY: `to` is one vector long.
                unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), *row) };
            }
        }
    }
}

/// Adds the threads' sums and brings them to `[output][depth]`.
fn collect_gradient(partial: &[Vec<f32>], output: usize, depth: usize) -> Vec<f32> {
    let padded = depth.next_multiple_of(GRAD_ROWS);
    let mut gradient = vec![0.0; output * depth];
    let to = Shared::of(&mut gradient);
    let vectors: Vec<(usize, usize, usize)> = channel_blocks(output)
        .into_iter()
        .flat_map(|(first, count)| (0..count).map(move |v| (first, count, v)))
        .collect();
    vectors.into_par_iter().for_each(|(first, count, v)| {
        let channels = (output - first - v * 16).min(16);
        for k in (0..depth).step_by(16) {
            let at = move |i: usize| first * padded + (k + i) * count * 16 + v * 16;
            // SAFETY: only reached when the CPU has AVX-512; rows past `depth` are not read, and each channel
            // belongs to one vector.
            unsafe {
                collect_block(
                    partial,
                    at,
                    to.at((first + v * 16) * depth + k),
                    channels,
                    depth,
                    (depth - k).min(16),
                );
            };
        }
    });
    gradient
}

/// Sums and transposes one block of sixteen rows.
///
/// # Safety
/// `at(i)` must be the start of a vector of every partial sum for `i < rows`, `to` must hold `channels` rows of
/// `rows` values that are `depth` apart; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn collect_block(
    partial: &[Vec<f32>],
    at: impl Fn(usize) -> usize,
    to: *mut f32,
    channels: usize,
    depth: usize,
    rows: usize,
) {
    let mut block = [_mm512_setzero_si512(); 16];
    for (i, row) in block.iter_mut().enumerate().take(rows) {
        let mut sum = _mm512_setzero_ps();
        for part in partial {
            // SAFETY: `at(i)` starts a whole vector.
            sum = _mm512_add_ps(sum, unsafe {
                _mm512_loadu_ps(part[at(i)..][..16].as_ptr())
            });
        }
        *row = _mm512_castps_si512(sum);
    }
    transpose16(&mut block);
    for (c, row) in block.iter().enumerate().take(channels) {
        // SAFETY: promised by the caller.
        unsafe {
            _mm512_mask_storeu_ps(
                to.add(c * depth),
                first_lanes(rows),
                _mm512_castsi512_ps(*row),
            );
        };
    }
}

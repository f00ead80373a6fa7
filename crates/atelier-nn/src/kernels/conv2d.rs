//! Convolution of NCHW images as implicit matrix products: forward, input gradient and bias gradient.

use super::gemm::{PANEL, TILE_ROWS, first_lanes, panel_tile, round16};
use super::im2col::{Images, Lookup, Unit, pack_panel, units};
use super::memory::{Shared, filled};
use rayon::prelude::*;
use std::arch::x86_64::{
    _mm512_add_ps, _mm512_loadu_si512, _mm512_mask_i32scatter_ps, _mm512_mask_storeu_epi32,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mullo_epi32, _mm512_or_si512,
    _mm512_permutexvar_epi32, _mm512_reduce_add_ps, _mm512_set_epi32, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32,
};

/// The sizes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) batch: usize,
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

/// Where the results of a product go: pixel `(y, x)` of the grid is `(y * step + first_row, x * step + first_col)`.
#[derive(Clone, Copy)]
struct Target {
    data: Shared,
    height: usize,
    width: usize,
    step: usize,
    first: [usize; 2],
}

/// The packed weights of a product: `rows` rows of `stride` pairs, and a value to add to each row.
struct Weights<'a> {
    pairs: Vec<u32>,
    rows: usize,
    stride: usize,
    bias: Option<&'a [f32]>,
}

/// Lanes of one image row or, where rows touch, of several: the first goes to `to`, the others follow.
struct Segment {
    lane: usize,
    len: usize,
    to: usize,
}

impl Shape {
    /// The height and width of the output.
    pub(super) fn grid(&self) -> [usize; 2] {
        let size = |n: usize| (n + 2 * self.padding - self.kernel) / self.stride + 1;
        [size(self.height), size(self.width)]
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    pub(super) fn lookup(&self) -> Lookup {
        let taps = (0..self.kernel)
            .flat_map(|y| (0..self.kernel).map(move |x| (y, x)))
            .collect();
        Lookup {
            stride: self.stride,
            top: self.padding,
            left: self.padding,
            taps,
            grid: self.grid(),
        }
    }
}

/// `y = conv(x, weight) + bias`.
pub(super) fn forward(shape: &Shape, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let [height, width] = shape.grid();
    let taps: Vec<usize> = (0..shape.taps()).collect();
    let weights = Weights {
        pairs: pack_weights(
            weight,
            [shape.output, shape.input * shape.taps()],
            [shape.input, shape.taps()],
            &taps,
        ),
        rows: shape.output,
        stride: shape.input.div_ceil(2) * taps.len(),
        bias,
    };
    let source = Images {
        data: x,
        channels: shape.input,
        height: shape.height,
        width: shape.width,
    };
    let run = |data: Shared| {
        let target = Target {
            data,
            height,
            width,
            step: 1,
            first: [0, 0],
        };
        product(shape.batch, &source, &shape.lookup(), &weights, target);
    };
    // SAFETY: the product covers every output pixel and channel.
    unsafe { filled(shape.batch * shape.output * height * width, run) }
}

/// The gradient of the input. Input pixels of one phase (row and column modulo stride) meet the same taps, so each
/// phase is a convolution of the output gradient with stride 1.
pub(super) fn input_gradient(shape: &Shape, dy: &[f32], weight: &[f32]) -> Vec<f32> {
    let mut dx = vec![0.0; shape.batch * shape.input * shape.height * shape.width];
    let [height, width] = shape.grid();
    let source = Images {
        data: dy,
        channels: shape.output,
        height,
        width,
    };
    for (row, col) in (0..shape.stride).flat_map(|y| (0..shape.stride).map(move |x| (y, x))) {
        if row >= shape.height || col >= shape.width {
            continue;
        }
        let (rows, cols) = (phase_taps(shape, row), phase_taps(shape, col));
        if rows.is_empty() || cols.is_empty() {
            continue;
        }
        let edge =
            |taps: &[(usize, isize)]| taps.iter().map(|tap| -tap.1).max().unwrap_or(0).max(0);
        let (top, left) = (edge(&rows), edge(&cols));
        let (mut taps, mut kernel) = (Vec::new(), Vec::new());
        for &(ky, ey) in &rows {
            for &(kx, ex) in &cols {
                taps.push(((ey + top).cast_unsigned(), (ex + left).cast_unsigned()));
                kernel.push(ky * shape.kernel + kx);
            }
        }
        let grid = [
            (shape.height - row).div_ceil(shape.stride),
            (shape.width - col).div_ceil(shape.stride),
        ];
        let steps = [shape.taps(), shape.input * shape.taps()];
        let weights = Weights {
            pairs: pack_weights(
                weight,
                [shape.input, steps[0]],
                [shape.output, steps[1]],
                &kernel,
            ),
            rows: shape.input,
            stride: shape.output.div_ceil(2) * taps.len(),
            bias: None,
        };
        let lookup = Lookup {
            stride: 1,
            top: top.cast_unsigned(),
            left: left.cast_unsigned(),
            taps,
            grid,
        };
        let data = Shared::of(&mut dx);
        let target = Target {
            data,
            height: shape.height,
            width: shape.width,
            step: shape.stride,
            first: [row, col],
        };
        product(shape.batch, &source, &lookup, &weights, target);
    }
    dx
}

/// The taps of one axis that meet input phase `phase`, each with the distance from phase pixel to output pixel.
fn phase_taps(shape: &Shape, phase: usize) -> Vec<(usize, isize)> {
    let distance = |tap: usize| (phase + shape.padding).cast_signed() - tap.cast_signed();
    let stride = shape.stride.cast_signed();
    (0..shape.kernel)
        .filter(|&tap| distance(tap) % stride == 0)
        .map(|tap| (tap, distance(tap) / stride))
        .collect()
}

/// Packs weights as `[row][channel pair][tap]`. Row `r`, channel `c`, tap `t` is read from
/// `r * row_step + c * channel_step + taps[t]`.
fn pack_weights(
    weight: &[f32],
    [rows, row_step]: [usize; 2],
    [channels, channel_step]: [usize; 2],
    taps: &[usize],
) -> Vec<u32> {
    let depth = channels.div_ceil(2) * taps.len();
    let mut packed = vec![0u32; rows * depth];
    let part = rows.div_ceil(8).max(1);
    packed
        .par_chunks_mut(part * depth)
        .enumerate()
        .for_each(|(chunk, packed)| {
            for (r, row) in packed.chunks_mut(depth).enumerate() {
                let from = &weight[(chunk * part + r) * row_step..];
                // SAFETY: only reached when the CPU has AVX-512 with BF16; kernels are at most 3x3.
                unsafe { pack_row(row, from, channels, channel_step, taps) };
            }
        });
    packed
}

/// Packs one row of weights.
///
/// # Safety
/// The taps must be below sixteen; the CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn pack_row(row: &mut [u32], from: &[f32], channels: usize, step: usize, taps: &[usize]) {
    let mut order = [0i32; 16];
    for (lane, &tap) in order.iter_mut().zip(taps) {
        *lane = i32::try_from(tap).unwrap_or(0);
    }
    let last = first_lanes(taps.iter().copied().max().unwrap_or(0) + 1);
    // SAFETY: `order` is one vector long.
    let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
    for (pair, to) in row.chunks_mut(taps.len()).enumerate() {
        let paired = if 2 * pair + 1 < channels { last } else { 0 };
        let low = from[2 * pair * step..].as_ptr();
        // SAFETY: the masks keep reads inside the taps of the two channels, and the write inside `to`.
        unsafe {
            let a = round16(_mm512_maskz_loadu_ps(last, low));
            let b = round16(_mm512_maskz_loadu_ps(paired, low.wrapping_add(step)));
            let both = _mm512_or_si512(a, _mm512_slli_epi32::<16>(b));
            let sorted = _mm512_permutexvar_epi32(order, both);
            _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), first_lanes(to.len()), sorted);
        }
    }
}

/// The pixels per unit that keep all threads busy and a unit's planes in the cache.
fn unit_pixels(batch: usize, grid: [usize; 2]) -> usize {
    (batch * grid[0] * grid[1] / (rayon::current_num_threads() * 4)).clamp(PANEL, 2048)
}

/// Runs one implicit matrix product over the whole batch.
fn product(batch: usize, source: &Images, lookup: &Lookup, weights: &Weights, target: Target) {
    units(batch, lookup.grid, unit_pixels(batch, lookup.grid))
        .into_par_iter()
        .with_max_len(1)
        .for_each(|unit| {
            // SAFETY: only reached when the CPU has AVX-512 with BF16; units cover disjoint pixels.
            unsafe { product_unit(source, lookup, weights, target, &unit) };
        });
}

/// The part of [`product`] that writes the pixels of one unit.
///
/// # Safety
/// No other thread may write the same pixels; the CPU must have AVX-512 with BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn product_unit(
    source: &Images,
    lookup: &Lookup,
    weights: &Weights,
    target: Target,
    unit: &Unit,
) {
    let planes = lookup.planes(unit);
    let taps = lookup.tap_offsets(&planes);
    let channel_pairs = source.channels.div_ceil(2);
    let mut pairs = Vec::new();
    // SAFETY: the CPU is as promised.
    unsafe { lookup.fill_pairs(&mut pairs, source, unit, &planes) };
    let mut panel = vec![0u32; weights.stride * PANEL + PANEL];
    let mut tile = [0.0f32; TILE_ROWS * PANEL];
    for first in (0..unit.images * unit.rows * lookup.grid[1]).step_by(PANEL) {
        let runs = lookup.runs(unit, &planes, first);
        let segments = segments(unit, lookup.grid, &target, weights.rows, first);
        // SAFETY: the panel has room for one more row; the planes end with room for a whole run.
        unsafe {
            pack_panel(
                panel.as_mut_ptr(),
                pairs.as_ptr(),
                planes.channel,
                channel_pairs,
                &taps,
                &runs,
            );
        };
        for row in (0..weights.rows).step_by(TILE_ROWS) {
            let rows = TILE_ROWS.min(weights.rows - row);
            // SAFETY: `weights` holds these rows, `tile` has room for them, and the segments lie inside the target.
            unsafe {
                let a = weights.pairs.as_ptr().add(row * weights.stride);
                panel_tile(
                    tile.as_mut_ptr(),
                    a,
                    rows,
                    weights.stride,
                    panel.as_ptr(),
                    weights.stride,
                );
                for r in 0..rows {
                    let bias = weights.bias.map_or(0.0, |bias| bias[row + r]);
                    let to = target.data.at((row + r) * target.height * target.width);
                    store(
                        to,
                        tile.as_ptr().add(r * PANEL),
                        &segments,
                        bias,
                        target.step,
                    );
                }
            }
        }
    }
}

/// Where the lanes of the panel starting at pixel `first` go, relative to channel 0 of the target.
fn segments(
    unit: &Unit,
    [_, width]: [usize; 2],
    target: &Target,
    channels: usize,
    first: usize,
) -> Vec<Segment> {
    let count = PANEL.min(unit.images * unit.rows * width - first);
    let mut segments: Vec<Segment> = Vec::new();
    let mut lane = 0;
    while lane < count {
        let (line, x) = ((first + lane) / width, (first + lane) % width);
        let image = unit.image + line / unit.rows;
        let y = (unit.row + line % unit.rows) * target.step + target.first[0];
        let row = (image * channels * target.height + y) * target.width;
        let (to, len) = (
            row + x * target.step + target.first[1],
            (width - x).min(count - lane),
        );
        match segments.last_mut() {
            Some(last) if target.step == 1 && last.to + last.len == to => last.len += len,
            _ => segments.push(Segment { lane, len, to }),
        }
        lane += len;
    }
    segments
}

/// Writes one row of a tile, plus `bias`, to its segments, neighbours being `step` apart.
///
/// # Safety
/// The segments must lie inside the tile row and the memory behind `to`; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn store(to: *mut f32, row: *const f32, segments: &[Segment], bias: f32, step: usize) {
    let bias = _mm512_set1_ps(bias);
    let places = _mm512_mullo_epi32(
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
        _mm512_set1_epi32(i32::try_from(step).unwrap_or(1)),
    );
    for segment in segments {
        let mut i = 0;
        while i < segment.len {
            let mask = first_lanes(segment.len - i);
            // SAFETY: the mask keeps every access inside the segment.
            unsafe {
                let value =
                    _mm512_add_ps(_mm512_maskz_loadu_ps(mask, row.add(segment.lane + i)), bias);
                let to = to.add(segment.to + i * step);
                if step == 1 {
                    _mm512_mask_storeu_ps(to, mask, value);
                } else {
                    _mm512_mask_i32scatter_ps::<4>(to.cast(), mask, places, value);
                }
            }
            i += 16;
        }
    }
}

/// The gradient of the bias: the sum of each output channel's gradient.
pub(super) fn bias_gradient(shape: &Shape, dy: &[f32]) -> Vec<f32> {
    let [height, width] = shape.grid();
    let sum_of = |output: usize| {
        let planes = dy
            .chunks_exact(height * width)
            .skip(output)
            .step_by(shape.output);
        // SAFETY: only reached when the CPU has AVX-512.
        planes.map(|plane| unsafe { sum(plane) }).sum()
    };
    (0..shape.output)
        .into_par_iter()
        .with_min_len(4)
        .map(sum_of)
        .collect()
}

/// # Safety
/// The CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn sum(values: &[f32]) -> f32 {
    let mut total = _mm512_setzero_ps();
    for part in values.chunks(16) {
        // SAFETY: the mask keeps the read inside `part`.
        total = _mm512_add_ps(total, unsafe {
            _mm512_maskz_loadu_ps(first_lanes(part.len()), part.as_ptr())
        });
    }
    _mm512_reduce_add_ps(total)
}

//! How weights come into panels: scales for whole numbers, and the numbers in their order.

use rayon::prelude::*;

use super::super::level::Level;
use super::super::mapped::Numbers;
use super::halves::{rows_at, units_of};
use super::packed::{Format, NORM_LIMIT, Packed, WHOLE_LIMIT, chunk_length};
use super::units::Line;
use crate::kernels::share::share_each;

/// The greatest root mean square of packed weights: more would leave too few bits to the other operand of the gradient.
const MEAN_LIMIT: f32 = 2600.0;
/// The greatest number of weights that are held in 8 bits.
const BYTE_LIMIT: f32 = 127.0;

impl Packed {
    /// Packs `weight [columns, depth, taps]` (row-major, the order of published files).
    pub(crate) fn new(level: Level, format: Format, weight: &[f32], sizes: [usize; 3]) -> Self {
        let mut packed = Self::described(level, format, sizes);
        assert_eq!(
            weight.len(),
            sizes.iter().product::<usize>(),
            "sizes of a weight"
        );
        match format {
            Format::F32 => packed.fill_floats(weight),
            Format::I16 => packed.fill_wholes(weight, WHOLE_LIMIT),
            Format::Bf16 => packed.fill_halves(weight),
        }
        packed
    }

    /// Packs `weight` as i16 whose numbers fit into 8 bits, and holds only these.
    pub(crate) fn narrow(level: Level, weight: &[f32], sizes: [usize; 3]) -> Self {
        let mut packed = Self::described(level, Format::I16, sizes);
        packed.fill_wholes(weight, BYTE_LIMIT);
        let units = std::mem::take(&mut packed.units);
        let mut bytes = Vec::with_capacity(2 * 16 * units.len());
        for unit in units.iter().flat_map(|line| line.0) {
            bytes.extend([unit as i8, (unit >> 16) as i8]);
        }
        packed.bytes = Numbers::Own(bytes);
        packed
    }

    /// Runs `f(first column, units)` for every panel, on all threads.
    fn each_panel(&mut self, f: impl Fn(&Self, usize, &mut [Line]) + Sync) {
        let (width, lines) = (self.level.panel(), self.panel_units() / 16);
        let mut units = vec![Line([0; 16]); self.lines()];
        share_each(units.chunks_mut(lines), |index, units| {
            f(self, index * width, units);
        });
        self.units = Numbers::Own(units);
    }

    /// Fills the panels: `unit` makes one of a column out of `inputs` numbers, two or one of which the second is zero.
    fn fill(
        &mut self,
        weight: &[f32],
        inputs: usize,
        unit: impl Fn(usize, f32, f32) -> u32 + Sync,
    ) {
        /// Units of a panel that are filled at a time, so that they stay in the first cache for all columns.
        const BLOCK: usize = 32;
        self.each_panel(|packed, first, panel| {
            let (taps, row) = (packed.taps, packed.depth * packed.taps);
            let [tap_lines, unit_lines] =
                [packed.tap_units(), packed.level.panel()].map(|units| units / 16);
            let columns = packed.columns.min(first + packed.level.panel()) - first;
            let block = BLOCK * inputs * taps;
            for start in (0..row).step_by(block) {
                for column in 0..columns {
                    let row = &weight[(first + column) * row..][..row];
                    let part = &row[start..row.len().min(start + block)];
                    let line = start / (inputs * taps) * unit_lines + column / 16;
                    for (i, numbers) in part.chunks(inputs * taps).enumerate() {
                        let (low, high) = numbers.split_at(taps);
                        for (tap, &low) in low.iter().enumerate() {
                            let high = high.get(tap).copied().unwrap_or(0.0);
                            let line = line + tap * tap_lines + i * unit_lines;
                            panel[line].0[column % 16] = unit(first + column, low, high);
                        }
                    }
                }
            }
        });
    }

    /// Fills the panels with pairs of bf16. Some rows are rounded a piece at a time, and their pairs come to their places a line
    /// at a time.
    fn fill_halves(&mut self, weight: &[f32]) {
        /// Numbers of a row that are rounded at a time, about.
        const NUMBERS: usize = 512;
        /// Columns of a line.
        const COLUMNS: usize = 16;
        self.each_panel(|packed, first, panel| {
            let (taps, row) = (packed.taps, packed.depth * packed.taps);
            let [tap_lines, unit_lines] =
                [packed.tap_units(), packed.level.panel()].map(|units| units / COLUMNS);
            let columns = packed.columns.min(first + packed.level.panel()) - first;
            let units = (NUMBERS / (2 * taps)).max(1);
            let block = units * 2 * taps;
            let stride = units_of(block);
            let mut rounded = vec![0_u32; COLUMNS * stride];
            for group in (0..columns).step_by(COLUMNS) {
                let rows = &weight[(first + group) * row..];
                let rows = &rows[..COLUMNS.min(columns - group) * row];
                for start in (0..row).step_by(block) {
                    let sizes = [row, block.min(row - start)];
                    // SAFETY: there is room for as many rows as a line has columns.
                    unsafe {
                        rows_at(
                            packed.level,
                            &rows[start..],
                            sizes,
                            rounded.as_mut_ptr(),
                            stride,
                        );
                    }
                    let number = |column: usize, at: usize| {
                        rounded[column * stride + at / 2] >> (16 * (at % 2)) & 0xffff
                    };
                    let pairs = sizes[1].div_ceil(2 * taps);
                    for (unit, tap) in
                        (0..pairs).flat_map(|unit| (0..taps).map(move |tap| (unit, tap)))
                    {
                        let low = unit * 2 * taps + tap;
                        let unit = start / (2 * taps) + unit;
                        let line =
                            &mut panel[unit * unit_lines + tap * tap_lines + group / COLUMNS];
                        for column in 0..rows.len() / row {
                            line.0[column] = number(column, low) | number(column, low + taps) << 16;
                        }
                    }
                }
            }
        });
    }

    fn fill_floats(&mut self, weight: &[f32]) {
        self.fill(weight, 1, |_, value, _| value.to_bits());
    }

    fn fill_wholes(&mut self, weight: &[f32], greatest: f32) {
        let (depth, taps) = (self.depth, self.taps);
        let chunk = chunk_length(depth, taps);
        let rows = weight.par_chunks(depth * taps);
        let mut factors: Vec<f32> = rows
            .map(|row| row_factor(row, chunk * taps, greatest))
            .collect();
        self.measure_gradient(weight, &factors);
        factors.resize(self.panels() * self.level.panel(), f32::INFINITY);
        self.scales = factors.iter().map(|factor| 1.0 / factor).collect();
        self.fill(weight, 2, |column, low, high| {
            let [low, high] = [low, high].map(|value| whole(value * factors[column]));
            low | high << 16
        });
    }

    /// Measures the whole numbers of every input over each chunk of outputs.
    fn measure_gradient(&mut self, weight: &[f32], factors: &[f32]) {
        /// Inputs that a thread measures at a time.
        const INPUTS: usize = 256;
        let (row, taps) = (self.depth * self.taps, self.taps);
        let chunk = chunk_length(self.columns, taps);
        let of_chunk = |(rows, factors): (&[f32], &[f32])| {
            let greatest = (0..self.depth)
                .into_par_iter()
                .step_by(INPUTS)
                .map(|input| {
                    let part = input * taps..row.min((input + INPUTS) * taps);
                    let mut squares = vec![0.0f32; part.len()];
                    for (row, factor) in rows.chunks(row).zip(factors) {
                        for (square, value) in squares.iter_mut().zip(&row[part.clone()]) {
                            let whole = value * factor;
                            *square += whole * whole;
                        }
                    }
                    let inputs = squares
                        .chunks(taps)
                        .map(|squares| squares.iter().sum::<f32>());
                    inputs.fold(0.0f32, f32::max)
                });
            // rounding adds at most a half to every number
            let half = 0.5 * ((rows.len() / row * taps) as f32).sqrt();
            greatest.reduce(|| 0.0, f32::max).sqrt() + half
        };
        let chunks = weight
            .par_chunks(chunk * row)
            .zip(factors.par_chunks(chunk));
        self.gradient_norms = chunks.map(of_chunk).collect();
    }
}

/// The nearest whole number in the lower half of a unit. By the addition of a number so large that no fraction fits beside
/// it, its last bits are those of the whole number.
fn whole(value: f32) -> u32 {
    const LARGE: f32 = 12_582_912.0;
    (value + LARGE).to_bits() & 0xffff
}

/// The factor that brings a row of weights to whole numbers of at most `most`. It is no number where the row is not finite,
/// so that results are not either; rows so small that their squares vanish become zeros.
fn row_factor(row: &[f32], chunk: usize, most: f32) -> f32 {
    const LARGEST: f32 = 1e18;
    let (mut norm, mut greatest) = (0.0f32, 0.0f32);
    for part in row.chunks(chunk) {
        let (squares, most) = extent(part);
        if !squares.is_finite() {
            return f32::NAN;
        }
        norm = norm.max(squares.sqrt());
        greatest = greatest.max(most);
    }
    let limit = NORM_LIMIT.min(MEAN_LIMIT * (chunk.min(row.len()) as f32).sqrt());
    if greatest > 0.0 {
        (limit / norm).min(most / greatest).min(LARGEST)
    } else {
        1.0
    }
}

/// The sum of squares and the greatest absolute value, in as many sums as vectors have lanes.
fn extent(values: &[f32]) -> (f32, f32) {
    const LANES: usize = 16;
    let (mut squares, mut greatest) = ([0.0f32; LANES], [0.0f32; LANES]);
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for ((square, most), value) in squares.iter_mut().zip(&mut greatest).zip(values) {
            *square += value * value;
            *most = most.max(value.abs());
        }
    }
    for ((square, most), value) in squares.iter_mut().zip(&mut greatest).zip(rest) {
        *square += value * value;
        *most = most.max(value.abs());
    }
    let greatest = greatest.into_iter().fold(0.0, f32::max);
    (squares.iter().sum(), greatest)
}

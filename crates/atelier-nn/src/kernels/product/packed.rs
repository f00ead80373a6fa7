//! Weights in the order in which the tiles read them, packed once for forward and backward.
//!
//! A panel holds some columns (outputs): for every tap of the kernel and every input, one unit per column. For the
//! gradient of the input the same panels are turned a piece at a time, so that weights lie in memory once.

use rayon::prelude::*;

use super::super::level::Level;
use super::units::{Line, Units};

/// How weights are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// f32, exact.
    F32,
    /// i16 with a scale per output. Both operands of a product are scaled so that sums in i32 cannot overflow, by the
    /// inequality of Cauchy and Schwarz; the error is that of the operands' rounding, about 2e-4 of their root mean square.
    I16,
}

/// The greatest Euclidean norm of one operand of a product of i16: rounding adds a little, and the product of both norms
/// must stay below 2³¹.
pub(super) const NORM_LIMIT: f32 = 46000.0;
/// The greatest root mean square of packed weights: more would leave too few bits to the other operand of the gradient.
const MEAN_LIMIT: f32 = 2600.0;
/// The greatest number.
pub(super) const WHOLE_LIMIT: f32 = 32767.0;
/// The greatest number of weights that are held in 8 bits.
const BYTE_LIMIT: f32 = 127.0;

/// Weights of a linear map or a convolution, packed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packed {
    pub(super) level: Level,
    pub(super) format: Format,
    /// Outputs.
    pub(super) columns: usize,
    /// Inputs, for each tap.
    pub(super) depth: usize,
    /// Positions of the kernel, row by row.
    pub(super) taps: usize,
    units: Units,
    /// The numbers of the units as bytes, in their place: what is held in 8 bits is widened a piece at a time.
    pub(super) bytes: Vec<i8>,
    /// What a unit of each column stands for, with zeros up to a whole panel; empty for f32.
    pub(super) scales: Vec<f32>,
    /// Greatest norm of any input's weights over each chunk of outputs, as numbers in the panels; empty for f32.
    pub(super) gradient_norms: Vec<f32>,
}

/// Lengths of the pieces in which a dimension of `depth` is summed: equal, multiples of 64, at most about `limit`.
pub(super) fn chunk_length(depth: usize, taps: usize) -> usize {
    let limit = if taps == 1 { 768 } else { 384 };
    let parts = depth.div_ceil(limit).max(1);
    depth.div_ceil(parts).next_multiple_of(64)
}

impl Packed {
    /// Packs `weight [columns, depth, taps]` (row-major, the order of published files).
    pub(crate) fn new(level: Level, format: Format, weight: &[f32], sizes: [usize; 3]) -> Self {
        let mut packed = Self::empty(level, format, weight, sizes);
        match format {
            Format::F32 => packed.fill_floats(weight),
            Format::I16 => packed.fill_wholes(weight, WHOLE_LIMIT),
        }
        packed
    }

    /// Packs `weight` as i16 whose numbers fit into 8 bits, and holds only these.
    pub(crate) fn narrow(level: Level, weight: &[f32], sizes: [usize; 3]) -> Self {
        let mut packed = Self::empty(level, Format::I16, weight, sizes);
        packed.fill_wholes(weight, BYTE_LIMIT);
        let units = std::mem::take(&mut packed.units);
        packed.bytes.reserve_exact(2 * 16 * units.0.len());
        for unit in units.0.iter().flat_map(|line| line.0) {
            packed.bytes.extend([unit as i8, (unit >> 16) as i8]);
        }
        packed
    }

    /// Room for `weight`.
    fn empty(
        level: Level,
        format: Format,
        weight: &[f32],
        [columns, depth, taps]: [usize; 3],
    ) -> Self {
        assert_eq!(weight.len(), columns * depth * taps, "sizes of a weight");
        let mut packed = Self {
            level,
            format,
            columns,
            depth,
            taps,
            units: Units::default(),
            bytes: Vec::new(),
            scales: Vec::new(),
            gradient_norms: Vec::new(),
        };
        packed.units = Units::zeros(packed.panels() * packed.panel_units());
        packed
    }

    /// Outputs.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Inputs.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Outputs, inputs and taps.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [self.columns, self.depth, self.taps]
    }

    /// Values that weights of `sizes` take, those of whole panels.
    pub(crate) fn values(level: Level, [columns, depth, taps]: [usize; 3]) -> usize {
        let whole = |side: usize| side.next_multiple_of(level.panel());
        whole(columns) * whole(depth) * taps
    }

    /// Memory of the numbers in bytes.
    pub(crate) fn units_bytes(&self) -> usize {
        self.units.bytes() + self.bytes.len()
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.units_bytes() + (self.scales.len() + self.gradient_norms.len()) * size_of::<f32>()
    }

    /// Panels of columns.
    pub(super) fn panels(&self) -> usize {
        self.columns.div_ceil(self.level.panel())
    }

    /// Inputs of a tap with zeros up to a whole panel, so that panels can be turned.
    fn depth_held(&self) -> usize {
        self.depth.next_multiple_of(self.level.panel())
    }

    /// Units that `depth` inputs take.
    pub(super) fn units_of(&self, depth: usize) -> usize {
        match self.format {
            Format::F32 => depth,
            Format::I16 => depth.div_ceil(2),
        }
    }

    /// Units of one tap of a panel.
    pub(super) fn tap_units(&self) -> usize {
        self.units_of(self.depth_held()) * self.level.panel()
    }

    /// Units of a panel.
    pub(super) fn panel_units(&self) -> usize {
        self.taps * self.tap_units()
    }

    /// Where a panel begins.
    pub(super) fn panel(&self, index: usize) -> *const u32 {
        self.units.as_ptr().wrapping_add(index * self.panel_units())
    }

    /// Where the unit of a column, tap and input lies.
    fn place(&self, column: usize, tap: usize, unit: usize) -> usize {
        let width = self.level.panel();
        column / width * self.panel_units() + tap * self.tap_units() + unit * width + column % width
    }

    /// Runs `f(first column, units)` for every panel, on all threads.
    fn each_panel(&mut self, f: impl Fn(&Self, usize, &mut [Line]) + Sync) {
        let (width, lines) = (self.level.panel(), self.panel_units() / 16);
        let mut units = std::mem::take(&mut self.units);
        let panels = units.0.par_chunks_mut(lines).enumerate();
        panels.for_each(|(index, units)| f(self, index * width, units));
        self.units = units;
    }

    fn fill_floats(&mut self, weight: &[f32]) {
        self.each_panel(|packed, first, units| {
            let row = packed.depth * packed.taps;
            let columns = packed.columns.min(first + packed.level.panel()) - first;
            for column in 0..columns {
                let row = &weight[(first + column) * row..][..row];
                for (input, inputs) in row.chunks(packed.taps).enumerate() {
                    for (tap, value) in inputs.iter().enumerate() {
                        let at = packed.place(column, tap, input);
                        units[at / 16].0[at % 16] = value.to_bits();
                    }
                }
            }
        });
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
        self.each_panel(|packed, first, units| {
            let columns = packed.columns.min(first + packed.level.panel()) - first;
            for column in 0..columns {
                let row = &weight[(first + column) * depth * taps..][..depth * taps];
                let whole = |value: f32| {
                    u32::from((rounded(value * factors[first + column]) as i16).cast_unsigned())
                };
                for (unit, inputs) in row.chunks(2 * taps).enumerate() {
                    let (low, high) = inputs.split_at(taps);
                    for (tap, &value) in low.iter().enumerate() {
                        let high = high.get(tap).map_or(0, |&value| whole(value));
                        let at = packed.place(column, tap, unit);
                        units[at / 16].0[at % 16] = whole(value) | high << 16;
                    }
                }
            }
        });
    }

    /// Measures the whole numbers of every input over each chunk of outputs.
    fn measure_gradient(&mut self, weight: &[f32], factors: &[f32]) {
        let (row, taps) = (self.depth * self.taps, self.taps);
        let chunk = chunk_length(self.columns, taps);
        let chunks = weight
            .par_chunks(chunk * row)
            .zip(factors.par_chunks(chunk));
        let greatest = chunks.map(|(rows, factors)| {
            let mut squares = vec![0.0f32; row];
            for (row, factor) in rows.chunks(row).zip(factors) {
                for (square, value) in squares.iter_mut().zip(row) {
                    let whole = value * factor;
                    *square += whole * whole;
                }
            }
            let inputs = squares
                .chunks(taps)
                .map(|squares| squares.iter().sum::<f32>());
            // rounding adds at most a half to every number
            let half = 0.5 * ((rows.len() / row * taps) as f32).sqrt();
            inputs.fold(0.0f32, f32::max).sqrt() + half
        });
        self.gradient_norms = greatest.collect();
    }

    /// The weights as they were given, up to the rounding of the format.
    pub(crate) fn unpacked(&self) -> Vec<f32> {
        let mut weight = Vec::with_capacity(self.columns * self.depth * self.taps);
        for column in 0..self.columns {
            for input in 0..self.depth {
                for tap in 0..self.taps {
                    weight.push(self.value(column, tap, input));
                }
            }
        }
        weight
    }

    fn value(&self, column: usize, tap: usize, input: usize) -> f32 {
        let unit = |at: usize| self.units.0[at / 16].0[at % 16];
        match self.format {
            Format::F32 => f32::from_bits(unit(self.place(column, tap, input))),
            Format::I16 if self.is_narrow() => {
                let at = 2 * self.place(column, tap, input / 2) + input % 2;
                f32::from(self.bytes[at]) * self.scales[column]
            }
            Format::I16 => {
                let pair = unit(self.place(column, tap, input / 2));
                let half = if input.is_multiple_of(2) {
                    pair
                } else {
                    pair >> 16
                };
                f32::from((half as u16).cast_signed()) * self.scales[column]
            }
        }
    }

    /// Whether the numbers are held in 8 bits.
    pub(super) fn is_narrow(&self) -> bool {
        !self.bytes.is_empty()
    }
}

/// The nearest whole number, by the addition of a number so large that no fraction fits beside it.
fn rounded(value: f32) -> f32 {
    const LARGE: f32 = 12_582_912.0;
    (value + LARGE) - LARGE
}

/// The factor that brings a row of weights to whole numbers of at most `most`. It is no number where the row is not finite,
/// so that results are not either; rows so small that their squares vanish become zeros.
fn row_factor(row: &[f32], chunk: usize, most: f32) -> f32 {
    const LARGEST: f32 = 1e18;
    let (mut norm, mut greatest) = (0.0f32, 0.0f32);
    for part in row.chunks(chunk) {
        let squares = part.iter().map(|value| value * value).sum::<f32>();
        if !squares.is_finite() {
            return f32::NAN;
        }
        norm = norm.max(squares.sqrt());
        greatest = part.iter().fold(greatest, |a, &b| a.max(b.abs()));
    }
    let limit = NORM_LIMIT.min(MEAN_LIMIT * (chunk.min(row.len()) as f32).sqrt());
    if greatest > 0.0 {
        (limit / norm).min(most / greatest).min(LARGEST)
    } else {
        1.0
    }
}

//! Weights in the order in which the tiles read them, packed once for forward and backward.
//!
//! A panel holds some columns (outputs): for every tap of the kernel and every input, one unit per column. For the
//! gradient of the input the same panels are turned a piece at a time, so that weights lie in memory once.

use std::borrow::Cow;

use super::super::level::Level;
use super::super::mapped::Numbers;
use super::super::weights::{KeptWeight, WeightFormat};
use super::halves;
use super::units::Line;

/// How weights are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// f32, exact.
    F32,
    /// i16 with a scale per output. Both operands of a product are scaled so that sums in i32 cannot overflow, by the
    /// inequality of Cauchy and Schwarz; the error is that of the operands' rounding, about 2e-4 of their root mean square.
    I16,
    /// bf16, whose products are summed in f32; each operand is rounded by up to 2⁻⁹ of itself.
    Bf16,
}

impl Format {
    /// Whether left operands of products with weights of this format may be rounded to bf16 before.
    pub(crate) fn takes_halves(self) -> bool {
        self == Self::Bf16
    }

    /// The format of products that sum over rows into the gradient of a weight of this one: bf16 in place of whole numbers where
    /// it is multiplied as quickly, since these need a factor for every column of every piece of the sum.
    pub(crate) fn of_sums(self, level: Level) -> Self {
        match self {
            Self::I16 if level.multiplies_halves() => Self::Bf16,
            other => other,
        }
    }

    /// Units that `depth` numbers take along the summed dimension.
    pub(super) fn units_of(self, depth: usize) -> usize {
        match self {
            Self::F32 => depth,
            Self::I16 => depth.div_ceil(2),
            Self::Bf16 => halves::units_of(depth),
        }
    }
}

/// The greatest Euclidean norm of one operand of a product of i16: rounding adds a little, and the product of both norms
/// must stay below 2³¹.
pub(in crate::kernels) const NORM_LIMIT: f32 = 46000.0;
/// The greatest number.
pub(super) const WHOLE_LIMIT: f32 = 32767.0;

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
    pub(super) units: Numbers<Line>,
    /// The numbers of the units as bytes, in their place: what is held in 8 bits is widened a piece at a time.
    pub(super) bytes: Numbers<i8>,
    /// What a unit of each column stands for, with zeros up to a whole panel; empty for f32 and bf16.
    pub(super) scales: Vec<f32>,
    /// Greatest norm of any input's weights over each chunk of outputs, as numbers in the panels; empty for f32 and bf16.
    pub(super) gradient_norms: Vec<f32>,
}

/// Lengths of the pieces in which a dimension of `depth` is summed: equal, multiples of 64, at most about `limit`.
pub(super) fn chunk_length(depth: usize, taps: usize) -> usize {
    let limit = if taps == 1 { 768 } else { 384 };
    let parts = depth.div_ceil(limit).max(1);
    depth.div_ceil(parts).next_multiple_of(64)
}

impl Packed {
    /// Weights that were packed earlier; nothing unless there are as many bytes as `sizes` ask for.
    pub(crate) fn kept(
        level: Level,
        format: WeightFormat,
        sizes: [usize; 3],
        kept: &KeptWeight,
    ) -> Option<Self> {
        let mut packed = Self::described(level, format.into(), sizes);
        let numbers = format.packed_bytes(sizes);
        let [scales, norms] = packed.measures();
        let length = numbers + measures_bytes(scales + norms);
        if kept.bytes.len() != length {
            return None;
        }
        let middle = kept.bytes.start + numbers;
        let range = kept.bytes.start..middle;
        match format {
            WeightFormat::Byte => packed.bytes = Numbers::mapped(&kept.file, range)?,
            _ => packed.units = Numbers::mapped(&kept.file, range)?,
        }
        let measures = kept.file.get(middle..kept.bytes.end)?.as_chunks().0.iter();
        let mut measures = measures.map(|&bytes| f32::from_ne_bytes(bytes));
        packed.scales = measures.by_ref().take(scales).collect();
        packed.gradient_norms = measures.take(norms).collect();
        Some(packed)
    }

    /// What [`Packed::kept`] takes: the numbers, and scales with gradient norms behind them, up to whole lines.
    pub(crate) fn pieces(&self) -> [Cow<'_, [u8]>; 2] {
        let numbers = if self.is_narrow() {
            self.bytes.as_bytes()
        } else {
            self.units.as_bytes()
        };
        let measures = self.scales.iter().chain(&self.gradient_norms);
        let mut measures: Vec<_> = measures.flat_map(|value| value.to_ne_bytes()).collect();
        measures.resize(measures_bytes(self.measures().iter().sum()), 0);
        [numbers.into(), measures.into()]
    }

    /// Weights without numbers.
    pub(super) fn described(
        level: Level,
        format: Format,
        [columns, depth, taps]: [usize; 3],
    ) -> Self {
        Self {
            level,
            format,
            columns,
            depth,
            taps,
            units: Numbers::default(),
            bytes: Numbers::default(),
            scales: Vec::new(),
            gradient_norms: Vec::new(),
        }
    }

    /// Lines of all panels.
    pub(super) fn lines(&self) -> usize {
        self.panels() * self.panel_units() / 16
    }

    /// How many scales and gradient norms there are.
    fn measures(&self) -> [usize; 2] {
        match self.format {
            Format::F32 | Format::Bf16 => [0, 0],
            Format::I16 => [
                self.panels() * self.level.panel(),
                self.columns.div_ceil(chunk_length(self.columns, self.taps)),
            ],
        }
    }

    /// Outputs.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Inputs.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether products with these weights take rows in bf16.
    pub(crate) fn takes_halves(&self) -> bool {
        self.format.takes_halves()
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
        self.units.as_bytes().len() + self.bytes.len()
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
        self.format.units_of(depth)
    }

    /// Units from one row of `depth` numbers to the next in an operand that meets these weights.
    pub(super) fn row_step(&self, depth: usize) -> usize {
        match self.format {
            Format::Bf16 => halves::row_step(depth),
            Format::F32 | Format::I16 => self.units_of(depth),
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
        let units: *const u32 = self.units.as_ptr().cast();
        units.wrapping_add(index * self.panel_units())
    }

    /// Where the unit of a column, tap and input lies.
    fn place(&self, column: usize, tap: usize, unit: usize) -> usize {
        let width = self.level.panel();
        column / width * self.panel_units() + tap * self.tap_units() + unit * width + column % width
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
        let unit = |at: usize| self.units[at / 16].0[at % 16];
        match self.format {
            Format::F32 => f32::from_bits(unit(self.place(column, tap, input))),
            Format::I16 if self.is_narrow() => {
                let at = 2 * self.place(column, tap, input / 2) + input % 2;
                f32::from(self.bytes[at]) * self.scales[column]
            }
            Format::I16 | Format::Bf16 => {
                let pair = unit(self.place(column, tap, input / 2));
                let half = if input.is_multiple_of(2) {
                    pair
                } else {
                    pair >> 16
                };
                if self.format == Format::Bf16 {
                    f32::from_bits(half << 16)
                } else {
                    f32::from((half as u16).cast_signed()) * self.scales[column]
                }
            }
        }
    }

    /// Whether the numbers are held in 8 bits.
    pub(super) fn is_narrow(&self) -> bool {
        !self.bytes.is_empty()
    }
}

/// Bytes of `count` scales and norms in a file, up to whole lines.
fn measures_bytes(count: usize) -> usize {
    (count * size_of::<f32>()).next_multiple_of(size_of::<Line>())
}

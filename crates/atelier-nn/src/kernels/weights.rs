//! Weights of frozen layers, as the kernels read them.

use super::level::Level;
use super::product::{Format, Packed};

/// How exactly frozen weights are held and multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WeightFormat {
    /// f32.
    #[default]
    Float,
    /// 16-bit integers with a scale per output: half the memory, products of 16 bits with exact sums.
    Whole,
    /// 8-bit integers with a scale per output: a quarter of the memory; products as of 16 bits.
    Byte,
}

impl From<WeightFormat> for Format {
    /// The format of the products.
    fn from(format: WeightFormat) -> Self {
        match format {
            WeightFormat::Float => Self::F32,
            WeightFormat::Whole | WeightFormat::Byte => Self::I16,
        }
    }
}

impl WeightFormat {
    /// Memory in bytes of a frozen weight of `sizes` (outputs, inputs, positions of the kernel), without its bias.
    pub fn packed_bytes(self, sizes: [usize; 3]) -> usize {
        let value = match self {
            Self::Float => 4,
            Self::Whole => 2,
            Self::Byte => 1,
        };
        Packed::values(Level::best(), sizes) * value
    }
}

/// A frozen weight with its bias: packed once, shared by all passes, never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    pub(super) packed: Packed,
    pub(super) bias: Option<Vec<f32>>,
}

impl Frozen {
    /// Packs `weight`, row-major `[outputs, inputs, positions]` (positions of the kernel, 1 for a linear map).
    ///
    /// # Panics
    /// Panics when the values do not fit the sizes.
    pub fn new(
        weight: &[f32],
        sizes: [usize; 3],
        bias: Option<Vec<f32>>,
        format: WeightFormat,
    ) -> Self {
        if let Some(bias) = &bias {
            assert_eq!(bias.len(), sizes[0], "a bias for every output");
        }
        Self {
            packed: match format {
                WeightFormat::Byte => Packed::narrow(Level::best(), weight, sizes),
                _ => Packed::new(Level::best(), format.into(), weight, sizes),
            },
            bias,
        }
    }

    /// Outputs, inputs, and positions of the kernel.
    pub fn sizes(&self) -> [usize; 3] {
        self.packed.sizes()
    }

    /// The weight in row-major order, up to the rounding of the format.
    pub fn weight(&self) -> Vec<f32> {
        self.packed.unpacked()
    }

    /// The bias.
    pub fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }

    /// Memory in bytes.
    pub fn bytes(&self) -> usize {
        self.packed.bytes() + self.bias.as_ref().map_or(0, Vec::len) * size_of::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_weight_follows_from_its_sizes() {
        for sizes in [[5, 3, 1], [70, 65, 1], [16, 33, 9]] {
            let weight = vec![0.5; sizes.iter().product()];
            for format in [WeightFormat::Float, WeightFormat::Whole, WeightFormat::Byte] {
                let held = Frozen::new(&weight, sizes, None, format).packed;
                assert_eq!(
                    held.units_bytes(),
                    format.packed_bytes(sizes),
                    "{format:?}, {sizes:?}"
                );
            }
        }
    }
}

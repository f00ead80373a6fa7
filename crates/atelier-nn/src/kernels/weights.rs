//! Weights of frozen layers, as the kernels read them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::level::Level;
use super::mapped::MappedFile;
use super::product::{Format, Packed};

/// The version of the order in which numbers are packed.
const ORDER: u32 = 1;

/// How exactly frozen weights are held and multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WeightFormat {
    /// f32.
    #[default]
    Float,
    /// 16 bits, half the memory: integers with a scale per output and exact sums, or bf16 where the processor has a unit
    /// that multiplies matrices of these.
    Whole,
    /// 8-bit integers with a scale per output: a quarter of the memory; products as of 16-bit integers.
    Byte,
}

impl From<WeightFormat> for Format {
    /// The format of the products on this processor.
    fn from(format: WeightFormat) -> Self {
        match format {
            WeightFormat::Float => Self::F32,
            WeightFormat::Whole if Level::best().multiplies_matrices() => Self::Bf16,
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

/// What has to be the same for weights that were packed by another process, beside their numbers: the order of these and the
/// width of their panels, which follows from the processor's instructions.
pub fn packing() -> String {
    format!("{ORDER}-{}", Level::best().panel())
}

/// A packed weight in a file.
#[derive(Debug, Clone)]
pub struct KeptWeight {
    /// The file.
    pub file: Arc<MappedFile>,
    /// Its bytes: the pieces of [`Frozen::pieces`] one behind the other, from a multiple of 64 bytes on.
    pub bytes: Range<usize>,
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

    /// A weight that was packed earlier, in the order of [`packing`]; nothing unless it is as long as the sizes and the
    /// format ask for.
    pub fn kept(
        kept: &KeptWeight,
        sizes: [usize; 3],
        bias: Option<Vec<f32>>,
        format: WeightFormat,
    ) -> Option<Self> {
        if bias.as_ref().is_some_and(|bias| bias.len() != sizes[0]) {
            return None;
        }
        let packed = Packed::kept(Level::best(), format, sizes, kept)?;
        Some(Self { packed, bias })
    }

    /// The packed weight without its bias as a file holds it: its numbers, and what they stand for. Each piece is a multiple
    /// of 64 bytes long.
    pub fn pieces(&self) -> [Cow<'_, [u8]>; 2] {
        self.packed.pieces()
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
    use std::io::Write as _;

    use super::*;

    const FORMATS: [WeightFormat; 3] =
        [WeightFormat::Float, WeightFormat::Whole, WeightFormat::Byte];

    fn numbers(sizes: [usize; 3]) -> Vec<f32> {
        (0..sizes.iter().product())
            .map(|i: usize| (i * 37 % 101) as f32 - 50.0)
            .collect()
    }

    fn in_a_file(weight: &Frozen) -> KeptWeight {
        let pieces = weight.pieces();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 64]).unwrap();
        for piece in &pieces {
            assert!(piece.len().is_multiple_of(64));
            file.write_all(piece).unwrap();
        }
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        KeptWeight {
            file: Arc::new(MappedFile::new(&file).unwrap()),
            bytes: 64..64 + length,
        }
    }

    #[test]
    fn a_weight_out_of_a_file_is_the_one_that_was_packed() {
        for sizes in [[5, 3, 1], [70, 65, 1], [16, 33, 9], [900, 20, 1]] {
            for format in FORMATS {
                let bias = Some(vec![1.0; sizes[0]]);
                let packed = Frozen::new(&numbers(sizes), sizes, bias.clone(), format);
                let kept = Frozen::kept(&in_a_file(&packed), sizes, bias, format);
                assert_eq!(kept, Some(packed), "{format:?}, {sizes:?}");
            }
        }
    }

    #[test]
    fn what_is_not_as_long_as_the_weight_is_refused() {
        let sizes = [70, 65, 1];
        for format in FORMATS {
            let packed = Frozen::new(&numbers(sizes), sizes, None, format);
            let kept = in_a_file(&packed);
            let fits = |bytes: Range<usize>, sizes, bias| {
                let file = Arc::clone(&kept.file);
                Frozen::kept(&KeptWeight { file, bytes }, sizes, bias, format).is_some()
            };
            let Range { start, end } = kept.bytes;
            assert!(fits(start..end, sizes, None));
            assert!(!fits(start..end, [70, 200, 1], None));
            assert!(!fits(start..end, sizes, Some(vec![0.0; 69])));
            assert!(!fits(start..end - 64, sizes, None));
            assert!(!fits(start - 64..end, sizes, None));
            assert!(!fits(start - 64..start, sizes, None));
            let is_anywhere = format == WeightFormat::Byte;
            assert_eq!(fits(start - 32..end - 32, sizes, None), is_anywhere);
            assert!(!fits(start + 64..end + 64, sizes, None));
        }
    }

    #[test]
    fn the_memory_of_a_weight_follows_from_its_sizes() {
        for sizes in [[5, 3, 1], [70, 65, 1], [16, 33, 9]] {
            let weight = vec![0.5; sizes.iter().product()];
            for format in FORMATS {
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

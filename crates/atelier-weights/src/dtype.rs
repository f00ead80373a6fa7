//! Number formats of stored tensors, and their conversion to and from `f32`. Stored numbers are little-endian.

use half::slice::HalfFloatSliceExt as _;
use half::{bf16, f16};

/// The number format of a stored tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 64-bit floating point.
    F64,
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point, 5 bits of exponent.
    F16,
    /// 16-bit floating point, 8 bits of exponent.
    BF16,
    /// Signed 64-bit integer.
    I64,
    /// Signed 32-bit integer.
    I32,
    /// Signed 16-bit integer.
    I16,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Truth value, one byte.
    Bool,
}

impl DType {
    /// Every format, in the order in which the safetensors library sorts tensors, last first.
    const ORDER: [Self; 10] = [
        Self::Bool,
        Self::U8,
        Self::I8,
        Self::I16,
        Self::F16,
        Self::BF16,
        Self::I32,
        Self::F32,
        Self::F64,
        Self::I64,
    ];

    /// The word for this format in a safetensors header.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
        }
    }

    /// The format for a word of a safetensors header.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ORDER.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes per number.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether numbers of this format are read as `f32`.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Where tensors of this format stand in a file: larger comes first.
    pub(crate) fn file_order(self) -> usize {
        Self::ORDER
            .iter()
            .position(|&dtype| dtype == self)
            .unwrap_or_default()
    }

    /// Appends the numbers in `bytes`; a length that is no multiple of the size drops the rest. Integers beyond 2^24 are rounded.
    pub fn decode(self, bytes: &[u8], out: &mut Vec<f32>) {
        match self {
            Self::F64 => out.extend(chunks::<8>(bytes).map(|b| f64::from_le_bytes(b) as f32)),
            Self::F32 => out.extend(chunks::<4>(bytes).map(f32::from_le_bytes)),
            Self::F16 => {
                let numbers: Vec<f16> = chunks::<2>(bytes).map(f16::from_le_bytes).collect();
                let start = out.len();
                out.resize(start + numbers.len(), 0.0);
                numbers.convert_to_f32_slice(&mut out[start..]);
            }
            Self::BF16 => out.extend(chunks::<2>(bytes).map(|b| bf16::from_le_bytes(b).to_f32())),
            Self::I64 => out.extend(chunks::<8>(bytes).map(|b| i64::from_le_bytes(b) as f32)),
            Self::I32 => out.extend(chunks::<4>(bytes).map(|b| i32::from_le_bytes(b) as f32)),
            Self::I16 => out.extend(chunks::<2>(bytes).map(|b| f32::from(i16::from_le_bytes(b)))),
            Self::I8 => out.extend(bytes.iter().map(|&b| f32::from(b.cast_signed()))),
            Self::U8 | Self::Bool => out.extend(bytes.iter().map(|&b| f32::from(b))),
        }
    }

    /// Appends one number in this format; the number itself comes back when it does not fit.
    pub fn encode(self, value: f32, out: &mut Vec<u8>) -> Result<(), f32> {
        match self {
            Self::F64 => out.extend(f64::from(value).to_le_bytes()),
            Self::F32 => out.extend(value.to_le_bytes()),
            Self::F16 => {
                let number = f16::from_f32(value);
                if number.is_infinite() && value.is_finite() {
                    return Err(value);
                }
                out.extend(number.to_le_bytes());
            }
            Self::BF16 => {
                let number = bf16::from_f32(value);
                if number.is_infinite() && value.is_finite() {
                    return Err(value);
                }
                out.extend(number.to_le_bytes());
            }
            _ => return self.encode_integer(value, out),
        }
        Ok(())
    }

    fn encode_integer(self, value: f32, out: &mut Vec<u8>) -> Result<(), f32> {
        /// Up to here every integer is an `f32`.
        const EXACT: f32 = 16_777_216.0;
        if value.fract() != 0.0 || !(-EXACT..=EXACT).contains(&value) {
            return Err(value);
        }
        let number = value as i64;
        let outside = |_| value;
        match self {
            Self::I64 => out.extend(number.to_le_bytes()),
            Self::I32 => out.extend(i32::try_from(number).map_err(outside)?.to_le_bytes()),
            Self::I16 => out.extend(i16::try_from(number).map_err(outside)?.to_le_bytes()),
            Self::I8 => out.extend(i8::try_from(number).map_err(outside)?.to_le_bytes()),
            Self::U8 => out.extend(u8::try_from(number).map_err(outside)?.to_le_bytes()),
            Self::Bool if number == 0 || number == 1 => out.push(u8::from(number == 1)),
            _ => return Err(value),
        }
        Ok(())
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(dtype: DType, bytes: &[u8]) -> Vec<f32> {
        let mut out = Vec::new();
        dtype.decode(bytes, &mut out);
        out
    }

    #[test]
    fn every_f16_reads_as_the_reference_conversion_and_writes_back() {
        for bits in 0..=u16::MAX {
            let value = decoded(DType::F16, &bits.to_le_bytes())[0];
            let expected = f16::from_bits(bits).to_f32();
            assert!(value.to_bits() == expected.to_bits() || (value.is_nan() && expected.is_nan()));
            if !value.is_nan() {
                let mut bytes = Vec::new();
                DType::F16.encode(value, &mut bytes).unwrap();
                assert_eq!(bytes, bits.to_le_bytes());
            }
        }
    }

    #[test]
    fn every_bf16_is_the_upper_half_of_an_f32() {
        for bits in 0..=u16::MAX {
            let value = decoded(DType::BF16, &bits.to_le_bytes())[0];
            assert!(value.is_nan() || value.to_bits() == u32::from(bits) << 16);
            if !value.is_nan() {
                let mut bytes = Vec::new();
                DType::BF16.encode(value, &mut bytes).unwrap();
                assert_eq!(bytes, bits.to_le_bytes());
            }
        }
    }

    #[test]
    fn subnormals_round_to_nearest_even() {
        let smallest = 2f32.powi(-24);
        for (value, bits) in [
            (smallest, 1u16),
            (smallest * 0.5, 0),
            (smallest * 1.5, 2),
            (smallest * 0.75, 1),
            (-smallest, 0x8001),
            (2f32.powi(-14) - smallest, 0x03ff),
        ] {
            let mut bytes = Vec::new();
            DType::F16.encode(value, &mut bytes).unwrap();
            assert_eq!(bytes, bits.to_le_bytes(), "{value:e}");
        }
    }

    #[test]
    fn values_that_do_not_fit_come_back() {
        let mut out = Vec::new();
        assert_eq!(DType::F16.encode(65_520.0, &mut out), Err(65_520.0));
        assert_eq!(DType::F16.encode(-1e9, &mut out), Err(-1e9));
        assert_eq!(DType::BF16.encode(f32::MAX, &mut out), Err(f32::MAX));
        assert_eq!(DType::I64.encode(0.5, &mut out), Err(0.5));
        assert_eq!(DType::U8.encode(-1.0, &mut out), Err(-1.0));
        assert!(DType::I64.encode(f32::NAN, &mut out).is_err());
        assert!(out.is_empty());
        assert_eq!(DType::F16.encode(65_504.0, &mut out), Ok(()));
    }

    #[test]
    fn f64_and_f32_read_exactly() {
        assert_eq!(decoded(DType::F64, &1.5f64.to_le_bytes()), [1.5]);
        assert_eq!(decoded(DType::F32, &(-0.1f32).to_le_bytes()), [-0.1]);
    }
}

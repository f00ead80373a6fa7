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
    /// 8-bit floating point, 4 bits of exponent, up to 448, without infinities.
    F8E4M3,
    /// 8-bit floating point, 5 bits of exponent: the upper half of an f16.
    F8E5M2,
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
    const ORDER: [Self; 12] = [
        Self::Bool,
        Self::U8,
        Self::I8,
        Self::F8E5M2,
        Self::F8E4M3,
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
            Self::F8E4M3 => "F8_E4M3",
            Self::F8E5M2 => "F8_E5M2",
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
            Self::F8E4M3 | Self::F8E5M2 | Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// The format in which changed numbers of a file are written again: this one, but for floats of 8 bits, which would lose
    /// most of a small change; f16 has all their numbers.
    #[must_use]
    pub fn to_write_again(self) -> Self {
        match self {
            Self::F8E4M3 | Self::F8E5M2 => Self::F16,
            other => other,
        }
    }

    /// Whether numbers of this format are read as `f32`.
    pub fn is_float(self) -> bool {
        match self {
            Self::F64 | Self::F32 | Self::F16 | Self::BF16 | Self::F8E4M3 | Self::F8E5M2 => true,
            Self::I64 | Self::I32 | Self::I16 | Self::I8 | Self::U8 | Self::Bool => false,
        }
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
            Self::F8E4M3 => E4M3.decode(bytes, out),
            Self::F8E5M2 => E5M2.decode(bytes, out),
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
            Self::F8E4M3 => out.push(E4M3.nearest(value).ok_or(value)?),
            Self::F8E5M2 => out.push(E5M2.nearest(value).ok_or(value)?),
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

/// How the bits of an 8-bit float are shared out, below the sign.
struct Small {
    mantissa_bits: i32,
    /// Exponent of the smallest normal number, of which subnormal ones are parts.
    least_exponent: i32,
    /// The bits of the largest finite number.
    largest: u8,
    /// The bits of infinity, where there is one. All above are no numbers.
    infinity: Option<u8>,
}

const E4M3: Small = Small {
    mantissa_bits: 3,
    least_exponent: -6,
    largest: 0x7e,
    infinity: None,
};
const E5M2: Small = Small {
    mantissa_bits: 2,
    least_exponent: -14,
    largest: 0x7b,
    infinity: Some(0x7c),
};
/// The bit of the sign.
const SIGN: u8 = 0x80;

impl Small {
    fn decode(&self, bytes: &[u8], out: &mut Vec<f32>) {
        let values: Vec<f32> = (0..=u8::MAX).map(|byte| self.value(byte)).collect();
        out.extend(bytes.iter().map(|&byte| values[usize::from(byte)]));
    }

    fn value(&self, byte: u8) -> f32 {
        let bits = byte & !SIGN;
        let magnitude = if bits <= self.largest {
            let exponent = i32::from(bits >> self.mantissa_bits);
            let fraction = i32::from(bits) - (exponent << self.mantissa_bits);
            // a normal number has one bit more than is stored
            let implied = i32::from(exponent > 0) << self.mantissa_bits;
            let unit = self.least_exponent + (exponent - 1).max(0) - self.mantissa_bits;
            (fraction + implied) as f32 * 2_f32.powi(unit)
        } else if self.infinity == Some(bits) {
            f32::INFINITY
        } else {
            f32::NAN
        };
        magnitude.copysign(if byte & SIGN == 0 { 1.0 } else { -1.0 })
    }

    /// The nearest number, the even one of two. None beyond the largest.
    fn nearest(&self, value: f32) -> Option<u8> {
        let sign = if value.is_sign_negative() { SIGN } else { 0 };
        if value.is_nan() {
            return Some(sign | 0x7f);
        }
        if value.is_infinite() {
            return self.infinity.map(|infinity| sign | infinity);
        }
        // exponent of an f32; all that are subnormal there are far below the smallest number here
        let exponent = ((value.abs().to_bits() >> 23).cast_signed() - 127).max(self.least_exponent);
        let unit = exponent - self.mantissa_bits;
        let units = (f64::from(value.abs()) * 2_f64.powi(-unit)).round_ties_even() as i32;
        // what is rounded up to the next power carries into the exponent
        let bits = ((exponent - self.least_exponent) << self.mantissa_bits) + units;
        let bits = u8::try_from(bits)
            .ok()
            .filter(|bits| *bits <= self.largest)?;
        Some(sign | bits)
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
        assert_eq!(DType::F8E4M3.encode(-465.0, &mut out), Err(-465.0));
        // halfway to what would be the next number, which is even
        assert_eq!(DType::F8E5M2.encode(61_440.0, &mut out), Err(61_440.0));
        assert!(DType::F8E4M3.encode(f32::INFINITY, &mut out).is_err());
        assert_eq!(DType::I64.encode(0.5, &mut out), Err(0.5));
        assert_eq!(DType::U8.encode(-1.0, &mut out), Err(-1.0));
        assert!(DType::I64.encode(f32::NAN, &mut out).is_err());
        assert!(out.is_empty());
        assert_eq!(DType::F16.encode(65_504.0, &mut out), Ok(()));
        // halfway from the largest, which is even
        assert_eq!(DType::F8E4M3.encode(464.0, &mut out), Ok(()));
        assert_eq!(out.last(), Some(&0x7e));
    }

    #[test]
    fn every_8_bit_float_is_written_back() {
        for dtype in [DType::F8E4M3, DType::F8E5M2] {
            for byte in 0..=u8::MAX {
                let value = decoded(dtype, &[byte])[0];
                let mut bytes = Vec::new();
                dtype.encode(value, &mut bytes).unwrap();
                assert!(bytes == [byte] || value.is_nan(), "{dtype} {byte:#x}");
            }
        }
    }

    #[test]
    fn an_e5m2_is_the_upper_half_of_an_f16() {
        for byte in 0..=u8::MAX {
            let expected = f16::from_bits(u16::from(byte) << 8).to_f32();
            let value = decoded(DType::F8E5M2, &[byte])[0];
            assert!(value.to_bits() == expected.to_bits() || (value.is_nan() && expected.is_nan()));
        }
    }

    #[test]
    fn f64_and_f32_read_exactly() {
        assert_eq!(decoded(DType::F64, &1.5f64.to_le_bytes()), [1.5]);
        assert_eq!(decoded(DType::F32, &(-0.1f32).to_le_bytes()), [-0.1]);
    }
}

//! Tensors with names, formats and shapes, and the file that says so: its places always agree with its shapes.

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use serde_json::{Map, Value, json};

/// Most bytes of a tensor: more than any machine has, and far from what overflows a sum.
const MOST_BYTES: u64 = 1 << 40;

/// Number formats: those that are read, and some that are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub enum Format {
    F16,
    Bf16,
    F32,
    F64,
    I64,
    I32,
    U8,
    Bool,
    F8,
}

impl Format {
    /// The word in a header.
    fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
            Self::F8 => "F8_E4M3",
        }
    }

    /// A number in this format.
    pub fn bytes(self, number: f32) -> Vec<u8> {
        match self {
            // Half precision is cut out of single precision; which number that is does not matter.
            Self::F16 | Self::Bf16 => number.to_le_bytes()[2..].to_vec(),
            Self::F32 => number.to_le_bytes().to_vec(),
            Self::F64 => f64::from(number).to_le_bytes().to_vec(),
            Self::I64 => (number as i64).to_le_bytes().to_vec(),
            Self::I32 => (number as i32).to_le_bytes().to_vec(),
            Self::U8 | Self::Bool | Self::F8 => vec![number as u8],
        }
    }

    fn size_bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::U8 | Self::Bool | Self::F8 => 1,
        }
    }
}

/// The length of an axis: mostly small, sometimes absurd.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Axis {
    Small(u8),
    Wide(u16),
    Any(u64),
}

impl Axis {
    /// The number.
    pub fn length(self) -> u64 {
        match self {
            Self::Small(length) => u64::from(length % 17),
            Self::Wide(length) => length.into(),
            Self::Any(length) => length,
        }
    }
}

/// What a header says about one tensor, and its bytes where they are not zeros.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub format: Format,
    pub shape: Vec<u64>,
    pub bytes: Vec<u8>,
}

impl Tensor {
    /// A tensor of zeros.
    pub fn zeros(format: Format, shape: Vec<u64>) -> Self {
        Self {
            format,
            shape,
            bytes: Vec::new(),
        }
    }

    /// How many numbers it has; none where they are more than any file holds.
    pub fn numbers(&self) -> Option<u64> {
        let axes = self.shape.iter();
        let count = axes.copied().try_fold(1, u64::checked_mul)?;
        (count <= MOST_BYTES / 8).then_some(count)
    }
}

/// The tensors of a file by name.
#[derive(Debug, Clone, Default)]
pub struct Tensors {
    pub tensors: BTreeMap<String, Tensor>,
    pub metadata: BTreeMap<String, String>,
}

impl Tensors {
    /// The header with its length and all bytes up to the last that is not zero, and how many zeros follow.
    pub fn file(&self) -> (Vec<u8>, u64) {
        let (mut header, mut end, mut data) = (Map::new(), 0, Vec::new());
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), json!(self.metadata));
        }
        // Those with bytes first, so that the hole of zeros lies at the end.
        let (full, empty): (Vec<_>, Vec<_>) = self
            .tensors
            .iter()
            .filter(|(name, _)| *name != "__metadata__")
            .partition(|(_, tensor)| !tensor.bytes.is_empty());
        for (name, tensor) in full.into_iter().chain(empty) {
            let Some(numbers) = tensor.numbers() else {
                continue;
            };
            let begin = end;
            end += numbers * tensor.format.size_bytes();
            let place = json!({
                "dtype": tensor.format.name(),
                "shape": tensor.shape,
                "data_offsets": [begin, end],
            });
            header.insert(name.clone(), place);
            if !tensor.bytes.is_empty() {
                let (data_end, zeros) = (end as usize, std::iter::repeat(0));
                let missing = data_end - data.len();
                data.extend(tensor.bytes.iter().copied().chain(zeros).take(missing));
            }
        }
        let zeros = end - data.len() as u64;
        let json = Value::Object(header).to_string();
        (framed(json.as_bytes(), &data), zeros)
    }
}

/// A file with this header, its length in front, and these bytes behind it.
pub fn framed(header: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    bytes
}

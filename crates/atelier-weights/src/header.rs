//! The header of a safetensors file: 8 bytes of length, then JSON that names each tensor's format, shape and place.
//!
//! Everything in it is checked before it is believed: sizes against the file, places against each other.

mod raw;

use std::collections::{BTreeMap, BTreeSet};

use crate::DType;
use raw::{RawHeader, RawTensor};

/// Longest header that is read; the safetensors library has the same limit.
pub(crate) const MAX_HEADER_BYTES: u64 = 100_000_000;
/// The key that holds the metadata.
pub(crate) const METADATA_KEY: &str = "__metadata__";

/// What a file says about one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The number format.
    pub dtype: DType,
    /// The length of each axis, outermost first; empty for a single number.
    pub shape: Vec<usize>,
}

/// One tensor and where its numbers lie, counted from the end of the header.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) info: TensorInfo,
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

/// A checked header.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Reads the length in front of the header and compares it with the size of the file.
pub(crate) fn header_len(first: [u8; 8], file_bytes: u64) -> Result<u64, String> {
    let len = u64::from_le_bytes(first);
    if len > MAX_HEADER_BYTES {
        return Err(format!(
            "it is not a safetensors file, or its header is larger than {MAX_HEADER_BYTES} bytes (it claims {len})"
        ));
    }
    if len > file_bytes.saturating_sub(8) {
        return Err(format!(
            "truncated: the header claims {len} bytes, the file has {file_bytes}"
        ));
    }
    Ok(len)
}

impl Header {
    /// Parses the JSON of a header whose numbers take `data_bytes` bytes in the file.
    pub(crate) fn parse(json: &[u8], data_bytes: u64) -> Result<Self, String> {
        if json.first() != Some(&b'{') {
            return Err("it is not a safetensors file: its header does not start with `{`".into());
        }
        let raw: RawHeader = serde_json::from_slice(json)
            .map_err(|error| format!("its header cannot be read: {error}"))?;
        let mut entries = BTreeMap::new();
        for (name, tensor) in raw.tensors {
            entries.insert(name.clone(), tensor.checked(&name)?);
        }
        check_places(&entries, data_bytes)?;
        check_scales(&entries)?;
        Ok(Self {
            entries,
            metadata: raw.metadata,
        })
    }
}

/// Names by which programs say that 8-bit weights are not what they stand for, wherever they are in a file.
const MARKS: [&str; 2] = ["scaled_fp8", "comfy_quant"];

/// Weights of models and adapters that are called so whatever their format is.
const NO_SCALES: [&str; 4] = [
    "logit_scale",
    "dora_scale",
    "scale_factor",
    "scale_shift_table",
];

/// Numbers of 8 bits that count times other tensors would be read as other weights. Programs call these `scale_weight`,
/// `weight_scale`, `weight_scale_inv` or `scale`, beside the weight.
fn check_scales(entries: &BTreeMap<String, Entry>) -> Result<(), String> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let stem = |name: &str| name.len() - last(name).len();
    let is_small =
        |entry: &Entry| entry.info.dtype.is_float() && entry.info.dtype.size_bytes() == 1;
    let small = entries.iter().filter(|(_, entry)| is_small(entry));
    let small: Vec<&String> = small.map(|(name, _)| name).collect();
    let stems: BTreeSet<&str> = small.iter().map(|name| &name[..stem(name)]).collect();
    let is_scale = |name: &&String| {
        let word = last(name);
        let is_scale = word.contains("scale") && !NO_SCALES.contains(&word.as_str());
        let beside = is_scale && stems.contains(&name[..stem(name)]);
        beside || MARKS.contains(&word.as_str())
    };
    let scale = entries.keys().find(is_scale).filter(|_| !small.is_empty());
    scale.map_or(Ok(()), |scale| {
        Err(format!(
            "its weights of 8 bits have scales in other tensors, such as `{scale}`, which are not read; take the f16 version of the file"
        ))
    })
}

/// The tensors must fill the data without gaps and without sharing a byte.
fn check_places(entries: &BTreeMap<String, Entry>, data_bytes: u64) -> Result<(), String> {
    let mut places: Vec<_> = entries.iter().collect();
    places.sort_by_key(|(_, entry)| (entry.begin, entry.end));
    let mut filled = 0;
    for (name, entry) in places {
        if entry.end > data_bytes {
            return Err(format!(
                "truncated: tensor `{name}` ends at byte {} of the data, the file has {data_bytes}",
                entry.end
            ));
        }
        if entry.begin != filled {
            let what = if entry.begin < filled {
                "overlaps the one before it"
            } else {
                "leaves a gap before it"
            };
            return Err(format!(
                "tensor `{name}` {what}: it begins at byte {} of the data, expected {filled}",
                entry.begin
            ));
        }
        filled = entry.end;
    }
    if filled != data_bytes {
        return Err(format!(
            "its tensors take {filled} bytes, but {data_bytes} follow the header"
        ));
    }
    Ok(())
}

impl RawTensor {
    fn checked(self, name: &str) -> Result<Entry, String> {
        let [begin, end] = self.data_offsets;
        let dtype = DType::from_name(&self.dtype).ok_or_else(|| {
            let hint = if self.dtype.starts_with("F8") {
                ", 8-bit floating point; take the f16 version of the file"
            } else {
                ""
            };
            format!(
                "tensor `{name}` has the unsupported number format `{}`{hint}",
                self.dtype
            )
        })?;
        let shape = self
            .shape
            .0
            .iter()
            .map(|&axis| usize::try_from(axis).ok())
            .collect::<Option<Vec<_>>>();
        let claimed = end.checked_sub(begin);
        let needed = shape.as_deref().and_then(|shape| {
            shape
                .iter()
                .try_fold(dtype.size_bytes() as u64, |bytes, &axis| {
                    bytes.checked_mul(axis as u64)
                })
        });
        match (shape, claimed, needed) {
            (Some(shape), Some(claimed), Some(needed)) if claimed == needed => Ok(Entry {
                info: TensorInfo { dtype, shape },
                begin,
                end,
            }),
            _ => Err(format!(
                "tensor `{name}` of shape {:?} and format {dtype} cannot lie at bytes {begin} to {end}",
                self.shape.0
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn metadata_of_null_are_none() {
        let json = br#"{"__metadata__":null,"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let header = Header::parse(json, 4).unwrap();
        assert!(header.metadata.is_empty() && header.entries.len() == 1);
    }

    #[test]
    fn what_is_called_a_scale_in_every_format_is_none_of_8_bits() {
        let header = |name: &str| {
            let small = r#"{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}"#;
            let other = r#"{"dtype":"F8_E4M3","shape":[1],"data_offsets":[4,5]}"#;
            let json = format!(r#"{{"m.text_projection":{small},"m.{name}":{other}}}"#);
            Header::parse(json.as_bytes(), 5)
        };
        for name in NO_SCALES {
            assert!(header(name).is_ok(), "{name}");
        }
        for name in ["scale_weight", "weight_scale", "scale", "input_scale"] {
            let error = header(name).unwrap_err();
            assert!(error.contains("have scales in other tensors"), "{error}");
        }
    }

    #[test]
    fn a_header_that_asks_for_much_memory_is_refused() {
        let pairs = |count: usize| {
            let pairs = (0..count).map(|number| format!("\"{number}\":\"\""));
            let pairs = pairs.collect::<Vec<_>>().join(",");
            format!("{{\"__metadata__\":{{{pairs}}}}}")
        };
        let most = raw::MAX_METADATA;
        let header = Header::parse(pairs(most).as_bytes(), 0).unwrap();
        assert_eq!(header.metadata.len(), most);
        let error = Header::parse(pairs(most + 1).as_bytes(), 0).unwrap_err();
        assert!(error.contains("more than 10000 metadata"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(json in proptest::collection::vec(any::<u8>(), 0..200), data in any::<u64>()) {
            let _ = Header::parse(&json, data);
        }

        #[test]
        fn arbitrary_places_never_panic_and_accepted_ones_fit(
            shape in proptest::collection::vec(any::<u64>(), 0..10),
            begin in any::<u64>(), end in any::<u64>(), data in any::<u64>(),
            dtype in "F16|F32|F64|I64|F8_E4M3|BOOL",
        ) {
            let json = format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}}}"#);
            if let Ok(header) = Header::parse(json.as_bytes(), data) {
                prop_assert_eq!((header.entries["a"].begin, header.entries["a"].end), (0, data));
            }
        }

        #[test]
        fn damaged_headers_never_panic(at in 0usize..120, byte in any::<u8>(), data in 0u64..64) {
            let mut json = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"F16","shape":[],"data_offsets":[16,18]}}"#.to_vec();
            json[at] = byte;
            let _ = Header::parse(&json, data);
        }
    }
}

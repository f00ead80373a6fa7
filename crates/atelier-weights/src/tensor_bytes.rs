//! A safetensors file that lies in memory, such as one that was compiled into the program.

use std::path::Path;

use crate::header::{Entry, Header, header_len};
use crate::{Error, Result, TensorInfo};

/// The bytes of a safetensors file whose header was found sound.
#[derive(Debug)]
pub struct TensorBytes<'a> {
    name: &'a str,
    data: &'a [u8],
    header: Header,
}

impl<'a> TensorBytes<'a> {
    /// Checks the header against the size. `name` stands for the file in messages.
    pub fn new(name: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let bad = |problem: String| Error::bad_weights(Path::new(name), problem);
        let (first, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| {
            let held = bytes.len();
            bad(format!(
                "truncated: it has {held} bytes, a header needs more than 8"
            ))
        })?;
        let len = header_len(*first, bytes.len() as u64).map_err(bad)?;
        let (json, data) = rest.split_at(len as usize);
        let header = Header::parse(json, data.len() as u64).map_err(bad)?;
        Ok(Self { name, data, header })
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.header.entries.keys().map(String::as_str)
    }

    /// Format and shape of a tensor.
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.header.entries.get(name).map(|entry| &entry.info)
    }

    /// The numbers of a floating-point tensor.
    pub fn read_f32(&self, name: &str) -> Result<Vec<f32>> {
        let bad = |problem: String| Error::bad_weights(Path::new(self.name), problem);
        let Some(Entry { info, begin, end }) = self.header.entries.get(name) else {
            return Err(bad(format!("it has no tensor `{name}`")));
        };
        let dtype = info.dtype;
        if !dtype.is_float() {
            return Err(bad(format!(
                "tensor `{name}` holds {dtype}, expected floating-point numbers"
            )));
        }
        // Both fit: the header was checked against the bytes.
        let bytes = &self.data[*begin as usize..*end as usize];
        let mut numbers = Vec::with_capacity(bytes.len() / dtype.size_bytes());
        dtype.decode(bytes, &mut numbers);
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.extend(data);
        bytes
    }

    const HEADER: &str = r#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"n":{"dtype":"I8","shape":[1],"data_offsets":[4,5]}}"#;

    #[test]
    fn numbers_are_those_of_the_bytes() {
        let bytes = file(HEADER, &[0x00, 0x3c, 0x00, 0xc0, 7]);
        let tensors = TensorBytes::new("weights", &bytes).unwrap();
        assert_eq!(tensors.names().collect::<Vec<_>>(), ["a", "n"]);
        assert_eq!(tensors.info("a").unwrap().shape, [2]);
        assert_eq!(tensors.read_f32("a").unwrap(), [1.0, -2.0]);
        let message = |name| tensors.read_f32(name).unwrap_err().to_string();
        assert!(message("n").contains("holds I8"), "{}", message("n"));
        assert!(message("b").contains("no tensor `b`"), "{}", message("b"));
    }

    #[test]
    fn bytes_that_end_too_early_are_refused() {
        let bytes = file(HEADER, &[0; 5]);
        for len in 0..bytes.len() {
            let error = TensorBytes::new("weights", &bytes[..len]).unwrap_err();
            assert!(error.to_string().contains("weights"), "{error}");
        }
    }
}

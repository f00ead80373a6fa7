//! Writing safetensors files, byte for byte as the safetensors library lays them out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::hash::hex;
use crate::header::METADATA_KEY;
use crate::{DType, Error, Result, atomic};

/// A tensor to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct OutTensor {
    /// Its name.
    pub name: String,
    /// The number format to store.
    pub dtype: DType,
    /// The length of each axis, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers, innermost axis fastest. Integer formats take integers up to 2^24.
    pub data: Vec<f32>,
}

/// Writes tensors and metadata to a file that appears only when it is complete.
///
/// A finite value that the number format cannot hold is an error that names the tensor.
pub fn write_tensors(
    path: impl AsRef<Path>,
    tensors: &[OutTensor],
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let path = path.as_ref();
    let layout = FileLayout::new(path, tensors)?;
    atomic::write_file(path, |out| layout.write(metadata, out))
}

/// Bytes that are written as they are.
#[derive(Debug, Clone)]
pub struct StoredBytes<'a> {
    /// What they are called.
    pub name: String,
    /// One behind the other.
    pub pieces: Vec<Cow<'a, [u8]>>,
}

/// Where the bytes of [`write_stored`] begin.
const STORED_ALIGNMENT: usize = 64;

/// Writes bytes as tensors of one axis in the order given, from a multiple of 64 bytes of the file on, so that it can be
/// mapped. The file appears when it is complete, but its way to the disk is not waited for.
pub fn write_stored(
    path: impl AsRef<Path>,
    stored: &[StoredBytes<'_>],
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let length = |one: &StoredBytes<'_>| [one.pieces.iter().map(|piece| piece.len()).sum()];
    let lengths: Vec<[usize; 1]> = stored.iter().map(length).collect();
    let described = stored.iter().zip(&lengths);
    let described = described.map(|(one, length)| (one.name.as_str(), DType::U8, &length[..]));
    let header = aligned_header(described, metadata, STORED_ALIGNMENT);
    atomic::write_file_lazily(path, |out| {
        out.write_all(&header)?;
        let mut pieces = stored.iter().flat_map(|one| &one.pieces);
        pieces.try_for_each(|piece| out.write_all(piece))
    })
}

/// Tensors that were found sound, in file order.
pub struct FileLayout<'a> {
    tensors: Vec<&'a OutTensor>,
}

impl<'a> FileLayout<'a> {
    /// Checks the tensors, which are meant for `path`, and sorts them: widest number format first, then by name.
    pub fn new(path: &Path, tensors: &'a [OutTensor]) -> Result<Self> {
        let mut names = BTreeSet::new();
        for tensor in tensors {
            let fresh = names.insert(tensor.name.as_str()) && tensor.name != METADATA_KEY;
            check_tensor(path, tensor, fresh)?;
        }
        let mut tensors: Vec<_> = tensors.iter().collect();
        tensors.sort_by(|a, b| {
            let wider_first = b.dtype.file_order().cmp(&a.dtype.file_order());
            wider_first.then_with(|| a.name.cmp(&b.name))
        });
        Ok(Self { tensors })
    }

    /// Writes length, header and numbers.
    pub fn write(
        &self,
        metadata: &BTreeMap<String, String>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        out.write_all(&self.header(metadata))?;
        self.write_data(out)
    }

    fn header(&self, metadata: &BTreeMap<String, String>) -> Vec<u8> {
        let tensors = self.tensors.iter();
        let described =
            tensors.map(|tensor| (tensor.name.as_str(), tensor.dtype, &tensor.shape[..]));
        header(described, metadata)
    }

    fn write_data(&self, out: &mut dyn Write) -> io::Result<()> {
        const CHUNK: usize = 1 << 16;
        let mut bytes = Vec::with_capacity(CHUNK * 2);
        for tensor in &self.tensors {
            for values in tensor.data.chunks(CHUNK) {
                bytes.clear();
                for &value in values {
                    tensor
                        .dtype
                        .encode(value, &mut bytes)
                        .map_err(|_| io::ErrorKind::InvalidData)?;
                }
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    /// The hashes that adapter readers look for, of a file with only this metadata.
    pub fn hashes(&self, metadata: &BTreeMap<String, String>) -> io::Result<Hashes> {
        let header = self.header(metadata);
        let mut sink = HashSink {
            position: header.len() as u64,
            data: Sha256::new(),
            window: Sha256::new(),
        };
        // A header that reaches into the window is hashed there too.
        sink.window.update(in_window(0, &header));
        self.write_data(&mut sink)?;
        let mut legacy = hex(&sink.window.finalize());
        legacy.truncate(8);
        Ok(Hashes {
            model: hex(&sink.data.finalize()),
            legacy,
        })
    }
}

/// What identifies a file of weights to other programs.
pub struct Hashes {
    /// SHA-256 of everything after the header.
    pub model: String,
    /// The first 8 digits of the SHA-256 of 64 KiB at 1 MiB.
    pub legacy: String,
}

struct HashSink {
    position: u64,
    data: Sha256,
    window: Sha256,
}

impl Write for HashSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.data.update(bytes);
        self.window.update(in_window(self.position, bytes));
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The part of `bytes`, which stand at `position` in the file, that lies in the 64 KiB at 1 MiB.
fn in_window(position: u64, bytes: &[u8]) -> &[u8] {
    const BEGIN: u64 = 0x10_0000;
    const END: u64 = BEGIN + 0x1_0000;
    let from = BEGIN.saturating_sub(position).min(bytes.len() as u64);
    let to = END.saturating_sub(position).min(bytes.len() as u64);
    &bytes[from as usize..to as usize]
}

/// The length and the JSON of a file with these tensors one behind the other, padded with spaces to a multiple of 8 bytes.
pub(crate) fn header<'t>(
    tensors: impl Iterator<Item = (&'t str, DType, &'t [usize])>,
    metadata: &BTreeMap<String, String>,
) -> Vec<u8> {
    aligned_header(tensors, metadata, 8)
}

/// [`header`], padded to a multiple of `alignment` bytes.
fn aligned_header<'t>(
    tensors: impl Iterator<Item = (&'t str, DType, &'t [usize])>,
    metadata: &BTreeMap<String, String>,
    alignment: usize,
) -> Vec<u8> {
    let mut fields = Vec::new();
    if !metadata.is_empty() {
        fields.push(format!("\"{METADATA_KEY}\":{}", json_map(metadata)));
    }
    let mut begin = 0;
    for (name, dtype, shape) in tensors {
        let end = begin + shape.iter().product::<usize>() * dtype.size_bytes();
        let shape: Vec<_> = shape.iter().map(ToString::to_string).collect();
        fields.push(format!(
            r#"{}:{{"dtype":"{dtype}","shape":[{}],"data_offsets":[{begin},{end}]}}"#,
            json_text(name),
            shape.join(",")
        ));
        begin = end;
    }
    let mut json = format!("{{{}}}", fields.join(",")).into_bytes();
    json.resize((8 + json.len()).next_multiple_of(alignment) - 8, b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.append(&mut json);
    header
}

fn check_tensor(path: &Path, tensor: &OutTensor, fresh: bool) -> Result<()> {
    let unwritable = |problem: String| Error::Unwritable {
        path: path.to_owned(),
        tensor: tensor.name.clone(),
        problem,
    };
    if !fresh {
        return Err(unwritable("comes twice or has a reserved name".to_owned()));
    }
    if tensor.shape.iter().product::<usize>() != tensor.data.len() {
        return Err(unwritable(format!(
            "of shape {:?} has {} numbers",
            tensor.shape,
            tensor.data.len()
        )));
    }
    let mut scratch = Vec::with_capacity(8);
    for &value in &tensor.data {
        scratch.clear();
        tensor
            .dtype
            .encode(value, &mut scratch)
            .map_err(|value| Error::Overflow {
                path: path.to_owned(),
                tensor: tensor.name.clone(),
                value,
                format: tensor.dtype.name(),
            })?;
    }
    Ok(())
}

fn json_map(map: &BTreeMap<String, String>) -> String {
    let fields: Vec<_> = map
        .iter()
        .map(|(key, value)| format!("{}:{}", json_text(key), json_text(value)))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

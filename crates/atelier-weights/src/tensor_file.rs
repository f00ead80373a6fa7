//! A safetensors file open for reading. Opening reads the header only; numbers are read when asked for.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fs_err::File;

use crate::header::{Entry, Header, header_len};
use crate::{Error, Result, TensorInfo};

/// Bytes read at a time while converting; a multiple of every number's size.
const CHUNK_BYTES: usize = 1 << 20;

/// A safetensors file whose header was found sound.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    file: Mutex<File>,
    data_start: u64,
    header: Header,
}

impl TensorFile {
    /// Opens a file and checks its header against its size.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |source| Error::io("read", path, source);
        let about = fs_err::metadata(path).map_err(failed)?;
        if about.is_dir() {
            return Err(Error::bad_weights(path, "it is a folder, expected a file"));
        }
        if about.len() == 0 {
            return Err(Error::bad_weights(path, "the file is empty"));
        }
        let mut file = File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        file.by_ref()
            .take(64)
            .read_to_end(&mut start)
            .map_err(failed)?;
        if let Some(problem) = foreign_format(&start) {
            return Err(Error::bad_weights(path, problem));
        }
        let bad = |problem: String| Error::bad_weights(path, problem);
        let Some(first) = start.first_chunk::<8>() else {
            return Err(bad(format!(
                "truncated: it has {} bytes, a header needs more than 8",
                start.len()
            )));
        };
        let len = header_len(*first, about.len()).map_err(bad)?;
        let mut json = Vec::new();
        file.seek(SeekFrom::Start(8)).map_err(failed)?;
        file.by_ref()
            .take(len)
            .read_to_end(&mut json)
            .map_err(failed)?;
        let data_start = 8 + len;
        let header = Header::parse(&json, about.len() - data_start).map_err(bad)?;
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            data_start,
            header,
        })
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.header.entries.keys().map(String::as_str)
    }

    /// The names of all tensors in the order in which their numbers lie in the file.
    pub(crate) fn names_in_order(&self) -> Vec<&str> {
        let mut entries: Vec<_> = self.header.entries.iter().collect();
        entries.sort_by_key(|(_, entry)| (entry.begin, entry.end));
        entries.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Format and shape of a tensor.
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.header.entries.get(name).map(|entry| &entry.info)
    }

    /// Where the bytes of a tensor lie in the file.
    pub fn span(&self, name: &str) -> Option<Range<u64>> {
        let Entry { begin, end, .. } = self.header.entries.get(name)?;
        Some(self.data_start + begin..self.data_start + end)
    }

    /// The free text values of the header.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.header.metadata
    }

    /// The numbers of a floating-point tensor.
    pub fn read_f32(&self, name: &str) -> Result<Vec<f32>> {
        let entry = self.entry(name)?;
        let count = size_bytes(entry) / entry.info.dtype.size_bytes();
        self.read_f32_range(name, 0, count)
    }

    /// `count` numbers of a floating-point tensor from the number `first` on. Nothing else of it is read.
    pub fn read_f32_range(&self, name: &str, first: usize, count: usize) -> Result<Vec<f32>> {
        let entry = self.entry(name)?;
        let dtype = entry.info.dtype;
        if !dtype.is_float() {
            return Err(Error::bad_weights(
                &self.path,
                format!("tensor `{name}` holds {dtype}, expected floating-point numbers"),
            ));
        }
        let held = size_bytes(entry) / dtype.size_bytes();
        if first.checked_add(count).is_none_or(|end| end > held) {
            return Err(Error::bad_weights(
                &self.path,
                format!("tensor `{name}` holds {held} numbers, {count} from {first} on are wanted"),
            ));
        }
        let begin = entry.begin + (first * dtype.size_bytes()) as u64;
        let size = count * dtype.size_bytes();
        let mut numbers = Vec::with_capacity(count);
        let mut buffer = vec![0; size.min(CHUNK_BYTES)];
        let mut done = 0;
        while done < size {
            let chunk = &mut buffer[..CHUNK_BYTES.min(size - done)];
            self.read_at(begin + done as u64, chunk)?;
            dtype.decode(chunk, &mut numbers);
            done += chunk.len();
        }
        Ok(numbers)
    }

    /// The numbers of a small tensor in whatever format, integers included.
    pub fn read_numbers(&self, name: &str) -> Result<Vec<f32>> {
        let (mut numbers, dtype) = (Vec::new(), self.entry(name)?.info.dtype);
        dtype.decode(&self.read_bytes(name)?, &mut numbers);
        Ok(numbers)
    }

    /// Gives the bytes of a tensor as stored, piece by piece.
    pub(crate) fn read_through(
        &self,
        name: &str,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let entry = self.entry(name)?;
        let mut buffer = vec![0; size_bytes(entry).min(CHUNK_BYTES)];
        let mut begin = entry.begin;
        while begin < entry.end {
            let count = (entry.end - begin).min(CHUNK_BYTES as u64);
            let chunk = &mut buffer[..count as usize];
            self.read_at(begin, chunk)?;
            take(chunk)?;
            begin += count;
        }
        Ok(())
    }

    /// The bytes of a tensor as stored.
    pub fn read_bytes(&self, name: &str) -> Result<Vec<u8>> {
        let entry = self.entry(name)?;
        let mut bytes = vec![0; size_bytes(entry)];
        self.read_at(entry.begin, &mut bytes)?;
        Ok(bytes)
    }

    fn entry(&self, name: &str) -> Result<&Entry> {
        self.header
            .entries
            .get(name)
            .ok_or_else(|| Error::bad_weights(&self.path, format!("it has no tensor `{name}`")))
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.data_start + offset))
            .and_then(|_| file.read_exact(bytes))
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    Error::bad_weights(&self.path, "it became shorter while it was read")
                }
                _ => Error::io("read", &self.path, error),
            })
    }
}

/// Fits `usize`: the header was checked against the shape.
fn size_bytes(entry: &Entry) -> usize {
    (entry.end - entry.begin) as usize
}

/// What a file that is no safetensors file seems to be.
fn foreign_format(start: &[u8]) -> Option<&'static str> {
    const PICKLED: &str = "it is a pickled PyTorch file (.ckpt, .pt, .bin), which can run code when read and is not \
        supported; convert it with `safetensors.torch.save_file`";
    let text = start.trim_ascii_start().to_ascii_lowercase();
    if start.starts_with(b"PK\x03\x04") || matches!(start, [0x80, 2..=5, ..]) && !is_header(start) {
        Some(PICKLED)
    } else if text.starts_with(b"<!doctype") || text.starts_with(b"<html") {
        Some("it is a web page, probably the answer of a server in place of the file")
    } else if start.starts_with(b"version https://git-lfs") {
        Some("it is a git-lfs pointer, run `git lfs pull` to get the file itself")
    } else if start.starts_with(b"GGUF") {
        Some("it is a GGUF file, expected safetensors")
    } else {
        None
    }
}

/// A length whose bytes look like a pickle is still a header when JSON follows.
fn is_header(start: &[u8]) -> bool {
    start.get(8) == Some(&b'{')
}

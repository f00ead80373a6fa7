//! SHA-256 and BLAKE3 of files and bytes, as lower-case hexadecimal.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::{Error, Result};

/// The hashes by which people look up a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHashes {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub size_bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Its BLAKE3.
    pub blake3: String,
}

/// Where the hashes of weights come from: the files themselves, or what is known from an earlier reading.
pub trait HashSource: fmt::Debug + Send + Sync {
    /// The hashes of a file.
    fn hashes(&self, path: &Path) -> Result<FileHashes>;
}

/// Reads every file.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadFiles;

impl HashSource for ReadFiles {
    fn hashes(&self, path: &Path) -> Result<FileHashes> {
        hash_file(path)
    }
}

/// The SHA-256 of a file's content.
pub fn sha256_file(path: impl AsRef<Path>) -> Result<String> {
    let mut hasher = Sha256::new();
    read_through(path.as_ref(), |bytes| hasher.update(bytes))?;
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 and BLAKE3 of a file's content, which is read once.
pub fn hash_file(path: impl Into<PathBuf>) -> Result<FileHashes> {
    let path = path.into();
    let (mut sha256, mut blake3) = (Sha256::new(), blake3::Hasher::new());
    let size_bytes = read_through(&path, |bytes| {
        sha256.update(bytes);
        blake3.update(bytes);
    })?;
    Ok(FileHashes {
        path,
        size_bytes,
        sha256: hex(&sha256.finalize()),
        blake3: hex(blake3.finalize().as_bytes()),
    })
}

/// Gives a file's bytes piece by piece and returns how many there were.
fn read_through(path: &Path, mut take: impl FnMut(&[u8])) -> Result<u64> {
    let failed = |source| Error::io("read", path, source);
    let mut file = fs_err::File::open(path).map_err(failed)?;
    let mut buffer = vec![0; 1 << 20];
    let mut size_bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok(size_bytes);
        }
        take(&buffer[..count]);
        size_bytes += count as u64;
    }
}

/// The SHA-256 of bytes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digest_is_reproduced() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

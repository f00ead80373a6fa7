//! The public face of the crate, on real files.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod atomic;
mod checkpoint;
mod hostile;
mod model_folder;
mod round_trip;
mod weight_files;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A safetensors file with this header and this much data.
fn file_bytes(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn written(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs_err::write(&path, bytes).unwrap();
    path
}

fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

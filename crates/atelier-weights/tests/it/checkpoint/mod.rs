//! Single-file base models.

mod companions;
mod names;
mod refusals;
mod tiny;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atelier_testkit::golden_folder;
use atelier_weights::{DType, ModelFiles, OutTensor, TensorFile, write_tensors};
use serde_json::Value;
use tempfile::TempDir;

/// A tiny checkpoint of the reference files.
fn tiny(name: &str) -> PathBuf {
    golden_folder().join("checkpoints").join(name)
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

/// A file with the tensors of another, renamed or left out.
fn rewritten(
    from: &Path,
    to: &Path,
    metadata: &[(&str, &str)],
    rename: impl Fn(&str) -> Option<String>,
) {
    rewritten_with(from, to, metadata, rename, None);
}

/// The same with one more tensor.
fn rewritten_with(
    from: &Path,
    to: &Path,
    metadata: &[(&str, &str)],
    rename: impl Fn(&str) -> Option<String>,
    more: Option<OutTensor>,
) {
    let file = TensorFile::open(from).unwrap();
    let mut tensors = Vec::new();
    for name in file.names() {
        let info = file.info(name).unwrap();
        let Some(new) = rename(name).filter(|_| info.dtype == DType::F16) else {
            continue;
        };
        tensors.push(OutTensor {
            name: new,
            dtype: info.dtype,
            shape: info.shape.clone(),
            data: file.read_f32(name).unwrap(),
        });
    }
    tensors.extend(more);
    let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let metadata = metadata.iter().map(entry).collect();
    write_tensors(to, &tensors, &metadata).unwrap();
}

/// A tensor of zeros.
fn zeros(name: &str, shape: &[usize]) -> OutTensor {
    OutTensor {
        name: name.to_owned(),
        dtype: DType::F16,
        shape: shape.to_vec(),
        data: vec![0.0; shape.iter().product()],
    }
}

/// Writes zeros under these names and opens the file; the refusal.
fn refusal(tensors: &[(&str, &[usize])]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, shape)| zeros(name, shape))
        .collect();
    write_tensors(&path, &tensors, &BTreeMap::new()).unwrap();
    refusal_of(&path)
}

fn refusal_of(path: &Path) -> String {
    ModelFiles::open(path).unwrap_err().to_string()
}

/// The tiny Stable Diffusion 1 checkpoint under a name of its own.
fn copied(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs_err::copy(tiny("tiny-sd1.safetensors"), &path).unwrap();
    path
}

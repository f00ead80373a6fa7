//! The proof of a written adapter before it gets its name: it gives back what was written, and programs read it.

use std::collections::BTreeSet;
use std::path::Path;

use atelier_weights::{Error, OutTensor, Result, TensorFile};

use super::{ReadBy, Written, all_tensors};
use crate::AdapterFile;
use crate::read::suffix::split;
use crate::readers::ReaderVerdict;

/// Reading the file must give layers that would be written with the same names, shapes and bytes.
pub(super) fn reads_back(path: &Path, file: &Written<'_>, again: &TensorFile) -> Result<()> {
    let read = AdapterFile::from_tensors(again)?;
    let got = all_tensors(path, file.format, &read.layers, file.dtype)?;
    let (expected, got) = (sorted(&file.tensors), sorted(&got));
    let other = expected
        .iter()
        .zip(&got)
        .find(|(expected, got)| !is_same(expected, got))
        .map(|(expected, _)| expected.name.clone());
    if other.is_none() && expected.len() == got.len() {
        return Ok(());
    }
    Err(Error::Unwritable {
        path: path.to_owned(),
        tensor: other.unwrap_or_else(|| read.unknown.first().cloned().unwrap_or_default()),
        problem: "does not read back as it was written".to_owned(),
    })
}

/// As many programs as wanted must use every tensor; any program need not use those that may be read as they are meant by
/// none.
pub(super) fn is_read(
    file: &Written<'_>,
    verdicts: &[ReaderVerdict],
    read_by: ReadBy,
) -> Result<()> {
    let refused = verdicts.iter().find(|verdict| !verdict.passes());
    let layers = file.layers.iter();
    let unread: BTreeSet<_> = layers
        .filter(|layer| layer.has_kohya_lengths_of_rows() || layer.vector().is_some())
        .map(|layer| (layer.name.as_str(), layer.is_of_bias()))
        .collect();
    let is_unread = |tensor: &str| {
        let parts = split(tensor);
        parts.is_some_and(|(name, slot, _)| unread.contains(&(name, slot.is_of_bias())))
    };
    let reads_others = |verdict: &ReaderVerdict| {
        let mut refused = verdict.refused.iter();
        verdict.whole.is_none() && refused.all(|refusal| is_unread(&refusal.name))
    };
    let is_enough = match read_by {
        ReadBy::All => refused.is_none(),
        ReadBy::Any => verdicts.iter().any(reads_others),
    };
    let Some(verdict) = refused.filter(|_| !is_enough) else {
        return Ok(());
    };
    let (tensor, reason) = verdict.first_refusal();
    Err(Error::Unread {
        path: file.path.to_owned(),
        reader: verdict.reader,
        tensor: tensor.to_owned(),
        reason: reason.to_owned(),
    })
}

fn sorted(tensors: &[OutTensor]) -> Vec<&OutTensor> {
    let mut sorted: Vec<_> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    sorted
}

fn is_same(expected: &OutTensor, got: &OutTensor) -> bool {
    let same = expected.name == got.name && expected.shape == got.shape;
    same && expected.dtype == got.dtype && bytes(expected) == bytes(got)
}

/// The numbers as stored; all of them fit, or the file would not have been written.
fn bytes(tensor: &OutTensor) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &value in &tensor.data {
        let _ = tensor.dtype.encode(value, &mut bytes);
    }
    bytes
}

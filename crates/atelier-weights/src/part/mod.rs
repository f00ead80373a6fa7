//! The tensors of one part of a base model under the names of diffusers, wherever and however they are stored.

mod names;
mod shards;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::{DType, Error, Result, TensorFile, TensorInfo};

pub(crate) use names::{
    current_name, current_name_of_attention, drop_unit_axes, is_attention_weight, with_text_model,
};
pub(crate) use shards::{open_shards, shard_names};

/// The tensors of one part, such as `unet`, out of one or several files.
///
/// Only headers are in memory. Numbers are read tensor by tensor, when they are asked for.
#[derive(Debug, Clone, Default)]
pub struct PartTensors {
    files: Vec<Arc<TensorFile>>,
    tensors: BTreeMap<String, Placed>,
}

/// Where a tensor lies and how it is made from what lies there.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) file: Arc<TensorFile>,
    pub(crate) stored: String,
    pub(crate) info: TensorInfo,
    pub(crate) cut: Cut,
}

/// How a tensor is made from a stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All its numbers in their order.
    Whole,
    /// As many as the shape has, from this number on.
    From(usize),
    /// Rows and columns exchanged.
    Transposed,
}

impl PartTensors {
    /// The tensors of whole files, under the names that diffusers gives them today.
    pub(crate) fn from_files(part: &str, files: Vec<Arc<TensorFile>>) -> Self {
        let mut tensors = Self::default();
        for file in files {
            for stored in file.names() {
                let Some(info) = file.info(stored) else {
                    continue;
                };
                let (mut name, info) = current_name(part, stored, info);
                if tensors.tensors.contains_key(&name) {
                    name.replace_range(.., stored);
                }
                let (file, stored, cut) = (Arc::clone(&file), stored.to_owned(), Cut::Whole);
                tensors.insert(
                    name,
                    Placed {
                        file,
                        stored,
                        info,
                        cut,
                    },
                );
            }
            tensors.keep_file(&file);
        }
        tensors
    }

    /// Adds a tensor and says whether its name was free; one that is there already stays.
    pub(crate) fn insert(&mut self, name: String, placed: Placed) -> bool {
        if self.tensors.contains_key(&name) {
            return false;
        }
        self.keep_file(&placed.file);
        self.tensors.insert(name, placed);
        true
    }

    fn keep_file(&mut self, file: &Arc<TensorFile>) {
        if !self.files.iter().any(|kept| Arc::ptr_eq(kept, file)) {
            self.files.push(Arc::clone(file));
        }
    }

    /// How many of `prefix0.`, `prefix1.`, … there are without a gap.
    pub(crate) fn count_under(&self, prefix: &str) -> usize {
        let any_under = |start: String| {
            let first = self.tensors.range(start.clone()..).next();
            first.is_some_and(|(name, _)| name.starts_with(&start))
        };
        (0..=self.tensors.len())
            .take_while(|index| any_under(format!("{prefix}{index}.")))
            .count()
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Format and shape of a tensor, as [`Self::read_f32`] gives it.
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name).map(|placed| &placed.info)
    }

    /// The file that holds a tensor, and the name that it has there.
    pub fn stored(&self, name: &str) -> Option<(&Path, &str)> {
        let placed = self.tensors.get(name)?;
        Some((placed.file.path(), &placed.stored))
    }

    /// Where a tensor lies and how it is made from what lies there.
    pub(crate) fn placed(&self, name: &str) -> Option<&Placed> {
        self.tensors.get(name)
    }

    /// The files that hold the tensors.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|file| file.path())
    }

    /// Number formats and how many tensors have each, the most frequent first.
    pub fn formats(&self) -> Vec<(DType, usize)> {
        let mut formats: Vec<(DType, usize)> = Vec::new();
        for placed in self.tensors.values() {
            match formats
                .iter_mut()
                .find(|(dtype, _)| *dtype == placed.info.dtype)
            {
                Some((_, count)) => *count += 1,
                None => formats.push((placed.info.dtype, 1)),
            }
        }
        formats.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        formats
    }

    /// Bytes that the tensors take in their files.
    pub fn size_bytes(&self) -> u64 {
        let sizes = self.tensors.values().map(|placed| {
            let numbers: usize = placed.info.shape.iter().product();
            (numbers * placed.info.dtype.size_bytes()) as u64
        });
        sizes.sum()
    }

    /// The numbers of a floating-point tensor, innermost axis fastest.
    pub fn read_f32(&self, name: &str) -> Result<Vec<f32>> {
        let Some(placed) = self.tensors.get(name) else {
            let folder = self.files.first().map_or(Path::new(""), |file| file.path());
            return Err(Error::bad_weights(
                folder,
                format!("it has no tensor for `{name}`"),
            ));
        };
        match placed.cut {
            Cut::Whole => placed.file.read_f32(&placed.stored),
            Cut::From(first) => {
                let count = placed.info.shape.iter().product();
                placed.file.read_f32_range(&placed.stored, first, count)
            }
            Cut::Transposed => {
                let columns = placed.info.shape.first().copied().unwrap_or(1);
                let numbers = placed.file.read_f32(&placed.stored)?;
                Ok(transposed(&numbers, columns))
            }
        }
    }
}

impl From<TensorFile> for PartTensors {
    /// All tensors of a file under the names that they have there.
    fn from(file: TensorFile) -> Self {
        Self::from_files("", vec![Arc::new(file)])
    }
}

/// Exchanges rows and columns of a matrix that has this many columns.
pub(crate) fn transposed(numbers: &[f32], columns: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(numbers.len());
    // A shape without numbers can still claim any number of columns.
    let columns = columns.min(numbers.len());
    for column in 0..columns {
        out.extend(numbers.iter().skip(column).step_by(columns));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let two_by_three = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(transposed(&two_by_three, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert!(transposed(&[], 0).is_empty());
    }
}

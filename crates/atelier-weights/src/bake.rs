//! A base model with other weights in some places: changed tensors are stored in the number format that they had, all others
//! are copied byte by byte. One tensor at a time is in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::checkpoint::EMA;
use crate::part::{Cut, Placed, transposed, with_text_model};
use crate::writer::header;
use crate::{
    Checkpoint, DType, Error, Evidence, ModelFiles, PredictionType, Result, TensorFile, atomic,
};

/// Metadata that say what a file was before it was changed.
const OUTDATED: [&str; 4] = [
    "modelspec.hash_sha256",
    "modelspec.thumbnail",
    "sshs_model_hash",
    "sshs_legacy_hash",
];

/// A change of the numbers of a tensor, which has the shape that diffusers gives it.
pub type Change = Box<dyn Fn(&mut [f32])>;

/// A tensor of a network that changes.
pub struct ChangedTensor {
    /// The network's part of the model, such as `unet`.
    pub part: &'static str,
    /// Its name inside it, such as `conv_in.weight`, in diffusers' names; in text encoders with or without `text_model.`.
    pub name: String,
    /// What becomes of the numbers.
    pub change: Change,
}

impl fmt::Debug for ChangedTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.part, self.name)
    }
}

/// Which stored tensors of a base model change, and how.
#[derive(Debug)]
pub struct Baking {
    files: BTreeMap<PathBuf, BTreeMap<String, Vec<Edit>>>,
    drops_ema: bool,
    /// What the denoiser of a single file predicts, which the name of the file may have said.
    prediction: Option<PredictionType>,
}

/// A change to a stored tensor, or to the part of it that is a tensor of the network.
struct Edit {
    cut: Cut,
    /// Length of the axes that it has in the network.
    shape: Vec<usize>,
    change: Change,
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.cut, self.shape)
    }
}

impl Baking {
    /// Finds where every tensor that changes is stored.
    ///
    /// # Errors
    /// When the model has no such tensor.
    pub fn plan(
        model: &ModelFiles,
        changes: impl IntoIterator<Item = ChangedTensor>,
    ) -> Result<Self> {
        let mut parts = BTreeMap::new();
        for part in model.weighted_parts() {
            parts.insert(part, model.tensors(part)?);
        }
        let mut files: BTreeMap<PathBuf, BTreeMap<String, Vec<Edit>>> = BTreeMap::new();
        for changed in changes {
            let tensors = parts.get(changed.part);
            let placed = tensors.and_then(|tensors| tensors.placed(&changed.current_name()));
            let Some(Placed {
                file,
                stored,
                info,
                cut,
            }) = placed
            else {
                let problem = format!("it has no tensor `{changed:?}`");
                return Err(Error::bad_base(model.root(), problem));
            };
            let edits = files.entry(file.path().to_owned()).or_default();
            edits.entry(stored.clone()).or_default().push(Edit {
                cut: *cut,
                shape: info.shape.clone(),
                change: changed.change,
            });
        }
        let drops_ema = model
            .checkpoint()
            .is_some_and(|file| file.ema_count() > 0 && !file.unet_is_ema());
        // What nothing but the architecture says is assumed of the new file as well, and stays no statement.
        let known = model.checkpoint().map(Checkpoint::prediction);
        let known = known.filter(|known| !matches!(known.evidence, Evidence::Assumed(_)));
        let prediction = known.map(|known| known.kind);
        Ok(Self {
            files,
            drops_ema,
            prediction,
        })
    }

    /// How many stored tensors change.
    pub fn tensors(&self) -> usize {
        self.files.values().map(BTreeMap::len).sum()
    }

    /// Whether tensors of moving averages are left out, since the adapters are not in them.
    pub fn drops_ema(&self) -> bool {
        self.drops_ema
    }

    /// Whether this file of the model changes.
    pub fn changes(&self, file: &Path) -> bool {
        self.files.contains_key(file)
    }

    /// Writes a changed file of the model to `target`, with `metadata` in place of what the file says of itself under
    /// the same keys. `proceed` is called after each changed tensor; once it says no, nothing is written and `false`
    /// comes back.
    pub fn write(
        &self,
        source: &Path,
        target: &Path,
        metadata: &BTreeMap<String, String>,
        mut proceed: impl FnMut() -> bool,
    ) -> Result<bool> {
        let file = TensorFile::open(source)?;
        let mut all = file.metadata().clone();
        all.retain(|key, _| !OUTDATED.contains(&key.as_str()));
        all.extend(metadata.clone());
        if let Some(prediction) = self.prediction {
            let key = "modelspec.prediction_type".to_owned();
            all.insert(key, prediction.name().to_owned());
        }
        let none = BTreeMap::new();
        let edits = self.files.get(source).unwrap_or(&none);
        let mut stop = None;
        let written = atomic::write_file(target, |out| {
            let mut rewrite = Rewrite {
                file: &file,
                edits,
                drops_ema: self.drops_ema,
                target,
                out,
            };
            rewrite.run(&all, &mut proceed).map_err(|reason| {
                stop = Some(reason);
                io::ErrorKind::Other.into()
            })
        });
        match (written, stop) {
            (Ok(()), _) => Ok(true),
            (Err(_), Some(Stop::Cancelled)) => Ok(false),
            (Err(_), Some(Stop::Failed(error))) | (Err(error), None) => Err(error),
        }
    }
}

/// Why a file was not written to its end.
enum Stop {
    Cancelled,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// One pass over a file.
struct Rewrite<'a> {
    file: &'a TensorFile,
    edits: &'a BTreeMap<String, Vec<Edit>>,
    drops_ema: bool,
    target: &'a Path,
    out: &'a mut dyn Write,
}

impl Rewrite<'_> {
    fn run(
        &mut self,
        metadata: &BTreeMap<String, String>,
        proceed: &mut dyn FnMut() -> bool,
    ) -> Result<(), Stop> {
        let mut names = self.file.names_in_order();
        names.retain(|name| !(self.drops_ema && name.starts_with(EMA)));
        let described = names.iter().filter_map(|&name| {
            let info = self.file.info(name)?;
            let is_changed = self.edits.contains_key(name);
            let dtype = if is_changed {
                info.dtype.to_write_again()
            } else {
                info.dtype
            };
            Some((name, dtype, &info.shape[..]))
        });
        let start = header(described, metadata);
        self.put(&start)?;
        for name in names {
            let Some(edits) = self.edits.get(name) else {
                let file = self.file;
                file.read_through(name, |bytes| self.put(bytes))?;
                continue;
            };
            let bytes = self.changed(name, edits)?;
            self.put(&bytes)?;
            if !proceed() {
                return Err(Stop::Cancelled);
            }
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.out.write_all(bytes);
        written.map_err(|error| Error::io("write", self.target, error))
    }

    /// The bytes of a changed tensor.
    fn changed(&self, name: &str, edits: &[Edit]) -> Result<Vec<u8>> {
        let mut numbers = self.file.read_f32(name)?;
        for edit in edits {
            edit.apply(&mut numbers);
        }
        let stored = self.file.info(name).map(|info| info.dtype);
        let dtype = stored.map_or(DType::F32, DType::to_write_again);
        let mut bytes = Vec::with_capacity(numbers.len() * dtype.size_bytes());
        for value in numbers {
            let fits = value.is_finite() && dtype.encode(value, &mut bytes).is_ok();
            if !fits {
                return Err(Error::Overflow {
                    path: self.target.to_owned(),
                    tensor: name.to_owned(),
                    value,
                    format: dtype.name(),
                });
            }
        }
        Ok(bytes)
    }
}

impl Edit {
    /// Changes the numbers of the stored tensor.
    fn apply(&self, numbers: &mut [f32]) {
        match self.cut {
            Cut::Whole => (self.change)(numbers),
            Cut::From(first) => {
                let count: usize = self.shape.iter().product();
                (self.change)(&mut numbers[first..first + count]);
            }
            Cut::Transposed => {
                let rows = self.shape.first().copied().unwrap_or(1);
                let columns = numbers.len() / rows.max(1);
                let mut weight = transposed(numbers, rows);
                (self.change)(&mut weight);
                numbers.copy_from_slice(&transposed(&weight, columns));
            }
        }
    }
}

impl ChangedTensor {
    /// The name in the model.
    fn current_name(&self) -> String {
        match self.part {
            "unet" => self.name.clone(),
            _ => with_text_model(&self.name),
        }
    }
}

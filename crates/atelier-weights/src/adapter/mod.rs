//! Adapter files of every common format: read into layers, put on a base, written in kohya's and PEFT's layout.
//!
//! Reading has two stages. The first sorts tensors into layers by the ends of their names and knows no model. The second
//! finds each layer's place among the layers of a base, from every spelling of its name.

mod array;
mod check;
mod fit;
mod layer;
mod made_for;
mod names;
pub mod operate;
mod read;
pub mod readers;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{DType, Error, Result, TensorFile};

pub use array::Array;
pub use atelier_core::{AdapterFamily, AdapterFormat};
pub use fit::{BaseLayers, FittedAdapter, Misfit};
pub use layer::{AdapterLayer, Content, StoredFactor};
pub use made_for::MadeFor;
pub use names::{LayerId, LayerNames, Part, kohya_name};
pub use write::{KohyaMetadata, NamedAdapter, ReadBy};

/// PEFT's settings and weights in a folder of their own, and the weights of diffusers' folders.
const PEFT_CONFIG: &str = "adapter_config.json";
const PEFT_WEIGHTS: &str = "adapter_model.safetensors";
const DIFFUSERS_WEIGHTS: &str = "pytorch_lora_weights.safetensors";

/// A whole adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterFile {
    /// The layers, sorted by name.
    pub layers: Vec<AdapterLayer>,
    /// The free text values of the file.
    pub metadata: BTreeMap<String, String>,
    /// Tensors that belong to no layer.
    pub unknown: Vec<String>,
    /// Whose naming the file follows; older diffusers names count as PEFT's.
    pub format: AdapterFormat,
    /// The number format that most tensors have.
    pub dtype: DType,
}

impl AdapterFile {
    /// Reads an adapter: a file, or the folder that PEFT or diffusers saves. A layer without a scale gets scale 1.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let weights = Self::weights_path(path);
        let settings = path.join(PEFT_CONFIG);
        if settings.is_file() {
            let text = fs_err::read_to_string(&settings)
                .map_err(|source| Error::io("read", &settings, source))?;
            let scales = read::PeftScales::from_config(&text)
                .map_err(|problem| Error::bad_weights(&settings, problem))?;
            return read::read(&TensorFile::open(weights)?, Some(scales));
        }
        Self::from_tensors(&TensorFile::open(weights)?)
    }

    /// The file with the weights: `path` itself, or the one in the folder that PEFT or diffusers saves.
    pub fn weights_path(path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        let inside = path.join(DIFFUSERS_WEIGHTS);
        if path.join(PEFT_CONFIG).is_file() {
            path.join(PEFT_WEIGHTS)
        } else if inside.is_file() {
            inside
        } else {
            path.to_owned()
        }
    }

    /// Reads an adapter from an open file.
    pub fn from_tensors(file: &TensorFile) -> Result<Self> {
        read::read(file, None)
    }

    /// What of the file belongs to no layer, for the user to read.
    pub fn notes(&self) -> Vec<String> {
        read::notes(&self.unknown)
    }
}

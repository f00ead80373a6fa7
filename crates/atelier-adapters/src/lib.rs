//! Adapter files of every common format: read into layers, put on a base, written in kohya's and PEFT's layout.
//!
//! Reading has two stages. The first sorts tensors into layers by the ends of their names and knows no model. The second
//! finds each layer's place among the layers of a base, from every spelling of its name.

mod array;
pub mod bake;
mod check;
mod fit;
mod layer;
mod made_for;
mod names;
pub mod operate;
mod read;
pub mod readers;
mod settings;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atelier_weights::{DType, Result, TensorFile};

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
    /// The free text values of the file; with them, under its name, PEFT's `adapter_config.json` where the scales are from
    /// there.
    pub metadata: BTreeMap<String, String>,
    /// Tensors that belong to no layer.
    pub unknown: Vec<String>,
    /// Whose naming the file follows; older diffusers names count as PEFT's.
    pub format: AdapterFormat,
    /// The number format that most tensors have.
    pub dtype: DType,
}

impl AdapterFile {
    /// Reads an adapter: a file, or the folder that PEFT or diffusers saves. PEFT's settings beside the file count. A layer
    /// without a scale gets scale 1.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let weights = TensorFile::open(Self::weights_path(path))?;
        let Some(path) = settings::beside(&weights) else {
            return Self::from_tensors(&weights);
        };
        let (text, scales) = settings::read(&path)?;
        let mut file = read::read(&weights, Some(scales))?;
        file.metadata.insert(PEFT_CONFIG.to_owned(), text);
        Ok(file)
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

    /// Reads an adapter from an open file, without what lies beside it.
    pub fn from_tensors(file: &TensorFile) -> Result<Self> {
        read::read(file, None)
    }

    /// The numbers in the largest weight that networks compute whole in every pass with the adapter in an open file, by the
    /// shapes in its header; 0 where its layers add nothing but products of thin matrices.
    pub fn largest_computed_weight(file: &TensorFile) -> Result<usize> {
        read::largest_computed_weight(file)
    }

    /// Whether the scales are from PEFT's settings beside the file, so that a copy of the file alone would lose them.
    pub fn needs_settings(&self) -> bool {
        self.metadata.contains_key(PEFT_CONFIG)
    }

    /// Whether PEFT saved the file and its settings are nowhere, so that scale 1 was taken for a scale that is not known.
    pub fn lacks_settings(&self) -> bool {
        settings::are_lacking(self)
    }

    /// What of the file belongs to no layer, and what it lacks, for the user to read.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = read::notes(&self.unknown);
        notes.extend(self.lacks_settings().then(settings::note));
        notes
    }
}

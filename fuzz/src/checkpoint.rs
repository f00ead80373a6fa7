//! Single-file checkpoints: a real one of `golden/checkpoints`, changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use atelier_weights::{DType, TensorFile};

use crate::Scratch;
use crate::name::{Name, Word};
use crate::tensor::{Axis, Format, Tensor, Tensors};

/// Names and shapes of the tiny checkpoints, whose numbers do not matter here; the last holds nothing.
static TEMPLATES: LazyLock<Vec<Tensors>> = LazyLock::new(|| {
    let read = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/checkpoints");
        let file = TensorFile::open(folder.join(name)).expect("a reference file");
        let tensors = file.names().map(|name| {
            let info = file.info(name).expect("a name of the file");
            let format = match info.dtype {
                DType::F32 => Format::F32,
                DType::I64 => Format::I64,
                _ => Format::F16,
            };
            let shape = info.shape.iter().map(|&axis| axis as u64).collect();
            (name.to_owned(), Tensor::zeros(format, shape))
        });
        Tensors {
            tensors: tensors.collect(),
            metadata: BTreeMap::new(),
        }
    };
    let mut templates: Vec<_> = [
        "tiny-sd1.safetensors",
        "tiny-sd2.safetensors",
        "tiny-sdxl.safetensors",
        "tiny-sd2.vae.safetensors",
    ]
    .map(read)
    .into();
    let whole = |templates: &[Tensors], model: usize| {
        let mut model = templates[model].clone();
        model.tensors.extend(templates[3].tensors.clone());
        model
    };
    templates.push(whole(&templates, 1));
    templates.push(Tensors::default());
    templates
});

/// A change to the tensors of a file. A number picks a tensor, counted around.
#[derive(Debug, Clone, Arbitrary)]
enum Edit {
    Drop(u16),
    /// Drops all tensors that share so many segments of their name.
    DropUnder(u16, u8),
    Reshape(u16, Vec<Axis>),
    Resize(u16, u8, Axis),
    /// Changes all axes of one length, as another width of a network would.
    ResizeAll(u16, u8, Axis),
    Retype(u16, Format),
    RetypeAll(Format),
    /// Exchanges one segment of the name.
    Rename(u16, u8, Word),
    /// Exchanges one segment in all names that are the same up to it.
    RenameUnder(u16, u8, Word),
    Copy(u16, Name),
    Add(Name, Format, Vec<Axis>),
    Metadata(Word, String),
}

/// A checkpoint and what lies beside it.
#[derive(Debug, Clone, Arbitrary)]
pub struct CheckpointCase {
    template: u8,
    edits: Vec<Edit>,
    vae: Option<Vec<Edit>>,
    yaml: Option<String>,
    settings: Option<Settings>,
}

#[derive(Debug, Clone, Arbitrary)]
enum Settings {
    Text(String),
    Prediction { kind: u8, rescale: Option<bool> },
}

impl CheckpointCase {
    /// Writes the files and says where the checkpoint lies, and the names of its tensors.
    pub fn write(&self, scratch: &Scratch) -> (PathBuf, Vec<String>) {
        let template = &TEMPLATES[usize::from(self.template) % TEMPLATES.len()];
        let tensors = edited(template, &self.edits);
        let (bytes, zeros) = tensors.file();
        let path = scratch.write("model.safetensors", &bytes, zeros);
        if let Some(edits) = &self.vae {
            let (bytes, zeros) = edited(&TEMPLATES[3], edits).file();
            scratch.write("model.vae.safetensors", &bytes, zeros);
        }
        if let Some(yaml) = &self.yaml {
            scratch.write("model.yaml", yaml.as_bytes(), 0);
        }
        match &self.settings {
            None => {}
            Some(Settings::Text(text)) => {
                scratch.write("model.json", text.as_bytes(), 0);
            }
            Some(Settings::Prediction { kind, rescale }) => {
                let kinds = ["epsilon", "v_prediction", "sample"];
                let mut json = serde_json::json!({"prediction_type": kinds[usize::from(kind % 3)]});
                if let Some(rescale) = rescale {
                    json["rescale_betas_zero_snr"] = (*rescale).into();
                }
                scratch.write("model.json", json.to_string().as_bytes(), 0);
            }
        }
        let names = tensors.tensors.into_iter();
        let names =
            names.filter(|(name, tensor)| tensor.numbers().is_some() && name != "__metadata__");
        (path, names.map(|(name, _)| name).collect())
    }
}

fn edited(template: &Tensors, edits: &[Edit]) -> Tensors {
    let mut tensors = template.clone();
    // More edits than this say nothing new and take long.
    for edit in edits.iter().take(32) {
        apply(&mut tensors, edit);
    }
    tensors
}

fn apply(all: &mut Tensors, edit: &Edit) {
    if let Edit::Metadata(key, value) = edit {
        all.metadata.insert(key.text(), value.clone());
        return;
    }
    let tensors = &mut all.tensors;
    if let Edit::Add(name, format, shape) = edit {
        tensors.insert(name.text(), Tensor::zeros(*format, lengths(shape)));
        return;
    }
    let name = |index: u16| {
        let index = usize::from(index) % tensors.len().max(1);
        tensors.keys().nth(index).cloned()
    };
    match edit {
        Edit::Drop(index) => {
            if let Some(name) = name(*index) {
                tensors.remove(&name);
            }
        }
        Edit::DropUnder(index, segments) => {
            if let Some(name) = name(*index) {
                let front = beginning(&name, *segments);
                tensors.retain(|name, _| !name.starts_with(&front));
            }
        }
        Edit::Reshape(index, shape) => {
            if let Some(tensor) = name(*index).and_then(|name| tensors.get_mut(&name)) {
                tensor.shape = lengths(shape);
            }
        }
        Edit::Resize(index, axis, length) => {
            let tensor = name(*index).and_then(|name| tensors.get_mut(&name));
            if let Some(old) = tensor.and_then(|tensor| tensor.shape.get_mut(usize::from(*axis))) {
                *old = length.length();
            }
        }
        Edit::ResizeAll(index, axis, length) => {
            let tensor = name(*index).and_then(|name| tensors.get(&name));
            let old = tensor.and_then(|tensor| tensor.shape.get(usize::from(*axis)));
            if let Some(old) = old.copied() {
                let axes = tensors.values_mut().flat_map(|tensor| &mut tensor.shape);
                axes.filter(|axis| **axis == old)
                    .for_each(|axis| *axis = length.length());
            }
        }
        Edit::Retype(index, format) => {
            if let Some(tensor) = name(*index).and_then(|name| tensors.get_mut(&name)) {
                tensor.format = *format;
            }
        }
        Edit::RetypeAll(format) => {
            for tensor in tensors.values_mut() {
                tensor.format = *format;
            }
        }
        Edit::Rename(index, segment, word) => {
            if let Some(old) = name(*index) {
                let tensor = tensors.remove(&old).expect("a name of the map");
                tensors.insert(renamed(&old, *segment, &word.text()), tensor);
            }
        }
        Edit::RenameUnder(index, segment, word) => {
            if let Some(name) = name(*index) {
                let front = beginning(&name, *segment);
                let rename = |(name, tensor): (String, Tensor)| match name.starts_with(&front) {
                    true => (renamed(&name, *segment, &word.text()), tensor),
                    false => (name, tensor),
                };
                *tensors = std::mem::take(tensors).into_iter().map(rename).collect();
            }
        }
        Edit::Copy(index, new) => {
            if let Some(tensor) = name(*index).and_then(|name| tensors.get(&name).cloned()) {
                tensors.insert(new.text(), tensor);
            }
        }
        Edit::Add(..) | Edit::Metadata(..) => unreachable!("they returned above"),
    }
}

/// The segments of a name up to one of them, which is counted around and included.
fn beginning(name: &str, segment: u8) -> String {
    let segments: Vec<_> = name.split('.').collect();
    let last = usize::from(segment) % segments.len();
    segments[..=last].join(".")
}

fn renamed(name: &str, segment: u8, word: &str) -> String {
    let mut segments: Vec<_> = name.split('.').collect();
    let at = usize::from(segment) % segments.len();
    segments[at] = word;
    segments.join(".")
}

fn lengths(shape: &[Axis]) -> Vec<u64> {
    shape.iter().take(9).map(|axis| axis.length()).collect()
}

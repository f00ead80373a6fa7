//! A base model in the diffusers folder layout: `model_index.json` and one folder per part.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::hash::hex;
use crate::{Error, Result, TensorFile, sha256_file};

/// Largest configuration file that is read.
const MAX_CONFIG_BYTES: u64 = 16 << 20;
/// The parts that have weights, with the names that their files may have, the preferred one first.
const WEIGHTS: [(&str, &[&str]); 3] = [
    ("text_encoder", &TEXT_ENCODER_FILES),
    ("unet", &DIFFUSION_FILES),
    ("vae", &DIFFUSION_FILES),
];
const DIFFUSION_FILES: [&str; 2] = [
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
];
const TEXT_ENCODER_FILES: [&str; 2] = ["model.safetensors", "model.fp16.safetensors"];
/// The configurations that every model has.
const CONFIGS: [&str; 4] = [
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "unet/config.json",
    "vae/config.json",
];
/// The vocabulary in two files.
const VOCABULARY: [&str; 2] = ["tokenizer/merges.txt", "tokenizer/vocab.json"];
/// The vocabulary in one file, which serves in their place.
const WHOLE_TOKENIZER: &str = "tokenizer/tokenizer.json";
/// The files that name the special tokens, where they exist.
const SPECIAL_TOKENS: [&str; 2] = [
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
];

/// A folder in which every part of a base model was found.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    root: PathBuf,
    index: Value,
}

impl ModelFolder {
    /// Opens a folder; the error lists everything that is missing.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let about = fs_err::metadata(root).map_err(|error| Error::io("read", root, error))?;
        if !about.is_dir() {
            return Err(Error::bad_base(
                root,
                "it is a file, expected a folder with model_index.json; single-file checkpoints are not supported",
            ));
        }
        let index_path = root.join("model_index.json");
        if !index_path.is_file() {
            return Err(Error::bad_base(root, "`model_index.json` is missing"));
        }
        let index = read_json(&index_path)?;
        let missing = missing_parts(root);
        if !missing.is_empty() {
            return Err(Error::bad_base(
                root,
                format!("missing: {}", missing.join("; ")),
            ));
        }
        Ok(Self {
            root: root.to_owned(),
            index,
        })
    }

    /// Where the folder lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The content of `model_index.json`.
    pub fn index(&self) -> &Value {
        &self.index
    }

    /// The configuration of a part, such as `unet`.
    pub fn config(&self, component: &str) -> Result<Value> {
        let name = match component {
            "scheduler" => "scheduler_config.json",
            "tokenizer" => "tokenizer_config.json",
            _ => "config.json",
        };
        read_json(&self.root.join(component).join(name))
    }

    /// The weights of a part: `unet`, `vae` or `text_encoder`.
    pub fn weights(&self, component: &str) -> Result<TensorFile> {
        TensorFile::open(self.weights_path(component)?)
    }

    /// A hash of everything that decides what the model draws: the name and content of each part's files.
    pub fn hash(&self) -> Result<String> {
        let mut hasher = Sha256::new();
        for (component, _) in WEIGHTS {
            let digest = sha256_file(self.weights_path(component)?)?;
            hasher.update(format!("{component}/weights {digest}\n"));
        }
        for name in self.config_names() {
            let digest = sha256_file(self.root.join(name))?;
            hasher.update(format!("{name} {digest}\n"));
        }
        Ok(hex(&hasher.finalize()))
    }

    /// Every file beside the weights that decides what the model draws, in the order of the names.
    fn config_names(&self) -> BTreeSet<&'static str> {
        let tokenizer = [VOCABULARY, SPECIAL_TOKENS].concat();
        let mut names: BTreeSet<_> = tokenizer.into_iter().chain([WHOLE_TOKENIZER]).collect();
        names.retain(|name| self.root.join(name).is_file());
        names.extend(CONFIGS);
        names
    }

    fn weights_path(&self, component: &str) -> Result<PathBuf> {
        let folder = self.root.join(component);
        let names = WEIGHTS
            .into_iter()
            .find(|(name, _)| *name == component)
            .map_or(&DIFFUSION_FILES[..], |(_, names)| names);
        find_weights(&folder, names).map_err(|problem| Error::bad_base(&self.root, problem))
    }
}

fn missing_parts(root: &Path) -> Vec<String> {
    let mut missing: Vec<_> = CONFIGS
        .iter()
        .filter(|name| !root.join(name).is_file())
        .map(|name| format!("`{name}`"))
        .collect();
    if !root.join(WHOLE_TOKENIZER).is_file() {
        let absent = VOCABULARY.iter().filter(|name| !root.join(name).is_file());
        missing.extend(absent.map(|name| format!("`{name}` (or `{WHOLE_TOKENIZER}`)")));
    }
    for (component, names) in WEIGHTS {
        if let Err(problem) = find_weights(&root.join(component), names) {
            missing.push(problem);
        }
    }
    missing.sort();
    missing
}

/// The first of `names` that lies in `folder`, or what is there in its place.
fn find_weights(folder: &Path, names: &[&str]) -> Result<PathBuf, String> {
    let found = names.iter().map(|name| folder.join(name));
    if let Some(path) = found.into_iter().find(|path| path.is_file()) {
        return Ok(path);
    }
    let component = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let wanted = format!("`{component}/{}`", names[0]);
    Err(match other_weights(folder) {
        Some(name) if name.ends_with(".index.json") => {
            format!(
                "{wanted} (`{component}/{name}` says that the weights are split over several files, which is not supported)"
            )
        }
        Some(name) => format!(
            "{wanted} (`{component}/{name}` holds pickled weights, which are not read; convert them with diffusers: \
             `save_pretrained(folder, safe_serialization=True)`)"
        ),
        None => wanted,
    })
}

/// Weights of a kind that is not read.
fn other_weights(folder: &Path) -> Option<String> {
    let entries = fs_err::read_dir(folder).ok()?;
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| {
            [".bin", ".ckpt", ".pt", ".pth", ".safetensors.index.json"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    names.sort();
    names.pop()
}

fn read_json(path: &Path) -> Result<Value> {
    let failed = |source| Error::io("read", path, source);
    let size = fs_err::metadata(path).map_err(failed)?.len();
    if size > MAX_CONFIG_BYTES {
        return Err(Error::bad_base(
            path,
            format!("it has {size} bytes, at most {MAX_CONFIG_BYTES} are read"),
        ));
    }
    let bytes = fs_err::read(path).map_err(failed)?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::bad_base(path, format!("it is not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(Error::bad_base(path, "it is not a JSON object"));
    }
    Ok(value)
}

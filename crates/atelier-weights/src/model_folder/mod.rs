//! A base model in the diffusers folder layout: `model_index.json` and one folder per part.

mod choice;
mod contents;
mod weight_files;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use contents::ADDED_TOKENS;

use crate::hash::hex;
use crate::json::read_json;
use crate::part::{open_shards, shard_names};
use crate::{Error, PartTensors, Result, TensorFile, sha256_file};

pub use choice::{FolderChoice, PartWeights, shard_files};
pub use weight_files::is_pickled;

/// The class of folders whose index decides about empty prompts.
const SDXL_CLASS: &str = "StableDiffusionXLPipeline";

/// The part that judges finished pictures.
const SAFETY_CHECKER: &str = "safety_checker";

/// A folder in which every part of a base model was found.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    root: PathBuf,
    index: Value,
    choice: Box<FolderChoice>,
}

impl ModelFolder {
    /// Opens a folder; the error lists everything that is missing.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let about = fs_err::metadata(root).map_err(|error| Error::io("read", root, error))?;
        if !about.is_dir() {
            return Err(Error::bad_base(
                root,
                "it is a file, expected a folder with model_index.json",
            ));
        }
        let index_path = root.join("model_index.json");
        if !index_path.is_file() {
            return Err(Error::bad_base(root, "`model_index.json` is missing"));
        }
        let index = read_json(&index_path)?;
        let choice = FolderChoice::of(&index, &names_below(root));
        let choice = choice.map_err(|problem| Error::bad_base(root, problem))?;
        Ok(Self {
            root: root.to_owned(),
            index,
            choice: Box::new(choice),
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

    /// The class of the pipeline, as `model_index.json` names it.
    pub fn class_name(&self) -> Option<&str> {
        self.index.get("_class_name").and_then(Value::as_str)
    }

    /// Whether the model has this part, such as `text_encoder_2`.
    pub fn has(&self, part: &str) -> bool {
        self.choice.contents.has(part)
    }

    /// The parts that have weights, sorted.
    pub fn weighted_parts(&self) -> impl Iterator<Item = &'static str> {
        self.choice.contents.weighted()
    }

    /// The configuration of a part, such as `unet`.
    pub fn config(&self, part: &str) -> Result<Value> {
        read_json(&self.root.join(part).join(contents::config_name(part)))
    }

    /// The tensors of a part, such as `unet`, out of one or several files.
    pub fn tensors(&self, part: &str) -> Result<PartTensors> {
        let files = match self.weight_files(part)? {
            PartWeights::One(file) => vec![Arc::new(TensorFile::open(self.root.join(file))?)],
            PartWeights::Sharded(index) => open_shards(&self.root.join(index))?,
        };
        Ok(PartTensors::from_files(part, files))
    }

    /// The folder of a part's vocabulary.
    pub fn tokenizer_folder(&self, part: &str) -> Option<PathBuf> {
        self.has(part).then(|| self.root.join(part))
    }

    /// Every file that decides what the model draws, weights included.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = vec![self.root.join("model_index.json")];
        files.extend(self.weight_paths()?);
        for part in self.weighted_parts() {
            if let PartWeights::Sharded(index) = self.weight_files(part)? {
                files.push(self.root.join(index));
            }
        }
        let names = self.choice.settings.iter();
        files.extend(names.map(|name| self.root.join(name)));
        Ok(files)
    }

    /// The files of parts that draw nothing here: other programs need them to load the model.
    pub fn unused_files(&self) -> Vec<PathBuf> {
        let names = self.choice.unused.iter();
        names.map(|name| self.root.join(name)).collect()
    }

    /// `model_index.json` without the parts that it names although they are not there, so that other programs do not look
    /// for them; none where it is right as it is.
    pub fn mended_index(&self) -> Option<Value> {
        let absent = &self.choice.absent;
        let mut index = self.index.clone();
        for part in absent {
            index[*part] = json!([null, null]);
        }
        if absent.contains(&SAFETY_CHECKER) {
            index["requires_safety_checker"] = false.into();
        }
        (!absent.is_empty()).then_some(index)
    }

    /// The files that hold weights.
    pub fn weight_paths(&self) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for part in self.weighted_parts() {
            paths.extend(self.paths_of(part)?);
        }
        Ok(paths)
    }

    /// A hash of everything that decides what the model draws: the name and content of each part's files.
    pub fn hash(&self) -> Result<String> {
        self.hash_with(|path| sha256_file(path))
    }

    /// [`Self::hash`], with the SHA-256 of weight files from elsewhere.
    pub(crate) fn hash_with(&self, sha256: impl Fn(&Path) -> Result<String>) -> Result<String> {
        let mut hasher = Sha256::new();
        for part in self.weighted_parts() {
            let mut digests = Vec::new();
            for path in self.paths_of(part)? {
                digests.push(sha256(&path)?);
            }
            // One file keeps the line that it always had.
            hasher.update(format!("{part}/weights {}\n", digests.join(" ")));
        }
        for name in &self.choice.settings {
            if self.is_unread(name)? {
                continue;
            }
            let digest = sha256_file(self.root.join(name))?;
            hasher.update(format!("{name} {digest}\n"));
        }
        if self.class_name() == Some(SDXL_CLASS) {
            let zeros = zeros_for_absent_text(SDXL_CLASS, &self.index);
            hasher.update(format!("force_zeros_for_empty_prompt {zeros}\n"));
        }
        Ok(hex(&hasher.finalize()))
    }

    /// Whether a file says nothing because a newer one beside it does: of tokens that were added to a vocabulary.
    fn is_unread(&self, name: &str) -> Result<bool> {
        let Some(folder) = name.strip_suffix(ADDED_TOKENS) else {
            return Ok(false);
        };
        let path = self.root.join(format!("{folder}tokenizer_config.json"));
        Ok(path.is_file() && read_json(&path)?["added_tokens_decoder"].is_object())
    }

    fn weight_files(&self, part: &str) -> Result<&PartWeights> {
        self.choice.weights_of(part).ok_or_else(|| {
            let problem = format!("`model_index.json` names no part `{part}`");
            Error::bad_base(&self.root, problem)
        })
    }

    /// The files with numbers in them, sorted.
    fn paths_of(&self, part: &str) -> Result<Vec<PathBuf>> {
        match self.weight_files(part)? {
            PartWeights::One(file) => Ok(vec![self.root.join(file)]),
            PartWeights::Sharded(index) => {
                let index = self.root.join(index);
                let names = shard_names(&index)?.into_iter();
                Ok(names.map(|name| index.with_file_name(name)).collect())
            }
        }
    }
}

/// Every file in a folder and in the folders directly below it, with `/` on every system.
fn names_below(root: &Path) -> BTreeSet<String> {
    let entries = |folder: &Path| {
        let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
    };
    let mut names = BTreeSet::new();
    for (name, path) in entries(root) {
        let inside = entries(&path).filter(|(_, path)| path.is_file());
        names.extend(inside.map(|(inner, _)| format!("{name}/{inner}")));
        if path.is_file() {
            names.insert(name);
        }
    }
    names
}

/// Whether an absent negative prompt is zeros and not the empty text: a choice of SDXL's pipeline, which takes zeros where
/// `model_index.json` does not say.
pub(crate) fn zeros_for_absent_text(class: &str, index: &Value) -> bool {
    let said = index.get("force_zeros_for_empty_prompt");
    class == SDXL_CLASS && said.is_none_or(|said| said.as_bool() == Some(true))
}

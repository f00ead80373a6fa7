//! A base model however it is stored: to everybody else it looks like a diffusers folder.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::checkpoint::is_checkpoint_name;
use crate::model_folder::zeros_for_absent_text;
use crate::report::stated_prediction;
use crate::{
    Checkpoint, Error, FileHashes, HashSource, ModelFolder, PartTensors, Prediction, Report, Result,
};

/// How a base model is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A diffusers folder.
    Folder,
    /// One file with the names of the original program.
    SingleFile,
}

impl Layout {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Folder => "diffusers folder",
            Self::SingleFile => "single file",
        }
    }
}

/// A base model on disk: its configurations, and its tensors under the names of diffusers.
#[derive(Debug, Clone)]
pub struct ModelFiles(Stored);

#[derive(Debug, Clone)]
enum Stored {
    Folder(ModelFolder),
    File(Box<Checkpoint>),
}

impl ModelFiles {
    /// Opens a diffusers folder, a single file, or a folder that holds just one single-file checkpoint.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let about = fs_err::metadata(path).map_err(|error| Error::io("read", path, error))?;
        if !about.is_dir() {
            return Ok(Self(Stored::File(Box::new(Checkpoint::open(path)?))));
        }
        if !path.join("model_index.json").is_file()
            && let Some(file) = only_checkpoint(path)?
        {
            return Ok(Self(Stored::File(Box::new(Checkpoint::open(file)?))));
        }
        Ok(Self(Stored::Folder(ModelFolder::open(path)?)))
    }

    /// The folder, or the single file.
    pub fn root(&self) -> &Path {
        match &self.0 {
            Stored::Folder(folder) => folder.root(),
            Stored::File(file) => file.path(),
        }
    }

    /// Folder or single file.
    pub fn layout(&self) -> Layout {
        match &self.0 {
            Stored::Folder(_) => Layout::Folder,
            Stored::File(_) => Layout::SingleFile,
        }
    }

    /// The folder, where it is one.
    pub fn folder(&self) -> Option<&ModelFolder> {
        match &self.0 {
            Stored::Folder(folder) => Some(folder),
            Stored::File(_) => None,
        }
    }

    /// The single file, where it is one.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        match &self.0 {
            Stored::Folder(_) => None,
            Stored::File(file) => Some(file),
        }
    }

    /// The class of the pipeline, as `model_index.json` names it; for a single file the class of its architecture.
    pub fn class_name(&self) -> &str {
        match &self.0 {
            Stored::Folder(folder) => folder.class_name().unwrap_or("(unnamed)"),
            Stored::File(file) => file.architecture().class_name(),
        }
    }

    /// The family that loads this class, where one does.
    pub fn family(&self) -> Option<&'static str> {
        match self.class_name() {
            "StableDiffusionPipeline" => Some("sd15"),
            "StableDiffusionXLPipeline" => Some("sdxl"),
            _ => None,
        }
    }

    /// What `model_index.json` says, or would say.
    pub fn index(&self) -> &Value {
        match &self.0 {
            Stored::Folder(folder) => folder.index(),
            Stored::File(file) => file.index(),
        }
    }

    /// Whether an absent negative prompt is zeros and not the empty text.
    pub fn zeros_for_absent_text(&self) -> bool {
        zeros_for_absent_text(self.class_name(), self.index())
    }

    /// The configuration of a part as diffusers writes it; for a single file it follows from shapes.
    pub fn config(&self, part: &str) -> Result<Value> {
        match &self.0 {
            Stored::Folder(folder) => folder.config(part),
            Stored::File(file) => file.config(part),
        }
    }

    /// Whether the model has this part, such as `text_encoder_2`.
    pub fn has(&self, part: &str) -> bool {
        match &self.0 {
            Stored::Folder(folder) => folder.has(part),
            Stored::File(file) => file.has(part),
        }
    }

    /// The parts with weights, sorted.
    pub fn weighted_parts(&self) -> Vec<&'static str> {
        match &self.0 {
            Stored::Folder(folder) => folder.weighted_parts().collect(),
            Stored::File(file) => file.weighted_parts().to_vec(),
        }
    }

    /// The tensors of a part.
    pub fn tensors(&self, part: &str) -> Result<PartTensors> {
        match &self.0 {
            Stored::Folder(folder) => folder.tensors(part),
            Stored::File(file) => file.tensors(part).cloned(),
        }
    }

    /// The folder of a vocabulary, `tokenizer` or `tokenizer_2`; a single file has none, since its text encoders use
    /// the vocabulary of CLIP.
    pub fn tokenizer_folder(&self, part: &str) -> Option<PathBuf> {
        match &self.0 {
            Stored::Folder(folder) => folder.tokenizer_folder(part),
            Stored::File(_) => None,
        }
    }

    /// What the denoiser predicts, and how that is known; none when a folder states something unknown.
    pub fn prediction(&self) -> Result<Option<Prediction>> {
        match &self.0 {
            Stored::Folder(folder) if folder.has("scheduler") => {
                Ok(stated_prediction(&folder.config("scheduler")?))
            }
            Stored::Folder(_) => Ok(None),
            Stored::File(file) => Ok(Some(file.prediction().clone())),
        }
    }

    /// What a person should know where it is a doubtful guess what the denoiser predicts, and how to settle it.
    pub fn prediction_note(&self) -> Option<String> {
        self.checkpoint()?.prediction_note()
    }

    /// Every file that decides what the model draws.
    ///
    /// The name of a single file can be the evidence for what it predicts; a copy under another name keeps that with
    /// [`Checkpoint::settings_json`] beside it.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        match &self.0 {
            Stored::Folder(folder) => folder.files(),
            Stored::File(file) => Ok(file.files()),
        }
    }

    /// The files with weights.
    pub fn weight_paths(&self) -> Result<Vec<PathBuf>> {
        match &self.0 {
            Stored::Folder(folder) => folder.weight_paths(),
            Stored::File(file) => Ok(file.weight_paths()),
        }
    }

    /// A hash of everything that decides what the model draws.
    pub fn hash(&self) -> Result<String> {
        match &self.0 {
            Stored::Folder(folder) => folder.hash(),
            Stored::File(file) => file.hash(),
        }
    }

    /// [`Self::hash`] with the hashes of weights from elsewhere.
    pub fn hash_with(&self, source: &dyn HashSource) -> Result<String> {
        self.hash_from(&self.hashes_with(source)?)
    }

    /// [`Self::hash`] out of what [`Self::hashes_with`] gave, so that weights are not read again.
    pub fn hash_from(&self, hashes: &[FileHashes]) -> Result<String> {
        let sha256 = |path: &Path| match hashes.iter().find(|known| known.path == path) {
            Some(known) => Ok(known.sha256.clone()),
            None => crate::sha256_file(path),
        };
        match &self.0 {
            Stored::Folder(folder) => folder.hash_with(sha256),
            Stored::File(file) => file.hash_with(sha256),
        }
    }

    /// SHA-256 and BLAKE3 of every file with weights.
    pub fn hashes_with(&self, source: &dyn HashSource) -> Result<Vec<FileHashes>> {
        let paths = self.weight_paths()?;
        paths.iter().map(|path| source.hashes(path)).collect()
    }

    /// What was found out: precision, prediction, and every tensor that is used, missing or unexpected.
    ///
    /// Which tensors a part needs follows from its configuration ([`crate::expected_tensors`]), so nothing is loaded.
    pub fn report(&self) -> Result<Report> {
        Report::of(self)
    }
}

/// The checkpoint in a folder that is no diffusers folder; none where there is no file to choose.
fn only_checkpoint(folder: &Path) -> Result<Option<PathBuf>> {
    let failed = |error| Error::io("read", folder, error);
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_checkpoint_name(&name) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    if found.len() > 1 {
        let names = found.iter().filter_map(|path| path.file_name()?.to_str());
        let names: Vec<_> = names.collect();
        let names = crate::error::first_names(names.into_iter());
        return Err(Error::bad_base(
            folder,
            format!(
                "it has no `model_index.json` and several weights files, name one of them: {names}"
            ),
        ));
    }
    Ok(found.pop())
}

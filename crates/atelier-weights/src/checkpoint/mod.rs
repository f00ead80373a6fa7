//! A base model in one `.safetensors` file with the names of its original program, as published and as merges are:
//! Stable Diffusion 1.x and 2.x, and SDXL. It is read as if it were a diffusers folder.

mod architecture;
mod companions;
mod config;
mod ema;
mod keys;
mod parts;
mod prediction;
mod sections;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::hash::hex;
use crate::{Error, PartTensors, Result, TensorFile, sha256_file};

pub use architecture::Architecture;
pub use companions::{companion_names, is_checkpoint_name};
pub use prediction::{Evidence, Prediction, PredictionType};
pub(crate) use sections::{EMA, is_harmless};

use companions::Companions;
use parts::Parts;
use sections::Sections;

/// A single-file base model whose layout was recognised.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    file: Arc<TensorFile>,
    vae: Option<Arc<TensorFile>>,
    companions: Companions,
    architecture: Architecture,
    prediction: Prediction,
    parts: Parts,
    index: Value,
    ema: usize,
    unet_is_ema: bool,
}

impl Checkpoint {
    /// Opens a file and recognises what it holds. Only headers are read.
    ///
    /// A `NAME.vae.safetensors` beside `NAME.safetensors` replaces the autoencoder. `NAME.yaml` of the original program
    /// and `NAME.json` with `prediction_type` (and `rescale_betas_zero_snr`) say what the denoiser predicts.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = Arc::new(TensorFile::open(path)?);
        let bad = |problem: String| Error::bad_base(path, problem);
        let sections = Sections::of(&file);
        let architecture = Architecture::of(&file, &sections).map_err(bad)?;
        let companions = Companions::of(path)?;
        let vae = match &companions.vae {
            Some(path) => Some(Arc::new(TensorFile::open(path)?)),
            None => None,
        };
        let prediction = prediction::find(&file, architecture, &companions);
        let (ema, unet_is_ema) = (sections.ema.len(), sections.unet_is_ema);
        let parts = Parts::sort(&file, vae.as_ref(), sections, architecture)?;
        let checkpoint = Self {
            index: config::published::index(architecture),
            file,
            vae,
            companions,
            architecture,
            prediction,
            parts,
            ema,
            unet_is_ema,
        };
        checkpoint.check_widths()?;
        Ok(checkpoint)
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The published architecture that the file follows.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// What the denoiser predicts, and how that is known.
    pub fn prediction(&self) -> &Prediction {
        &self.prediction
    }

    /// What `model_index.json` would say.
    pub fn index(&self) -> &Value {
        &self.index
    }

    /// The text values in the header of the file.
    pub fn metadata(&self) -> &std::collections::BTreeMap<String, String> {
        self.file.metadata()
    }

    /// How many tensors of moving averages the file has.
    pub fn ema_count(&self) -> usize {
        self.ema
    }

    /// Whether the U-Net is the moving average, because the file has no other.
    pub fn unet_is_ema(&self) -> bool {
        self.unet_is_ema
    }

    /// The parts with weights, sorted.
    pub fn weighted_parts(&self) -> &'static [&'static str] {
        self.architecture.weighted_parts()
    }

    /// Whether the model has this part.
    pub fn has(&self, part: &str) -> bool {
        self.index.get(part).is_some_and(Value::is_array)
    }

    /// The configuration that diffusers would write for a part.
    pub fn config(&self, part: &str) -> Result<Value> {
        let config = match part {
            "scheduler" => Ok(config::published::scheduler(
                self.architecture,
                &self.prediction,
            )),
            "tokenizer" | "tokenizer_2" if self.has(part) => {
                Ok(serde_json::json!({"_class_name": "CLIPTokenizer", "model_max_length": 77}))
            }
            "unet" => config::unet(self.tensors(part)?, self.architecture, self.prediction.kind),
            "vae" => config::vae(self.tensors(part)?, self.architecture),
            "text_encoder" if self.architecture == Architecture::StableDiffusion2 => {
                config::openclip(self.tensors(part)?)
            }
            "text_encoder" => config::clip(self.tensors(part)?),
            _ => config::openclip_projected(self.tensors(part)?),
        };
        config.map_err(|problem| Error::bad_base(self.path_of(part), problem))
    }

    /// The tensors of a part under their diffusers names.
    pub fn tensors(&self, part: &str) -> Result<&PartTensors> {
        self.parts.get(part).ok_or_else(|| {
            let name = self.architecture.name();
            Error::bad_base(self.path(), format!("{name} has no part `{part}`"))
        })
    }

    /// Tensors of a part's section that have no place in the part.
    pub(crate) fn unplaced(&self, part: &str) -> &[String] {
        self.parts.unplaced(part)
    }

    /// Tensors that are known and not needed.
    pub(crate) fn harmless(&self) -> &[String] {
        &self.parts.harmless
    }

    /// Tensors that belong to no part.
    pub(crate) fn unexpected(&self) -> &[String] {
        &self.parts.unexpected
    }

    /// The file of the autoencoder, where it lies beside the checkpoint.
    pub fn vae_file(&self) -> Option<&Path> {
        self.vae.as_deref().map(TensorFile::path)
    }

    /// The files with weights: the checkpoint, and the autoencoder beside it.
    pub fn weight_paths(&self) -> Vec<PathBuf> {
        let paths = [Some(self.path()), self.vae_file()];
        paths.into_iter().flatten().map(Path::to_owned).collect()
    }

    /// Every file that decides what the model draws.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = self.files_as(self.path()).into_iter();
        files.map(|(source, _)| source).collect()
    }

    /// The same, each with where it belongs beside a checkpoint at `path`, which is the first.
    pub fn files_as(&self, path: &Path) -> Vec<(PathBuf, PathBuf)> {
        let [vae, yaml, settings] = Self::companion_paths(path);
        let own_yaml = self
            .companions
            .yaml
            .as_ref()
            .map(|(path, _)| path.as_path());
        let own_settings = self
            .companions
            .settings
            .as_ref()
            .map(|(path, _)| path.as_path());
        let files = [
            (Some(self.path()), path.to_owned()),
            (self.vae_file(), vae),
            (own_yaml, yaml),
            (own_settings, settings),
        ];
        let files = files.into_iter();
        files
            .filter_map(|(source, target)| Some((source?.to_owned(), target)))
            .collect()
    }

    /// Where files are looked for that belong to a checkpoint at `path`.
    pub fn companion_paths(path: &Path) -> [PathBuf; 3] {
        companions::companion_paths(path)
    }

    /// The content of `NAME.json` that keeps what was found out, whatever the file is called later.
    pub fn settings_json(&self) -> String {
        let settings = serde_json::json!({
            "prediction_type": self.prediction.kind.name(),
            "rescale_betas_zero_snr": self.prediction.rescale_betas_zero_snr,
        });
        settings.to_string()
    }

    /// What a person should know where it is a doubtful guess what the denoiser predicts: how it was guessed, and how to
    /// settle it.
    pub fn prediction_note(&self) -> Option<String> {
        let Prediction { kind, evidence, .. } = &self.prediction;
        evidence.is_doubtful().then(|| {
            let name = self.path().file_name().unwrap_or_default();
            format!(
                "`{}` does not state what it predicts: {} is {evidence}; a file `{}` with `{{\"prediction_type\": \
                 \"epsilon\"}}` or `{{\"prediction_type\": \"v_prediction\"}}` settles it",
                name.to_string_lossy(),
                kind.name(),
                self.path().with_extension("json").display(),
            )
        })
    }

    /// A hash of everything that decides what the model draws: weights, and what the denoiser predicts.
    pub fn hash(&self) -> Result<String> {
        self.hash_with(|path| sha256_file(path))
    }

    /// [`Self::hash`], with the SHA-256 of weight files from elsewhere.
    pub(crate) fn hash_with(&self, sha256: impl Fn(&Path) -> Result<String>) -> Result<String> {
        let mut hasher = Sha256::new();
        hasher.update(format!("checkpoint {}\n", sha256(self.path())?));
        if let Some(vae) = self.vae_file() {
            hasher.update(format!("vae {}\n", sha256(vae)?));
        }
        hasher.update(format!(
            "prediction_type {}\nrescale_betas_zero_snr {}\n",
            self.prediction.kind.name(),
            self.prediction.rescale_betas_zero_snr
        ));
        Ok(hex(&hasher.finalize()))
    }

    /// The file that a problem with a part is about.
    fn path_of(&self, part: &str) -> &Path {
        match self.vae_file() {
            Some(vae) if part == "vae" => vae,
            _ => self.path(),
        }
    }

    /// Reads every configuration once, and compares the widths where networks meet.
    fn check_widths(&self) -> Result<()> {
        let width = |part: &str, key: &str| -> Result<Option<u64>> {
            Ok(self.config(part)?.get(key).and_then(Value::as_u64))
        };
        let context = width("unet", "cross_attention_dim")?;
        let mut states = width("text_encoder", "hidden_size")?;
        if self.architecture == Architecture::Sdxl {
            let second = width("text_encoder_2", "hidden_size")?;
            states = states.zip(second).map(|(one, two)| one + two);
            let pooled = width("text_encoder_2", "projection_dim")?;
            let added = width("unet", "projection_class_embeddings_input_dim")?;
            // Six numbers say size and crop, each as 256 features.
            self.agree(
                "the U-Net's added embedding",
                added,
                pooled.map(|pooled| pooled + 6 * 256),
            )?;
        }
        self.agree("the U-Net's text states", context, states)?;
        let latents = width("vae", "latent_channels")?;
        self.agree(
            "the U-Net's latents",
            width("unet", "in_channels")?,
            latents,
        )
    }

    fn agree(&self, what: &str, got: Option<u64>, expected: Option<u64>) -> Result<()> {
        if got == expected {
            return Ok(());
        }
        let text = |number: Option<u64>| number.map_or("nothing".to_owned(), |n| n.to_string());
        let (got, expected) = (text(got), text(expected));
        Err(Error::bad_base(
            self.path(),
            format!("{what} have a width of {got}, but the other parts give {expected}"),
        ))
    }
}

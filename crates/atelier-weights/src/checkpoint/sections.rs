//! The tensors of a single-file checkpoint, sorted by the part that they belong to.

use super::ema;
use super::keys::{Original, Originals};
use crate::TensorFile;

/// Tensors by part, under their original names without the part's prefix.
#[derive(Debug, Clone, Default)]
pub(super) struct Sections {
    pub(super) unet: Originals,
    pub(super) vae: Originals,
    pub(super) clip: Originals,
    pub(super) openclip: Originals,
    /// Moving averages, of the U-Net or of anything else.
    pub(super) ema: Vec<String>,
    /// Whether the U-Net is the moving average, because the file has no other.
    pub(super) unet_is_ema: bool,
    /// What is known to serve training or bookkeeping only.
    pub(super) harmless: Vec<String>,
    pub(super) unexpected: Vec<String>,
}

/// Where the U-Net lies.
pub(super) const UNET: &str = "model.diffusion_model.";
/// Where its moving average lies.
pub(crate) const EMA: &str = "model_ema.";
/// Where the autoencoder lies.
const VAE: &str = "first_stage_model.";
/// Where CLIP lies, in Stable Diffusion 1 and in SDXL.
const CLIP: [&str; 2] = [
    "cond_stage_model.transformer.",
    "conditioner.embedders.0.transformer.",
];
/// Where `OpenCLIP` lies, in Stable Diffusion 2 and in SDXL.
const OPENCLIP: [&str; 2] = ["cond_stage_model.model.", "conditioner.embedders.1.model."];

/// Buffers of the noise schedule, which follow from its settings, and marks that other programs leave.
const BUFFERS: [&str; 21] = [
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "betas",
    "denoiser.log_sigmas",
    "denoiser.sigmas",
    "global_step",
    "log_one_minus_alphas_cumprod",
    "logvar",
    "lvlb_weights",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "posterior_variance",
    "scale_factor",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "v_pred",
    "ztsnr",
    "model.logvar",
];
/// Last words of buffers and of parameters that only training uses.
const LAST_WORDS: [&str; 3] = ["position_ids", "logit_scale", "attn_mask"];
/// Training's own networks inside an autoencoder.
const TRAINING: [&str; 4] = [
    "first_stage_model.loss.",
    "first_stage_model.model_ema.",
    "loss.",
    "model_ema.",
];

impl Sections {
    /// Sorts the tensors of a checkpoint.
    pub(super) fn of(file: &TensorFile) -> Self {
        let mut sections = Self::default();
        for (stored, original) in originals(file) {
            sections.sort(stored, original);
        }
        if sections.unet.is_empty() {
            sections.take_ema(file);
        }
        sections
    }

    fn sort(&mut self, stored: &str, original: Original) {
        if stored.starts_with(EMA) {
            self.ema.push(original.stored);
        } else if is_harmless(stored) {
            self.harmless.push(original.stored);
        } else if let Some(name) = stored.strip_prefix(UNET) {
            self.unet.insert(name.to_owned(), original);
        } else if let Some(name) = stored.strip_prefix(VAE) {
            self.vae.insert(name.to_owned(), original);
        } else if let Some(name) = after_any(&CLIP, stored) {
            self.clip.insert(name.to_owned(), original);
        } else if let Some(name) = after_any(&OPENCLIP, stored) {
            self.openclip.insert(name.to_owned(), original);
        } else {
            self.unexpected.push(original.stored);
        }
    }

    /// A file without a U-Net of its own may have its moving average.
    fn take_ema(&mut self, file: &TensorFile) {
        for stored in &self.ema {
            let name = stored.strip_prefix(EMA).and_then(ema::original_name);
            if let (Some(name), Some(info)) = (name, file.info(stored)) {
                let (stored, info) = (stored.clone(), info.clone());
                self.unet.insert(name, Original { stored, info });
            }
        }
        self.unet_is_ema = !self.unet.is_empty();
    }
}

/// The tensors of an autoencoder in a file of its own: with the prefix of checkpoints, with a short one, or bare.
pub(super) fn lone_vae(file: &TensorFile) -> (Originals, Vec<String>) {
    let has = |prefix: &str| file.names().any(|name| name.starts_with(prefix));
    let prefix = [VAE, "vae."]
        .into_iter()
        .find(|prefix| has(prefix))
        .unwrap_or("");
    let (mut vae, mut others) = (Originals::new(), Vec::new());
    for (stored, original) in originals(file) {
        match stored.strip_prefix(prefix) {
            Some(name) if !is_harmless(stored) => {
                vae.insert(name.to_owned(), original);
            }
            _ => others.push(original.stored),
        }
    }
    (vae, others)
}

fn originals(file: &TensorFile) -> impl Iterator<Item = (&str, Original)> {
    file.names().filter_map(|stored| {
        let info = file.info(stored)?.clone();
        let original = Original {
            stored: stored.to_owned(),
            info,
        };
        Some((stored, original))
    })
}

fn after_any<'a>(prefixes: &[&str], name: &'a str) -> Option<&'a str> {
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))
}

/// Whether a tensor serves only training or bookkeeping, so that nobody misses it.
pub(crate) fn is_harmless(stored: &str) -> bool {
    let last = stored.rsplit('.').next().unwrap_or(stored);
    BUFFERS.contains(&stored)
        || LAST_WORDS.contains(&last)
        || TRAINING.iter().any(|prefix| stored.starts_with(prefix))
}

//! The numbers of the embedded base in one place: shapes, schedules, what it learns from, how large a batch is. How pictures
//! are cut, captioned and kept apart for testing is `atelier-corpus`'s.
//!
//! [`Recipe::default`] makes a base from nothing in one stretch. The shipped base has its shapes, but was made in several
//! stretches, with `AdamW` first and Muon later, as its model card tells: the default does not give its numbers again, and its
//! `training.json` holds the recipe of the last stretch. A search of shapes gives another recipe as a JSON file that names what
//! differs from the default.

mod configs;
mod problems;
mod record;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use atelier_weights::atomic;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use configs::model_index;
pub(crate) use record::complete;

/// Steps of the linear rise of the rate.
pub(crate) const WARMUP_STEPS: u64 = 200;
/// Every random choice follows from it.
pub(crate) const SEED: u64 = 20;

const FILE: &str = "recipe.json";

/// What one training of the base is made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Recipe {
    /// Groups of the corpus that the base learns to draw.
    pub(crate) groups: Vec<String>,
    /// Side of the pictures in pixels.
    pub(crate) side: usize,
    pub(crate) vae: VaeRecipe,
    pub(crate) text: TextRecipe,
    pub(crate) denoiser: DenoiserRecipe,
}

/// The autoencoder: shape and training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VaeRecipe {
    /// Channels of each level; every level but the last halves the side.
    pub(crate) channels: Vec<usize>,
    pub(crate) latent_channels: usize,
    /// Groups of every normalisation. With as many as channels, each channel loses its own contrast, and flat colour
    /// cannot be told from a strong one.
    pub(crate) norm_groups: usize,
    pub(crate) steps: u64,
    /// Further steps of the decoder alone.
    pub(crate) decoder_steps: u64,
    /// Deviation of what these add to every code, whose own is near to one, so that the decoder forgives what a denoiser
    /// misses by.
    pub(crate) decoder_noise: f32,
    /// Steps at the end over which the rate falls to zero.
    pub(crate) cooldown_steps: u64,
    pub(crate) batch: usize,
    /// Side of the square part of each picture that a step sees, in pixels.
    pub(crate) crop: usize,
    pub(crate) rate: f64,
    /// Weight of the divergence from the unit normal, per latent value. With a hundredth of the shipped one, latents are
    /// exact to a part in four hundred, and what a denoiser misses by less than a tenth shows as mottled colour.
    pub(crate) kl_weight: f32,
    /// Weight of the divergence in the first steps, and how many they are.
    pub(crate) early_kl: EarlyKl,
    pub(crate) optimizer: Optimizer,
    pub(crate) ema_decay: f64,
}

/// A weaker pull towards the unit normal at the start of the autoencoder's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EarlyKl {
    pub(crate) weight: f32,
    pub(crate) steps: u64,
}

impl VaeRecipe {
    /// The weight of the divergence in a step.
    pub(crate) fn kl_weight_at(&self, step: u64) -> f32 {
        if step < self.early_kl.steps {
            self.early_kl.weight
        } else {
            self.kl_weight
        }
    }
}

/// The text encoder's shape; it is trained with the denoiser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TextRecipe {
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
}

/// The denoiser: shape and training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DenoiserRecipe {
    /// Channels of each level.
    pub(crate) channels: Vec<usize>,
    /// Attention heads of each level.
    pub(crate) heads: Vec<usize>,
    /// Whether each level attends to the text.
    pub(crate) attention: Vec<bool>,
    /// How noise runs over the timesteps.
    pub(crate) schedule: Schedule,
    /// Backgrounds, flips and shifts under which each picture is encoded.
    pub(crate) views: usize,
    pub(crate) steps: u64,
    /// Steps at the end over which the rate falls to zero.
    pub(crate) cooldown_steps: u64,
    pub(crate) batch: usize,
    pub(crate) rate: f64,
    /// Share of the captions that words without meaning stand before.
    pub(crate) stranger_share: f32,
    pub(crate) timesteps: Timesteps,
    pub(crate) optimizer: Optimizer,
    /// How much of each matrix that Muon moves goes with a step, relative to the rate.
    pub(crate) weight_decay: f64,
    /// Largest weight of a timestep's error in the picture, relative to its noise (Hang et al. 2023); none: all equal.
    pub(crate) min_snr: Option<f64>,
    pub(crate) ema_decay: f64,
}

/// How noise runs over the timesteps; the last one is pure noise with each, so that plain backgrounds of any colour can be
/// drawn (Lin et al. 2024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Schedule {
    /// The squared cosine of Nichol and Dhariwal 2021.
    Cosine,
    /// That of Stable Diffusion, stretched until its last timestep keeps nothing of the picture.
    ScaledLinear,
}

/// How a training step chooses its timesteps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Timesteps {
    /// All alike.
    Uniform,
    /// All alike, and each picture of a worker's part of the batch from its own stretch of them, so that every part has all
    /// kinds.
    Stratified,
    /// The middle ones more often: logistic of a unit normal (Esser et al. 2024, section 3.1).
    LogitNormal,
}

/// What moves the matrices inside a network; all else moves by `AdamW`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Optimizer {
    #[serde(rename = "adamw")]
    AdamW,
    /// The orthogonal part of the averaged gradient, see `store/muon.rs`.
    Muon,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            groups: ["faces", "animals", "food", "weather", "plants", "hearts"]
                .map(str::to_owned)
                .to_vec(),
            side: 128,
            vae: VaeRecipe::default(),
            text: TextRecipe::default(),
            denoiser: DenoiserRecipe::default(),
        }
    }
}

impl Default for VaeRecipe {
    fn default() -> Self {
        Self {
            channels: vec![16, 32, 64, 128],
            latent_channels: 8,
            norm_groups: 4,
            steps: 7000,
            decoder_steps: 1500,
            decoder_noise: 0.0,
            cooldown_steps: 1000,
            batch: 16,
            crop: 64,
            rate: 1e-3,
            kl_weight: 2e-2,
            early_kl: EarlyKl {
                weight: 1e-4,
                steps: 3000,
            },
            optimizer: Optimizer::AdamW,
            ema_decay: 0.998,
        }
    }
}

impl Default for TextRecipe {
    fn default() -> Self {
        Self {
            width: 80,
            layers: 2,
            heads: 4,
        }
    }
}

impl Default for DenoiserRecipe {
    fn default() -> Self {
        Self {
            channels: vec![128, 160, 192],
            heads: vec![4, 5, 6],
            attention: vec![false, true, true],
            schedule: Schedule::Cosine,
            views: 32,
            steps: 45_000,
            cooldown_steps: 2500,
            batch: 64,
            rate: 5e-4,
            stranger_share: 0.3,
            timesteps: Timesteps::Stratified,
            optimizer: Optimizer::Muon,
            weight_decay: 0.1,
            min_snr: None,
            ema_decay: 0.999,
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Recipe> {
    serde_json::from_slice(&fs_err::read(path)?)
        .with_context(|| format!("recipe `{}`", path.display()))
}

/// [`read`] of what an earlier program kept, see [`complete`].
fn read_kept(path: &Path) -> anyhow::Result<Recipe> {
    let told = || format!("recipe `{}`", path.display());
    let mut kept: Value = serde_json::from_slice(&fs_err::read(path)?).with_context(told)?;
    complete(&mut kept);
    serde_json::from_value(kept).with_context(told)
}

impl Recipe {
    /// The recipe of a cache folder: the one that an earlier training left there, else the one given now, else the default.
    ///
    /// # Errors
    /// When the one given is not the one that lies there, or has problems.
    pub(crate) fn of(cache: &Path, given: Option<&Path>) -> anyhow::Result<Self> {
        let kept = Self::file(cache);
        let kept = kept.exists().then(|| read_kept(&kept)).transpose()?;
        let given = given.map(read).transpose()?;
        if let (Some(kept), Some(given)) = (&kept, &given) {
            ensure!(
                kept == given,
                "`{}` is being made with another recipe, which lies there as `{FILE}`; take another cache for this one, or \
                 change that file where a training may go on with another number of steps, batch, rate, noise or optimizer",
                cache.display()
            );
        }
        let recipe = kept.or(given).unwrap_or_default();
        let problems = recipe.problems();
        ensure!(
            problems.is_empty(),
            "the recipe has problems: {}",
            problems.join("; ")
        );
        Ok(recipe)
    }

    /// Where a cache folder holds its recipe.
    pub(crate) fn file(cache: &Path) -> PathBuf {
        cache.join(FILE)
    }

    /// Leaves the recipe in a cache folder for later calls.
    pub(crate) fn keep(&self, cache: &Path) -> anyhow::Result<()> {
        let (path, text) = (Self::file(cache), serde_json::to_vec_pretty(self)?);
        if fs_err::read(&path).is_ok_and(|kept| kept == text) {
            return Ok(());
        }
        fs_err::create_dir_all(cache)?;
        Ok(atomic::write_file(path, |to| to.write_all(&text))?)
    }

    /// Whether the base learns pictures of this group.
    pub(crate) fn draws(&self, group: &str) -> bool {
        self.groups.iter().any(|drawn| drawn == group)
    }

    /// Pixels of a picture per latent, each way.
    pub(crate) fn pixels_per_latent(&self) -> usize {
        1 << self.vae.channels.len().clamp(1, 7).saturating_sub(1)
    }

    /// What the side of an encoded picture must be a multiple of, so that every level of the denoiser halves it.
    fn latents_per_coarsest(&self) -> usize {
        1 << self.denoiser.channels.len().clamp(1, 7).saturating_sub(1)
    }

    /// Side of an encoded picture.
    pub(crate) fn latent_side(&self) -> usize {
        self.side / self.pixels_per_latent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, text: &str) -> std::path::PathBuf {
        let file = folder.join("given.json");
        fs_err::write(&file, text).unwrap();
        file
    }

    #[test]
    fn a_file_names_what_differs_and_the_cache_remembers_it_once_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        assert_eq!(Recipe::of(&cache, None).unwrap(), Recipe::default());
        assert!(!cache.exists());
        let text = r#"{"vae": {"channels": [8, 16, 32, 32, 64], "latent_channels": 24}}"#;
        let file = written(folder.path(), text);
        let given = Recipe::of(&cache, Some(&file)).unwrap();
        assert_eq!((given.latent_side(), given.vae.latent_channels), (8, 24));
        assert_eq!(given.denoiser, DenoiserRecipe::default());
        given.keep(&cache).unwrap();
        assert_eq!(Recipe::of(&cache, None).unwrap(), given);
        assert_eq!(Recipe::of(&cache, Some(&file)).unwrap(), given);
        let file = written(folder.path(), "{}");
        let error = Recipe::of(&cache, Some(&file)).unwrap_err().to_string();
        assert!(error.contains("another recipe"), "{error}");
        assert_eq!(Recipe::of(&cache, None).unwrap(), given);
    }

    #[test]
    fn a_cache_of_an_earlier_program_goes_on_with_what_was_usual_then() {
        let cache = tempfile::tempdir().unwrap();
        let text = r#"{"denoiser": {"steps": 42000}}"#;
        fs_err::write(cache.path().join(FILE), text).unwrap();
        let kept = Recipe::of(cache.path(), None).unwrap().denoiser;
        assert_eq!((kept.steps, kept.views), (42_000, 8));
        let given = written(cache.path(), text);
        let given = read(&given).unwrap().denoiser;
        assert_eq!(given.views, DenoiserRecipe::default().views);
        assert_ne!(given.views, kept.views);
    }

    #[test]
    fn what_a_recipe_does_not_have_or_may_not_be_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = |text: &str| {
            let file = written(folder.path(), text);
            let error = Recipe::of(&folder.path().join("cache"), Some(&file)).unwrap_err();
            format!("{error:#}")
        };
        let unknown = error(r#"{"vae": {"width": 3}}"#);
        assert!(
            unknown.contains("given.json") && unknown.contains("width"),
            "{unknown}"
        );
        let several = error(
            r#"{"groups": [], "vae": {"crop": 200, "batch": 3, "norm_groups": 0}, "denoiser": {"heads": [1], "channels": [40, 64, 96]}}"#,
        );
        for name in [
            "groups",
            "crop",
            "vae.batch",
            "norm_groups",
            "heads",
            "multiple of 32",
        ] {
            assert!(several.contains(name), "{several}");
        }
        let optimizer = |word: &str| {
            let text = format!(r#"{{"denoiser": {{"optimizer": "{word}"}}}}"#);
            let file = written(folder.path(), &text);
            Recipe::of(&folder.path().join("cache"), Some(&file)).map(|r| r.denoiser.optimizer)
        };
        assert_eq!(optimizer("muon").unwrap(), Optimizer::Muon);
        assert_eq!(optimizer("adamw").unwrap(), Optimizer::AdamW);
        assert!(optimizer("sgd").is_err());
    }
}

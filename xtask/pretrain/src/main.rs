//! Trains the embedded base `atelier-mini` from nothing: autoencoder, then text encoder and denoiser.
//! Every stage writes checkpoints into the cache folder and continues from the newest one.

#![allow(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "pixel values, token ids and timesteps are small and not negative"
)]

mod adopt;
mod denoiser;
mod export;
mod fit;
mod gallery;
mod latents;
mod log;
mod pictures;
mod recipe;
mod reconstruction;
mod score;
mod sheet;
mod store;
mod vae;
mod validation;
mod vocabulary;
mod workers;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::ensure;
use atelier_core::{DeviceChoice, Precision};
use atelier_corpus::{Corpus, Split, build, held_out_fingerprint};
use atelier_device::Chosen;
use clap::{Parser, Subcommand};

use crate::recipe::Recipe;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trains the embedded base model: all stages in turn, or one.
#[derive(Parser)]
struct Args {
    /// Where the corpus, the checkpoints and the exported folder lie.
    #[arg(long, default_value = "pretrain-cache", global = true)]
    cache: PathBuf,
    /// A JSON file with what differs from the shipped recipe; the first training keeps it in the cache.
    #[arg(long, global = true)]
    recipe: Option<PathBuf>,
    /// What trains and encodes, in f32 on graphics processors: `cpu`, or with the feature `vulkan` also `vulkan:0`.
    #[arg(long, default_value = "cpu", global = true)]
    device: DeviceChoice,
    #[command(subcommand)]
    stage: Option<Stage>,
}

#[derive(Subcommand)]
enum Stage {
    /// Train the autoencoder.
    Vae {
        /// Steps of the whole training; a finished one is extended by a larger number.
        #[arg(long)]
        steps: Option<u64>,
        /// Leave the encoder as it is, so that encoded pictures stay valid.
        #[arg(long)]
        decoder_only: bool,
    },
    /// Encode the corpus with the trained autoencoder.
    Latents,
    /// Train text encoder and denoiser on the encoded corpus.
    Denoiser {
        /// Steps of the whole training; a finished one is extended by a larger number.
        #[arg(long)]
        steps: Option<u64>,
    },
    /// Begin a cache with the weights of an exported folder, where the checkpoints that it was written from are gone.
    Adopt {
        /// The exported folder.
        #[arg(long)]
        base: PathBuf,
    },
    /// Write the averaged weights as a diffusers folder.
    Export {
        /// The folder to write, which must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Measure how well the autoencoder gives unseen pictures back.
    Reconstruction {
        /// The exported folder.
        #[arg(long)]
        base: PathBuf,
    },
    /// Measure the error of the denoiser's predictions for unseen pairs beside trained ones, on fixed noise.
    Validate {
        /// The exported folder.
        #[arg(long)]
        base: PathBuf,
        /// Another exported folder with the same schedule and encoder, to tell the differences picture by picture.
        #[arg(long)]
        against: Option<PathBuf>,
        /// Pictures of either kind.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(2..))]
        pictures: u16,
    },
    /// Draw the gallery of the model card with an exported folder.
    Gallery {
        /// The exported folder.
        #[arg(long)]
        base: PathBuf,
        /// Where the pictures go.
        #[arg(long)]
        out: PathBuf,
    },
    /// Train an adapter for 200 epochs, and show how it goes from under-fitted to over-fitted.
    Fit(fit::Subject),
    /// Train an adapter with each of the four training strengths, and measure what became of it.
    Strengths(fit::strengths::Subject),
    /// Measure how often unseen pairs of concept and style are drawn with the right concept, style and background.
    Score {
        /// The exported folder.
        #[arg(long)]
        base: PathBuf,
        /// Draw pairs of the training instead: what these have and unseen ones have not was learnt by heart.
        #[arg(long)]
        trained: bool,
        /// Number of drawings.
        #[arg(long, default_value_t = 500)]
        drawings: usize,
        /// Strengths of guidance, each with drawings of its own.
        #[arg(long, value_delimiter = ',', default_value = "4")]
        guidance: Vec<f32>,
    },
}

/// A folder of one training of the base, with its recipe.
pub(crate) struct Pretraining {
    pub(crate) cache: PathBuf,
    pub(crate) recipe: Recipe,
    /// What trains and encodes.
    pub(crate) chosen: Chosen,
    held_out: OnceLock<String>,
}

impl Pretraining {
    /// Every picture of the corpus, as large as those of the recipe.
    pub(crate) fn corpus(&self) -> anyhow::Result<Corpus> {
        build(&self.cache.join("corpus"), self.recipe.side)
    }

    /// Every picture of the corpus, as large as those that an exported folder draws.
    pub(crate) fn corpus_of(&self, base: &Path) -> anyhow::Result<Corpus> {
        let made = export::Origin::read(base)?;
        build(&self.cache.join("corpus"), made.recipe.side)
    }

    /// Where the checkpoint of the autoencoder lies.
    pub(crate) fn autoencoder_checkpoint(&self) -> PathBuf {
        self.cache.join("vae.safetensors")
    }

    /// Where the checkpoint of denoiser and text encoder lies.
    pub(crate) fn denoiser_checkpoint(&self) -> PathBuf {
        self.cache.join("denoiser.safetensors")
    }

    /// The pairs of concept and style that the denoiser learns, or the ones that it is never shown.
    pub(crate) fn drawn(&self, split: Split) -> anyhow::Result<Corpus> {
        let mut corpus = self.corpus()?;
        corpus.retain(|entry| self.recipe.draws(&entry.group) && entry.split == split);
        ensure!(
            !corpus.entries.is_empty(),
            "no picture of the corpus is in the groups {:?}",
            self.recipe.groups
        );
        Ok(corpus)
    }

    /// The pairs of a split in the groups that an exported folder was trained to draw.
    pub(crate) fn drawn_by(&self, base: &Path, split: Split) -> anyhow::Result<Corpus> {
        let made = export::Origin::read(base)?;
        let mut corpus = self.corpus_of(base)?;
        corpus.retain(|entry| made.recipe.draws(&entry.group) && entry.split == split);
        ensure!(
            !corpus.entries.is_empty(),
            "no picture of the corpus is in the groups {:?} of `{}`",
            made.recipe.groups,
            base.display()
        );
        Ok(corpus)
    }

    /// Which pairs are held out, as one number.
    pub(crate) fn held_out(&self) -> anyhow::Result<String> {
        if let Some(known) = self.held_out.get() {
            return Ok(known.clone());
        }
        let found = held_out_fingerprint(&self.corpus()?.entries);
        Ok(self.held_out.get_or_init(|| found).clone())
    }

    /// Refuses an exported folder that was trained on other pairs than those that are held out now.
    pub(crate) fn check_unseen(&self, base: &Path) -> anyhow::Result<()> {
        let made = export::Origin::read(base)?;
        ensure!(
            made.held_out == self.held_out()?,
            "`{}` was trained with other pairs held out, so that figures about unseen ones would be wrong",
            base.display()
        );
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let Args {
        cache,
        recipe,
        device,
        stage,
    } = Args::parse();
    let trains = matches!(
        stage,
        None | Some(Stage::Vae { .. } | Stage::Latents | Stage::Denoiser { .. })
    );
    ensure!(
        trains || device == DeviceChoice::Cpu,
        "this stage computes on the processor; leave `--device` out, which `vae`, `latents` and `denoiser` take"
    );
    // Every step takes and gives back the same buffers, and nothing large is loaded in between.
    atelier_nn::kernels::keep_freed_pages();
    let recipe = Recipe::of(&cache, recipe.as_deref())?;
    let place = Pretraining {
        cache,
        recipe,
        chosen: atelier_device::open(device, Precision::F32)?,
        held_out: OnceLock::new(),
    };
    if trains {
        place.recipe.keep(&place.cache)?;
    }
    let work = || match stage {
        Some(stage) => one(&place, stage),
        None => all(&place),
    };
    place.chosen.watch("training the embedded base", work)?
}

/// One stage.
fn one(place: &Pretraining, stage: Stage) -> anyhow::Result<()> {
    let Recipe { vae, denoiser, .. } = &place.recipe;
    match stage {
        Stage::Vae {
            steps,
            decoder_only,
        } => {
            let more = if decoder_only { vae.decoder_steps } else { 0 };
            vae::train(place, steps.unwrap_or(vae.steps + more), decoder_only)
        }
        Stage::Latents => latents::encode(place),
        Stage::Denoiser { steps } => denoiser::train(place, steps.unwrap_or(denoiser.steps)),
        Stage::Adopt { base } => adopt::adopt(place, &base),
        Stage::Export { out } => export::export(place, &out),
        Stage::Reconstruction { base } => reconstruction::measure(place, &base),
        Stage::Validate {
            base,
            against,
            pictures,
        } => validation::measure(place, &base, against.as_deref(), usize::from(pictures)),
        Stage::Gallery { base, out } => gallery::draw(place, &base, &out),
        Stage::Fit(subject) => fit::show(&subject),
        Stage::Strengths(subject) => fit::strengths::show(&subject),
        Stage::Score {
            base,
            trained,
            drawings,
            guidance,
        } => {
            let split = if trained {
                Split::Train
            } else {
                Split::HeldOutPair
            };
            score::measure(place, &base, (split, drawings), &guidance)
        }
    }
}

/// Every stage, each from where an earlier call left it, up to the exported folder in the cache.
fn all(place: &Pretraining) -> anyhow::Result<()> {
    let Recipe { vae, denoiser, .. } = &place.recipe;
    vae::train(place, vae.steps, false)?;
    if !latents::file(place).exists() {
        latents::encode(place)?;
    }
    denoiser::train(place, denoiser.steps)?;
    vae::train(place, vae.steps + vae.decoder_steps, true)?;
    export::replace(place, &place.cache.join("atelier-mini"))
}

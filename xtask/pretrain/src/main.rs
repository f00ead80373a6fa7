//! Trains the embedded base `atelier-mini` from nothing: autoencoder, then text encoder and denoiser.
//! Every stage writes checkpoints into the cache folder and continues from the newest one.

#![allow(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "pixel values, token ids and timesteps are small and not negative"
)]

mod denoiser;
mod export;
mod latents;
mod pictures;
mod recipe;
mod score;
mod sheet;
mod store;
mod vae;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trains the embedded base model: all stages in turn, or one.
#[derive(Parser)]
struct Args {
    /// Where the corpus, the checkpoints and the exported folder lie.
    #[arg(long, default_value = "pretrain-cache", global = true)]
    cache: PathBuf,
    #[command(subcommand)]
    stage: Option<Stage>,
}

#[derive(Subcommand)]
enum Stage {
    /// Train the autoencoder.
    Vae {
        /// Steps of the whole training; a finished one is extended by a larger number.
        #[arg(long, default_value_t = recipe::VAE_STEPS)]
        steps: u64,
        /// Leave the encoder as it is, so that encoded pictures stay valid.
        #[arg(long)]
        decoder_only: bool,
    },
    /// Encode the corpus with the trained autoencoder.
    Latents,
    /// Train text encoder and denoiser on the encoded corpus.
    Denoiser {
        /// Steps of the whole training; a finished one is extended by a larger number.
        #[arg(long, default_value_t = recipe::STEPS)]
        steps: u64,
    },
    /// Write the averaged weights as a diffusers folder.
    Export {
        /// The folder to write, which must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Draw the sample sheet of the model card with an exported folder.
    Sheet {
        /// The exported folder.
        #[arg(long)]
        base: PathBuf,
        /// Where the pictures go.
        #[arg(long)]
        out: PathBuf,
    },
    /// Measure how often an unseen pair of concept and style is drawn recognisably.
    Score {
        /// The exported folder.
        #[arg(long)]
        base: PathBuf,
        /// Number of prompts.
        #[arg(long, default_value_t = 200)]
        prompts: usize,
    },
}

fn main() -> anyhow::Result<()> {
    let Args { cache, stage } = Args::parse();
    let Some(stage) = stage else {
        return all(&cache);
    };
    match stage {
        Stage::Vae {
            steps,
            decoder_only,
        } => vae::train(&cache, steps, decoder_only),
        Stage::Latents => latents::encode(&cache),
        Stage::Denoiser { steps } => denoiser::train(&cache, steps),
        Stage::Export { out } => export::export(&cache, &out),
        Stage::Sheet { base, out } => sheet::draw(&cache, &base, &out),
        Stage::Score { base, prompts } => score::measure(&cache, &base, prompts),
    }
}

/// Every stage, each from where an earlier call left it, up to the exported folder in the cache.
fn all(cache: &Path) -> anyhow::Result<()> {
    vae::train(cache, recipe::VAE_STEPS, false)?;
    if !latents::file(cache).exists() {
        latents::encode(cache)?;
    }
    denoiser::train(cache, recipe::STEPS)?;
    vae::train(cache, recipe::VAE_STEPS + recipe::DECODER_STEPS, true)?;
    export::replace(cache, &cache.join("atelier-mini"))
}

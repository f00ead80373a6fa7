//! The averaged weights as a diffusers folder in f16.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use atelier_corpus::Split;
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_weights::{DType, OutTensor, atomic, write_tensors};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::recipe::Recipe;
use crate::store::Store;
use crate::vocabulary::{self, STRANGERS, Vocabulary};
use crate::{Pretraining, configs, denoiser, latents, vae};

/// What an exported folder was made with, as `training.json` in it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The recipe.
    pub(crate) recipe: Recipe,
    /// Steps of the autoencoder, those of its decoder alone among them.
    pub(crate) vae_steps: u64,
    /// Steps of denoiser and text encoder.
    pub(crate) denoiser_steps: u64,
    /// Which pairs of concept and style were held out.
    pub(crate) held_out: String,
}

const ORIGIN: &str = "training.json";
/// Logarithm of the variance of exported posteriors, the smallest that diffusers knows.
const LOG_VARIANCE: f32 = -30.0;

impl Origin {
    /// That of an exported folder.
    pub(crate) fn read(base: &Path) -> anyhow::Result<Self> {
        let path = base.join(ORIGIN);
        let text = fs_err::read(&path).context("the folder does not say how it was made")?;
        serde_json::from_slice(&text).with_context(|| format!("cannot read `{}`", path.display()))
    }
}

/// The tokenizer that every edition shares.
pub(crate) fn tokenizer_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/atelier-mini/tokenizer")
}

/// Writes the folder; it appears only when complete.
pub(crate) fn export(place: &Pretraining, out: &Path) -> anyhow::Result<()> {
    ensure!(
        out.symlink_metadata().is_err(),
        "`{}` exists already; name another folder",
        out.display()
    );
    let temporary = written(place, out)?;
    Ok(atomic::publish_folder(temporary, out)?)
}

/// Writes the folder in place of an earlier one, which stays until the new one is complete.
pub(crate) fn replace(place: &Pretraining, out: &Path) -> anyhow::Result<()> {
    let temporary = written(place, out)?;
    if out.exists() {
        fs_err::remove_dir_all(out)?;
    }
    Ok(atomic::publish_folder(temporary, out)?)
}

/// The finished folder, under a name beside `out` that no other process takes.
fn written(place: &Pretraining, out: &Path) -> anyhow::Result<PathBuf> {
    let name = out.file_name().with_context(|| {
        let out = out.display();
        format!("`{out}` has no name of its own, name a new folder")
    })?;
    let name = name.to_string_lossy();
    let temporary = out.with_file_name(format!(".{name}-{}.partial", std::process::id()));
    if temporary.exists() {
        fs_err::remove_dir_all(&temporary)?;
    }
    let done = write_folder(place, &temporary);
    if done.is_err() {
        // The cause is reported; a second failure here would only hide it.
        drop(fs_err::remove_dir_all(&temporary));
    }
    done.map(|()| temporary)
}

fn write_folder(place: &Pretraining, out: &Path) -> anyhow::Result<()> {
    let device = Device::flex();
    let recipe = &place.recipe;
    let scaling_factor = latents::load(place)?.scaling_factor;
    let trained = denoiser(place, &device)?;
    let mut autoencoder = vae::untrained(recipe, &device)?;
    let mut pixels = Store::of(&mut autoencoder, place.held_out()?);
    pixels.load(&vae::checkpoint(place))?;
    narrow_posterior(&mut pixels)?;
    for part in ["unet", "vae", "text_encoder", "tokenizer", "scheduler"] {
        fs_err::create_dir_all(out.join(part))?;
    }
    let origin = Origin {
        recipe: recipe.clone(),
        vae_steps: pixels.step,
        denoiser_steps: trained.step,
        held_out: place.held_out()?,
    };
    json(&out.join(ORIGIN), &serde_json::to_value(origin)?)?;
    json(&out.join("model_index.json"), &configs::model_index())?;
    json(&out.join("unet/config.json"), &recipe.unet_config())?;
    json(
        &out.join("vae/config.json"),
        &recipe.vae_config(scaling_factor),
    )?;
    json(
        &out.join("text_encoder/config.json"),
        &recipe.text_config(vocabulary::ALL),
    )?;
    json(
        &out.join("scheduler/scheduler_config.json"),
        &configs::scheduler(),
    )?;
    for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
        fs_err::copy(
            tokenizer_folder().join(name),
            out.join("tokenizer").join(name),
        )
        .context("the tokenizer's files belong to the repository")?;
    }
    weights(
        &out.join("unet/diffusion_pytorch_model.safetensors"),
        &trained,
        "unet.",
        "",
    )?;
    weights(
        &out.join("text_encoder/model.safetensors"),
        &trained,
        "text_encoder.",
        "text_model.",
    )?;
    weights(
        &out.join("vae/diffusion_pytorch_model.safetensors"),
        &pixels,
        "",
        "",
    )
}

/// Makes the posterior as good as its mean. Trainings of adapters draw from it, as they do with published autoencoders, whose
/// posteriors are narrow. Ours is wide, since that makes the code smooth, and the denoiser has learnt the means alone: adapters
/// trained on draws would learn to put their noise into pictures.
fn narrow_posterior(pixels: &mut Store) -> anyhow::Result<()> {
    let (weight, bias) = (
        pixels.position("quant_conv.weight")?,
        pixels.position("quant_conv.bias")?,
    );
    for (position, value) in [(weight, 0.0), (bias, LOG_VARIANCE)] {
        let values = &mut pixels.slots[position].average;
        let middle = values.len() / 2;
        values[middle..].fill(value);
    }
    Ok(())
}

/// The trained denoiser and text encoder, with rows for all tokens.
fn denoiser(place: &Pretraining, device: &Device) -> anyhow::Result<Store> {
    let vocabulary = Vocabulary::of(
        &place.drawn(Split::Train)?,
        &Tokenizer::open(&tokenizer_folder())?,
    );
    let store = |tokens| -> anyhow::Result<Store> {
        let mut model = denoiser::untrained(&place.recipe, tokens, device)?;
        Ok(Store::of(&mut model, place.held_out()?))
    };
    let mut trained = store(vocabulary.len() + STRANGERS)?;
    trained.load(&denoiser::checkpoint(place))?;
    let mut all = store(vocabulary::ALL)?;
    all.step = trained.step;
    for (whole, slot) in all.slots.iter_mut().zip(trained.slots) {
        if whole.shape == slot.shape {
            *whole = slot;
        } else {
            vocabulary.spread(&slot.average, &mut whole.average);
        }
    }
    Ok(all)
}

fn weights(path: &Path, store: &Store, inner: &str, outer: &str) -> anyhow::Result<()> {
    let slots = store
        .slots
        .iter()
        .filter_map(|slot| Some((slot.name.strip_prefix(inner)?, slot)));
    let tensors: Vec<_> = slots
        .map(|(name, slot)| OutTensor {
            name: format!("{outer}{name}"),
            dtype: DType::F16,
            shape: slot.shape.clone(),
            data: slot.average.clone(),
        })
        .collect();
    write_tensors(
        path,
        &tensors,
        &BTreeMap::from([("format".to_owned(), "pt".to_owned())]),
    )?;
    Ok(())
}

fn json(path: &Path, value: &Value) -> anyhow::Result<()> {
    Ok(fs_err::write(path, format!("{value:#}\n"))?)
}

#[cfg(test)]
mod tests {
    use atelier_nn::gradients::values_of;
    use burn::tensor::Tensor;

    use super::*;

    #[test]
    fn draws_from_the_exported_posterior_are_the_trained_mean() {
        let device = Device::flex();
        let mut vae = vae::untrained(&Recipe::default(), &device).unwrap();
        let mut store = Store::of(&mut vae, String::new());
        let pixels = || Tensor::<4>::ones([1, 3, 32, 32], &device) * 0.3;
        let trained = vae.encode(pixels());
        let noise = trained.mean_bchw.ones_like();
        let wide = trained.sample(noise.clone());
        narrow_posterior(&mut store).unwrap();
        store.install_averages(&mut vae, &device);
        let drawn = values_of(vae.encode(pixels()).sample(noise));
        let mean = values_of(trained.mean_bchw);
        let distance = |other: &[f32]| {
            let differences = mean.iter().zip(other).map(|(a, b)| (a - b).abs());
            differences.fold(0.0_f32, f32::max)
        };
        // A millionth is what a deviation of exp(-15) is, times the noise.
        assert!(distance(&drawn) < 1e-6, "{}", distance(&drawn));
        assert!(distance(&values_of(wide)) > 1e-2);
    }
}

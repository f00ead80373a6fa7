//! The averaged weights as a diffusers folder in f16.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use atelier_corpus::{Corpus, Split};
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_weights::atomic::PartialFolder;
use atelier_weights::{DType, OutTensor, write_tensors};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::latents::Encoded;
use crate::recipe::{self, Recipe};
use crate::store::Store;
use crate::vocabulary::{self, STRANGERS, Vocabulary};
use crate::{Pretraining, denoiser, vae};

/// What an exported folder was made with, as `training.json` in it. A training may be made longer with another optimizer, batch
/// or rate; only the last stretch is told here, so that the recipe from nothing need not give the same weights again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The recipe of the last stretch.
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
        Self::parsed(&text).with_context(|| format!("cannot read `{}`", path.display()))
    }

    fn parsed(text: &[u8]) -> serde_json::Result<Self> {
        let mut record: Value = serde_json::from_slice(text)?;
        if let Some(made) = record.get_mut("recipe") {
            recipe::complete(made);
        }
        serde_json::from_value(record)
    }
}

/// The tokenizer that every edition shares, in the checkout that cargo runs this in, else in that where it was compiled.
pub(crate) fn tokenizer_folder() -> PathBuf {
    let run = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = run.filter(|folder| folder.ends_with("xtask/pretrain"));
    let here = here.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    here.join("../../assets/atelier-mini/tokenizer")
}

/// Writes the folder; it appears only when complete.
pub(crate) fn export(place: &Pretraining, out: &Path) -> anyhow::Result<()> {
    ensure!(
        out.symlink_metadata().is_err(),
        "`{}` exists already; name another folder",
        out.display()
    );
    Ok(written(place, out)?.publish(out)?)
}

/// Writes the folder in place of an earlier one, which goes when the new one has its name, and stays where that fails.
pub(crate) fn replace(place: &Pretraining, out: &Path) -> anyhow::Result<()> {
    settle(out)?;
    swap(written(place, out)?, out)
}

/// Where an earlier folder lies while the new one gets its name.
fn aside(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}.earlier"))
}

/// Ends what a killed program began: an earlier folder gets its name back where the new one did not get it, else it goes.
fn settle(out: &Path) -> anyhow::Result<()> {
    let aside = aside(out);
    if !aside.exists() {
        return Ok(());
    }
    if out.exists() {
        fs_err::remove_dir_all(aside)?;
    } else {
        fs_err::rename(aside, out)?;
    }
    Ok(())
}

/// Gives a finished folder its name.
fn swap(new: PartialFolder, out: &Path) -> anyhow::Result<()> {
    if out.exists() {
        fs_err::rename(out, aside(out))?;
    }
    let published = new.publish(out);
    let settled = settle(out);
    // Why there is no new folder comes first.
    published?;
    settled
}

/// The finished folder, under a hidden name beside `out`. What killed programs left there a day ago is removed.
fn written(place: &Pretraining, out: &Path) -> anyhow::Result<PartialFolder> {
    ensure!(
        out.file_name().is_some(),
        "`{}` has no name of its own, name a new folder",
        out.display()
    );
    if let Some(parent) = out.parent() {
        fs_err::create_dir_all(parent)?;
    }
    let folder = PartialFolder::beside(out)?;
    write_folder(place, folder.path())?;
    Ok(folder)
}

fn write_folder(place: &Pretraining, out: &Path) -> anyhow::Result<()> {
    let device = Device::flex();
    let recipe = &place.recipe;
    let corpus = place.drawn(Split::Train)?;
    let encoded = Encoded::open(place, &corpus)?;
    let scaling_factor = encoded.scaling_factor()?;
    let trained = denoiser(place, (&corpus, encoded.encoder), &device)?;
    let mut autoencoder = vae::untrained(recipe, &device)?;
    let mut pixels = Store::of(&mut autoencoder, place.held_out()?);
    pixels.load(&place.autoencoder_checkpoint())?;
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
    json(&out.join("model_index.json"), &recipe::model_index())?;
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
        &recipe.scheduler(),
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

/// The denoiser and text encoder that were trained on a corpus as this encoder has it, with rows for all tokens.
fn denoiser(
    place: &Pretraining,
    (corpus, encoder): (&Corpus, String),
    device: &Device,
) -> anyhow::Result<Store> {
    let vocabulary = Vocabulary::of(corpus, &Tokenizer::open(&tokenizer_folder())?);
    let store = |tokens| -> anyhow::Result<Store> {
        let mut model = denoiser::untrained(&place.recipe, tokens, device)?;
        Ok(Store::of(&mut model, place.held_out()?))
    };
    let trained = store(vocabulary.len() + STRANGERS)?;
    let mut trained = trained.learning_from(vocabulary.learnt_from(corpus, encoder));
    trained.load(&place.denoiser_checkpoint())?;
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
    use crate::recipe::Schedule;

    #[test]
    fn an_earlier_folder_stays_until_the_new_one_has_its_name() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("preview");
        let new = |text: &str| {
            let folder = PartialFolder::beside(&out).unwrap();
            fs_err::write(folder.path().join("weights"), text).unwrap();
            folder
        };
        let is_alone = |text: &str| {
            let held = fs_err::read_to_string(out.join("weights")).unwrap();
            assert_eq!(held, text);
            assert_eq!(fs_err::read_dir(home.path()).unwrap().count(), 1);
        };
        swap(new("one"), &out).unwrap();
        is_alone("one");
        swap(new("two"), &out).unwrap();
        is_alone("two");
        let lost = new("three");
        fs_err::remove_dir_all(lost.path()).unwrap();
        assert!(swap(lost, &out).is_err());
        is_alone("two");
        // killed before the new one had its name, and after it
        fs_err::rename(&out, aside(&out)).unwrap();
        settle(&out).unwrap();
        is_alone("two");
        fs_err::create_dir(aside(&out)).unwrap();
        settle(&out).unwrap();
        is_alone("two");
    }

    #[test]
    fn the_record_of_an_edition_without_later_keys_says_what_it_was_made_with() {
        let record = r#"{
            "recipe": {"denoiser": {"steps": 42000, "batch": 64}},
            "vae_steps": 8500, "denoiser_steps": 42000, "held_out": "3af20fa8dfa9a747"
        }"#;
        let made = Origin::parsed(record.as_bytes()).unwrap().recipe.denoiser;
        assert_eq!((made.views, made.schedule), (8, Schedule::Cosine));
        assert!((made.weight_decay - 0.01).abs() < 1e-12);
        let broken = br#"{"recipe": [], "vae_steps": 1}"#;
        assert!(Origin::parsed(broken).is_err());
    }

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

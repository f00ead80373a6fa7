//! Goes on from an exported folder: its averages become the values that a training begins with.

use std::path::Path;

use anyhow::{Context as _, ensure};
use atelier_corpus::Split;
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_weights::TensorFile;
use burn::tensor::Device;

use crate::export::{Origin, tokenizer_folder};
use crate::recipe::Recipe;
use crate::store::{Store, read};
use crate::vae::log;
use crate::vocabulary::{self, STRANGERS, Vocabulary};
use crate::{Pretraining, denoiser, vae};

/// Writes the checkpoints of autoencoder and denoiser from `base`, without moments of the optimizer, and the recipe.
///
/// # Errors
/// When there are checkpoints, or `base` has other shapes, was trained with other pairs held out or has an untrained autoencoder.
pub(crate) fn adopt(place: &Pretraining, base: &Path) -> anyhow::Result<()> {
    let checkpoints = [vae::checkpoint(place), denoiser::checkpoint(place)];
    for path in &checkpoints {
        ensure!(
            !path.exists(),
            "`{}` is there already; take another `--cache`",
            path.display()
        );
    }
    let made = Origin::read(base)?;
    place.check_unseen(base)?;
    ensure!(
        made.vae_steps > 0,
        "the autoencoder of `{}` was not trained, as its `training.json` says; there is nothing to go on from",
        base.display()
    );
    // Of another side are only the pictures: every network takes any.
    let of_one_side = Recipe {
        side: place.recipe.side,
        ..made.recipe
    };
    let shapes = |recipe: &Recipe| {
        [
            recipe.unet_config(),
            recipe.vae_config(1.0),
            recipe.text_config(vocabulary::ALL),
        ]
    };
    ensure!(
        shapes(&of_one_side) == shapes(&place.recipe),
        "`{}` has other shapes than the recipe of `{}`; its own recipe stands in its `training.json`",
        base.display(),
        place.cache.display()
    );
    let device = Device::flex();
    let mut autoencoder = Store::of(
        &mut vae::untrained(&place.recipe, &device)?,
        place.held_out()?,
    );
    let file = TensorFile::open(base.join("vae/diffusion_pytorch_model.safetensors"))?;
    let told = || {
        format!(
            "cannot begin with `{}`; take a whole copy of it",
            base.display()
        )
    };
    autoencoder
        .begin_with(made.vae_steps, |slot| read(&file, &slot.name, &slot.shape))
        .with_context(told)?;
    let encoder = vae::encoder_of(&autoencoder);
    let store = networks(place, base, (made.denoiser_steps, encoder)).with_context(told)?;
    fs_err::create_dir_all(&place.cache)?;
    // The autoencoder last: without it no stage that needs the other begins.
    let written = store
        .save(&checkpoints[1])
        .and_then(|()| autoencoder.save(&checkpoints[0]))
        .and_then(|()| place.recipe.keep(&place.cache));
    if written.is_err() {
        // nothing was begun
        for file in checkpoints.iter().filter(|file| file.exists()) {
            fs_err::remove_file(file).ok();
        }
    }
    written?;
    log(&format!(
        "begun with the {} steps of `{}`; encode the pictures next, and train to a larger number of steps",
        store.step,
        base.display()
    ));
    Ok(())
}

/// Denoiser and text encoder after so many steps, with rows for the tokens of the corpus.
fn networks(
    place: &Pretraining,
    base: &Path,
    (steps, encoder): (u64, String),
) -> anyhow::Result<Store> {
    let corpus = place.drawn(Split::Train)?;
    let vocabulary = Vocabulary::of(&corpus, &Tokenizer::open(&tokenizer_folder())?);
    let rows = vocabulary.len() + STRANGERS;
    let mut model = denoiser::untrained(&place.recipe, rows, &Device::flex())?;
    let store = Store::of(&mut model, place.held_out()?);
    let mut store = store.learning_from(vocabulary.learnt_from(&corpus, encoder));
    let unet = TensorFile::open(base.join("unet/diffusion_pytorch_model.safetensors"))?;
    let text = TensorFile::open(base.join("text_encoder/model.safetensors"))?;
    store.begin_with(steps, |slot| {
        if let Some(name) = slot.name.strip_prefix("unet.") {
            return read(&unet, name, &slot.shape);
        }
        let name = slot.name.trim_start_matches("text_encoder.");
        let name = format!("text_model.{name}");
        if slot.name != denoiser::TABLE {
            return read(&text, &name, &slot.shape);
        }
        let mut shape = slot.shape.clone();
        shape[0] = vocabulary::ALL;
        let mut table = slot.values.clone();
        vocabulary.gather(&read(&text, &name, &shape)?, &mut table);
        Ok(table)
    })?;
    Ok(store)
}

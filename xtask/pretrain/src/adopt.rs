//! Goes on from an exported folder: its averages become the values that a training begins with.

use std::path::Path;

use anyhow::{Context as _, ensure};
use atelier_corpus::Split;
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_weights::TensorFile;
use burn::tensor::Device;

use crate::export::{Origin, tokenizer_folder};
use crate::log::log;
use crate::recipe::Recipe;
use crate::store::{Store, read};
use crate::vocabulary::{self, STRANGERS, Vocabulary};
use crate::{Pretraining, denoiser, vae};

/// Writes the checkpoints of autoencoder and denoiser from `base`, without moments of the optimizer, and the recipe.
///
/// # Errors
/// When there are checkpoints, or `base` has other shapes, was trained with other pairs held out or has an untrained autoencoder.
pub(crate) fn adopt(place: &Pretraining, base: &Path) -> anyhow::Result<()> {
    let checkpoints = [place.autoencoder_checkpoint(), place.denoiser_checkpoint()];
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
    let told = || {
        format!(
            "cannot begin with `{}`; take a whole copy of it",
            base.display()
        )
    };
    let file = base.join("vae/diffusion_pytorch_model.safetensors");
    let file = TensorFile::open(file).with_context(told)?;
    autoencoder
        .begin_with(made.vae_steps, |slot| read(&file, &slot.name, &slot.shape))
        .with_context(told)?;
    let encoder = vae::encoder_of(&autoencoder);
    let store = networks(place, base, (made.denoiser_steps, encoder)).with_context(told)?;
    fs_err::create_dir_all(&place.cache)?;
    let recipe = Recipe::file(&place.cache);
    let mut new = checkpoints.to_vec();
    new.extend((!recipe.exists()).then_some(recipe));
    // The autoencoder last: without it no stage begins.
    let kept = place.recipe.keep(&place.cache);
    let written = kept
        .and_then(|()| store.save(&checkpoints[1]))
        .and_then(|()| autoencoder.save(&checkpoints[0]));
    if written.is_err() {
        // nothing was begun
        for file in new.iter().filter(|file| file.exists()) {
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    use atelier_core::{DeviceChoice, Precision};
    use atelier_corpus::{Corpus, Entry, save_in, styles};

    use super::*;
    use crate::{export, latents};

    /// Small networks of every kind.
    fn recipe() -> Recipe {
        let mut recipe = Recipe {
            groups: vec!["food".to_owned()],
            side: 64,
            ..Recipe::default()
        };
        recipe.vae.channels = vec![4, 8];
        recipe.vae.latent_channels = 4;
        recipe.text.width = 16;
        recipe.denoiser.channels = vec![32, 32];
        recipe.denoiser.heads = vec![2, 2];
        recipe.denoiser.attention = vec![false, true];
        recipe.denoiser.views = 1;
        recipe
    }

    /// An empty cache beside a corpus of plain squares, with these concepts in every style.
    fn place(cache: PathBuf, concepts: &[&str]) -> Pretraining {
        let recipe = recipe();
        let entries = concepts.iter().flat_map(|concept| {
            styles().iter().map(move |style| Entry {
                id: format!("{}/{concept}", style.slug),
                concept: (*concept).to_owned(),
                keywords: vec!["meal".to_owned()],
                style: style.style.to_owned(),
                group: "food".to_owned(),
                source: style.source(),
                licence: "CC0-1.0".to_owned(),
                split: Split::Train,
            })
        });
        let entries: Vec<_> = entries.collect();
        let pictures = (0..entries.len()).flat_map(|i| {
            let pixel = [(40 * i % 256) as u8, (90 * i % 256) as u8, 80, 255];
            pixel.repeat(recipe.side * recipe.side)
        });
        let pictures = pictures.collect();
        let corpus = Corpus::new(recipe.side, entries, pictures).unwrap();
        fs_err::create_dir_all(cache.join("corpus")).unwrap();
        save_in(&cache.join("corpus"), &corpus).unwrap();
        Pretraining {
            cache,
            recipe,
            chosen: atelier_device::open(DeviceChoice::Cpu, Precision::F32).unwrap(),
            held_out: OnceLock::new(),
        }
    }

    const CONCEPTS: [&str; 6] = ["apple", "bread", "cheese", "dumpling", "egg", "fig"];

    /// A cache as the stages leave it after so many steps, whose weights `seed` moves from where every training begins.
    fn trained(place: &Pretraining, steps: [u64; 2], seed: u64) {
        let device = Device::flex();
        let moved = |mut store: Store, steps| {
            let mut rng = atelier_corpus::Rng::new(seed);
            store.step = steps;
            for slot in &mut store.slots {
                for (value, average) in slot.values.iter_mut().zip(&mut slot.average) {
                    *average += 0.01 * rng.unit();
                    *value = *average + 0.01 * rng.unit();
                }
            }
            store
        };
        let held_out = place.held_out().unwrap();
        let autoencoder = &mut vae::untrained(&place.recipe, &device).unwrap();
        let autoencoder = moved(Store::of(autoencoder, held_out.clone()), steps[0]);
        autoencoder.save(&place.autoencoder_checkpoint()).unwrap();
        latents::encode(place).unwrap();
        let corpus = place.drawn(Split::Train).unwrap();
        let tokenizer = Tokenizer::open(&tokenizer_folder()).unwrap();
        let vocabulary = Vocabulary::of(&corpus, &tokenizer);
        let rows = vocabulary.len() + STRANGERS;
        let networks = &mut denoiser::untrained(&place.recipe, rows, &device).unwrap();
        let store = moved(Store::of(networks, held_out), steps[1]);
        let learnt_from = vocabulary.learnt_from(&corpus, vae::encoder_of(&autoencoder));
        let store = store.learning_from(learnt_from);
        store.save(&place.denoiser_checkpoint()).unwrap();
    }

    fn json(file: &Path) -> serde_json::Value {
        serde_json::from_slice(&fs_err::read(file).unwrap()).unwrap()
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    }

    fn export_of(place: &Pretraining) -> PathBuf {
        let out = place.cache.join("exported");
        export::export(place, &out).unwrap();
        out
    }

    /// An exported folder below `home`.
    fn exported(home: &Path) -> PathBuf {
        let first = place(home.join("first"), &CONCEPTS);
        trained(&first, [70, 900], 3);
        export_of(&first)
    }

    #[test]
    fn what_goes_on_from_an_exported_folder_is_that_folder() {
        let home = tempfile::tempdir().unwrap();
        let exported = exported(home.path());
        let second = place(home.path().join("second"), &CONCEPTS);
        adopt(&second, &exported).unwrap();
        let refusal = adopt(&second, &exported).unwrap_err().to_string();
        assert!(refusal.contains("is there already"), "{refusal}");
        latents::encode(&second).unwrap();
        let again = export_of(&second);
        for file in [
            "training.json",
            "model_index.json",
            "scheduler/scheduler_config.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
            "text_encoder/config.json",
            "text_encoder/model.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
        ] {
            let [was, is] = [&exported, &again].map(|folder| fs_err::read(folder.join(file)));
            assert!(was.unwrap() == is.unwrap(), "`{file}` differs");
        }
        // measured anew, with an encoder that was rounded to 16 bits
        let [was, is] = [&exported, &again].map(|folder| {
            let mut config = json(&folder.join("vae/config.json"));
            let factor = config.as_object_mut().unwrap().remove("scaling_factor");
            (config, factor.unwrap().as_f64().unwrap())
        });
        assert_eq!(was.0, is.0);
        assert!((was.1 / is.1 - 1.0).abs() < 1e-3, "{} {}", was.1, is.1);

        // with the autoencoder of another training its pictures mean other things
        let third = place(home.path().join("third"), &CONCEPTS);
        trained(&third, [70, 900], 4);
        fs_err::copy(
            third.autoencoder_checkpoint(),
            second.autoencoder_checkpoint(),
        )
        .unwrap();
        latents::encode(&second).unwrap();
        let out = second.cache.join("mixed");
        let refusal = export::export(&second, &out).unwrap_err().to_string();
        assert!(refusal.contains("another `encoder`"), "{refusal}");
        assert!(!out.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_gone_on_from_leaves_the_cache_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let exported = exported(home.path());
        let refusal = |place: &Pretraining| {
            let before = names(&place.cache);
            let refusal = format!("{:#}", adopt(place, &exported).unwrap_err());
            assert_eq!(names(&place.cache), before);
            refusal
        };
        let others = place(home.path().join("others"), &["grape", "honey", "ice"]);
        let told = refusal(&others);
        assert!(told.contains("other pairs held out"), "{told}");
        let mut wider = place(home.path().join("wider"), &CONCEPTS);
        wider.recipe.vae.channels = vec![8, 16];
        let told = refusal(&wider);
        assert!(told.contains("other shapes"), "{told}");
        // a folder in the place of a file, so that it cannot be written
        let same = place(home.path().join("same"), &CONCEPTS);
        let taken = same.cache.join("recipe.json");
        fs_err::create_dir(&taken).unwrap();
        let told = refusal(&same);
        assert!(told.contains("recipe.json"), "{told}");
        fs_err::remove_dir(&taken).unwrap();
        for part in ["unet", "vae"] {
            let weights = exported
                .join(part)
                .join("diffusion_pytorch_model.safetensors");
            fs_err::remove_file(weights).unwrap();
            let told = refusal(&same);
            assert!(told.contains("whole copy") && told.contains(part), "{told}");
        }
        let mut origin = json(&exported.join("training.json"));
        origin["vae_steps"] = 0.into();
        fs_err::write(exported.join("training.json"), origin.to_string()).unwrap();
        let told = refusal(&same);
        assert!(told.contains("was not trained"), "{told}");
    }

    #[test]
    fn without_its_autoencoder_a_denoiser_goes_on_in_no_stage() {
        let home = tempfile::tempdir().unwrap();
        let half = place(home.path().join("half"), &CONCEPTS);
        trained(&half, [70, 900], 3);
        // as one leaves it who is killed before the last file
        fs_err::remove_file(half.autoencoder_checkpoint()).unwrap();
        let told = vae::train(&half, 7000, false).unwrap_err().to_string();
        assert!(
            told.contains("denoiser.safetensors") && told.contains("--cache"),
            "{told}"
        );
        assert!(!half.autoencoder_checkpoint().exists());
    }
}

//! First stage: the autoencoder, trained to give pictures back through a small, nearly normal code.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;
use atelier_core::Seed;
use atelier_corpus::{Corpus, Rng, Split};
use atelier_diffusion::noise::TorchGenerator;
use atelier_diffusion::stable_diffusion::{Vae, VaeConfig};
use atelier_nn::ema::Ema;
use atelier_nn::init::RandomParams;
use atelier_nn::learning_rate::{Decay, LearningRate};
use atelier_nn::{Engine, Params};
use burn::tensor::{Device, Tensor, TensorData};

use crate::pictures::{batch, cropped, random_view};
use crate::recipe::{Recipe, SEED, SIDE, WARMUP_STEPS};
use crate::store::Store;
use crate::workers::{PARTS, Workers};
use crate::{Pretraining, sheet};

/// Where the checkpoint of this stage lies.
pub(crate) fn checkpoint(place: &Pretraining) -> PathBuf {
    place.cache.join("vae.safetensors")
}

/// Builds the untrained autoencoder.
pub(crate) fn untrained(recipe: &Recipe, device: &Device) -> anyhow::Result<Vae> {
    let mut source = RandomParams::new(SEED);
    let config = VaeConfig::read(&recipe.vae_config(1.0))?;
    Ok(Vae::new(
        &Params::new(&mut source, device, Engine::Trained),
        &config,
    )?)
}

/// The averaged weights of the trained autoencoder, and a number that changes when its encoder does.
pub(crate) fn trained(place: &Pretraining, device: &Device) -> anyhow::Result<(Vae, String)> {
    let mut vae = untrained(&place.recipe, device)?;
    let mut store = Store::of(&mut vae, place.held_out()?);
    store.load(&checkpoint(place))?;
    store.install_averages(&mut vae, device);
    Ok((vae, store.fingerprint(of_encoder)))
}

fn of_encoder(name: &str) -> bool {
    name.starts_with("encoder.") || name.starts_with("quant_conv.")
}

/// Trains, or goes on training, until `steps`.
pub(crate) fn train(place: &Pretraining, steps: u64, decoder_only: bool) -> anyhow::Result<()> {
    let recipe = &place.recipe;
    let device = place.chosen.device.clone().autodiff();
    let mut corpus = place.corpus()?;
    corpus.retain(|entry| entry.split == Split::Train);
    let mut workers = Workers::new(&device, || untrained(recipe, &device))?;
    let mut store = Store::of(workers.model(), place.held_out()?);
    if checkpoint(place).exists() {
        store.load(&checkpoint(place))?;
    }
    ensure!(
        decoder_only || store.began == 0 || store.step >= steps,
        "the autoencoder in `{}` is that of an exported folder, whose posterior is as good as its mean, so that its encoder \
         cannot be trained on: train its decoder with `vae --decoder-only`, or a new one in another `--cache`",
        place.cache.display()
    );
    if decoder_only {
        store.freeze(of_encoder);
    }
    let rate = LearningRate {
        peak: recipe.vae.rate,
        warmup_steps: WARMUP_STEPS,
        total_steps: steps.saturating_sub(store.began),
        decay: Decay::Cooldown {
            steps: recipe.vae.cooldown_steps,
        },
    };
    let count: usize = store.slots.iter().map(|slot| slot.values.len()).sum();
    log(&format!(
        "autoencoder: {} pictures, {count} values",
        corpus.entries.len()
    ));
    let (start, first, mut recent) = (Instant::now(), store.step, Vec::new());
    while store.step < steps {
        let at = store.step;
        let step = workers.step(&store, |vae, part| {
            let pixels = views(recipe, &corpus, at, part, &device);
            let mut generator = TorchGenerator::new(Seed(SEED + at * PARTS as u64 + part as u64));
            let [error, divergence] = losses(vae, pixels, &mut generator);
            let total = error.clone() + divergence.clone() * recipe.vae.kl_weight_at(at);
            (total, [error, divergence])
        });
        recent.push(step.losses);
        let ema = Ema {
            decay: recipe.vae.ema_decay,
        };
        store.update(step.gradients, rate.at(at - store.began), ema);
        if store.step.is_multiple_of(50) {
            let per_sec = (store.step - first) as f64 / start.elapsed().as_secs_f64();
            let mean = |i: usize| {
                recent.iter().map(|l: &Vec<f32>| l[i]).sum::<f32>() / recent.len() as f32
            };
            let (error, divergence) = (mean(0), mean(1));
            log(&format!(
                "vae step {} loss {error:.4} kl {divergence:.2} {per_sec:.2} steps/s",
                store.step
            ));
            recent.clear();
        }
        if store.step.is_multiple_of(500) || store.step == steps {
            store.save(&checkpoint(place))?;
            let (shown, _) = trained(place, &Device::flex())?;
            let mut rng = Rng::new(SEED);
            let pictures: Vec<_> = (0..16)
                .map(|_| random_view(&corpus, rng.below(corpus.entries.len()), &mut rng).0)
                .collect();
            sheet::reconstructions(&shown, &pictures, &place.cache.join("vae-sheet.png"))?;
        }
    }
    Ok(())
}

/// What one worker sees in a step: parts of random pictures, `[b, 3, crop, crop]`.
fn views(recipe: &Recipe, corpus: &Corpus, step: u64, part: usize, device: &Device) -> Tensor<4> {
    let mut rng = Rng::new(SEED ^ (step << 16) ^ ((part as u64) << 8));
    let side = recipe.vae.crop;
    let crops: Vec<_> = (0..recipe.vae.batch / PARTS)
        .map(|_| {
            let (rgb, _) = random_view(corpus, rng.below(corpus.entries.len()), &mut rng);
            let corner = [(); 2].map(|()| rng.below(SIDE - side + 1));
            cropped(&rgb, corner, side)
        })
        .collect();
    batch(&crops, side, device)
}

/// Reconstruction error and divergence. The error is absolute and squared over pixels, with weights that keep colours
/// true, plus absolute over differences between neighbours, which keeps edges sharp.
fn losses(vae: &Vae, pixels: Tensor<4>, generator: &mut TorchGenerator) -> [Tensor<1>; 2] {
    let posterior = vae.encode(pixels.clone());
    let (mean, logvar) = (posterior.mean_bchw, posterior.logvar_bchw);
    let noise = generator.randn(mean.dims().iter().product());
    let noise = Tensor::from_data(TensorData::new(noise, mean.dims()), &mean.device());
    let sample = mean.clone() + (logvar.clone() * 0.5).exp() * noise;
    let error = vae.decode(sample) - pixels;
    let [_, _, height, width] = error.dims();
    let across = error.clone().narrow(3, 1, width - 1) - error.clone().narrow(3, 0, width - 1);
    let down = error.clone().narrow(2, 1, height - 1) - error.clone().narrow(2, 0, height - 1);
    let edges = across.abs().mean() + down.abs().mean();
    let divergence = (mean.clone() * mean + logvar.clone().exp() - logvar - 1.0).mean() * 0.5;
    [
        error.clone().abs().mean() * 2.0 + (error.clone() * error).mean() * 4.0 + edges,
        divergence,
    ]
}

/// One line of progress.
#[expect(clippy::print_stderr, reason = "a development tool's log")]
pub(crate) fn log(line: &str) {
    eprintln!("{line}");
}

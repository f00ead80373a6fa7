//! First stage: the autoencoder, trained to give pictures back through a small, nearly normal code.

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

use crate::log::{log, missed};
use crate::pictures::{batch, random_view};
use crate::recipe::{Optimizer, Recipe, SEED, WARMUP_STEPS};
use crate::store::{Store, WEIGHT_DECAY};
use crate::workers::{PARTS, Workers};
use crate::{Pretraining, sheet};

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
    store.load(&place.autoencoder_checkpoint())?;
    store.install_averages(&mut vae, device);
    Ok((vae, encoder_of(&store)))
}

/// A number that changes when the encoder of an autoencoder does.
pub(crate) fn encoder_of(autoencoder: &Store) -> String {
    autoencoder.fingerprint(of_encoder)
}

fn of_encoder(name: &str) -> bool {
    name.starts_with("encoder.") || name.starts_with("quant_conv.")
}

/// Whether a tensor both reads and feeds other layers: it neither takes pictures or codes in nor gives them out.
fn is_hidden(name: &str) -> bool {
    !["conv_in.", "conv_out.", "quant_conv."]
        .iter()
        .any(|end| name.contains(end))
}

/// Trains, or goes on training, until `steps`.
pub(crate) fn train(place: &Pretraining, steps: u64, decoder_only: bool) -> anyhow::Result<()> {
    let recipe = &place.recipe;
    let device = place.chosen.device.clone().autodiff();
    let mut corpus = place.corpus()?;
    corpus.retain(|entry| entry.split == Split::Train);
    let mut workers = Workers::new(&device, || untrained(recipe, &device))?;
    let mut store = Store::of(workers.model(), place.held_out()?);
    if place.autoencoder_checkpoint().exists() {
        store.load(&place.autoencoder_checkpoint())?;
    } else {
        let denoiser = place.denoiser_checkpoint();
        ensure!(
            !denoiser.exists(),
            "`{}` lies there without its autoencoder, and would not fit a new one; begin in another `--cache`",
            denoiser.display()
        );
    }
    ensure!(
        decoder_only || store.began == 0 || store.step >= steps,
        "the autoencoder in `{}` is that of an exported folder, whose posterior is as good as its mean, so that its encoder \
         cannot be trained on: train its decoder with `vae --decoder-only`, or a new one in another `--cache`",
        place.cache.display()
    );
    if let Some(nothing) = store.done(&place.autoencoder_checkpoint(), steps) {
        log(&nothing);
        return Ok(());
    }
    if decoder_only {
        store.freeze(of_encoder);
    }
    let added = if decoder_only {
        recipe.vae.decoder_noise
    } else {
        0.0
    };
    if recipe.vae.optimizer == Optimizer::Muon {
        store.use_muon(is_hidden, WEIGHT_DECAY);
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
            let [error, divergence] = losses(vae, pixels, added, &mut generator);
            let total = error.clone() + divergence.clone() * recipe.vae.kl_weight_at(at);
            (total, [error, divergence])
        });
        recent.push(step.losses);
        let ema = Ema {
            decay: recipe.vae.ema_decay,
        };
        store.update(step.gradients, rate.at(at - store.began), ema)?;
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
            store.save(&place.autoencoder_checkpoint())?;
            if let Some(line) = missed("sheet of reconstructions", || draw_sheet(place, &corpus)) {
                log(&line);
            }
        }
    }
    Ok(())
}

/// What the checkpoint makes of some pictures, below them.
fn draw_sheet(place: &Pretraining, corpus: &Corpus) -> anyhow::Result<()> {
    let (shown, _) = trained(place, &Device::flex())?;
    let mut rng = Rng::new(SEED);
    let pictures: Vec<_> = (0..16)
        .map(|_| random_view(corpus, rng.below(corpus.entries.len()), &mut rng).0)
        .collect();
    sheet::reconstructions(&shown, &pictures, &place.cache.join("vae-sheet.png"))
}

/// What one worker sees in a step: parts of random pictures, `[b, 3, crop, crop]`.
fn views(recipe: &Recipe, corpus: &Corpus, step: u64, part: usize, device: &Device) -> Tensor<4> {
    let mut rng = Rng::new(SEED ^ (step << 16) ^ ((part as u64) << 8));
    let side = recipe.vae.crop;
    let crops: Vec<_> = (0..recipe.vae.batch / PARTS)
        .map(|_| {
            let (picture, _) = random_view(corpus, rng.below(corpus.entries.len()), &mut rng);
            let corner = [(); 2].map(|()| rng.below(corpus.side - side + 1));
            picture.part(corner, [side, side])
        })
        .collect();
    batch(&crops, device)
}

/// Reconstruction error and divergence. The error is absolute and squared over pixels, with weights that keep colours
/// true, plus absolute over differences between neighbours, which keeps edges sharp.
///
/// Codes are draws from the posterior with noise of deviation `added` besides.
fn losses(
    vae: &Vae,
    pixels: Tensor<4>,
    added: f32,
    generator: &mut TorchGenerator,
) -> [Tensor<1>; 2] {
    let posterior = vae.encode(pixels.clone());
    let (mean, logvar) = (posterior.mean_bchw, posterior.logvar_bchw);
    let noise = generator.randn(mean.dims().iter().product());
    let noise = Tensor::from_data(TensorData::new(noise, mean.dims()), &mean.device());
    let deviation = (logvar.clone().exp() + added * added).sqrt();
    let sample = mean.clone() + deviation * noise;
    let divergence = (mean.clone() * mean + logvar.clone().exp() - logvar - 1.0).mean() * 0.5;
    [
        reconstruction_error(vae.decode(sample) - pixels),
        divergence,
    ]
}

/// What a difference between pictures, `[b, 3, h, w]`, counts.
fn reconstruction_error(error: Tensor<4>) -> Tensor<1> {
    let [_, _, height, width] = error.dims();
    let across = error.clone().narrow(3, 1, width - 1) - error.clone().narrow(3, 0, width - 1);
    let down = error.clone().narrow(2, 1, height - 1) - error.clone().narrow(2, 0, height - 1);
    let edges = across.abs().mean() + down.abs().mean();
    error.clone().abs().mean() * 2.0 + (error.clone() * error).mean() * 4.0 + edges
}

#[cfg(test)]
mod tests {
    use atelier_nn::gradients::values_of;

    use super::*;

    #[test]
    fn muon_moves_what_lies_between_pictures_and_codes() {
        let hidden = [
            "encoder.down_blocks.0.resnets.0.conv1.weight",
            "decoder.mid_block.attentions.0.to_q.weight",
        ];
        assert!(hidden.into_iter().all(is_hidden));
        let ends = [
            "encoder.conv_in.weight",
            "encoder.conv_out.weight",
            "quant_conv.weight",
            "post_quant_conv.weight",
            "decoder.conv_in.weight",
            "decoder.conv_out.weight",
        ];
        assert!(!ends.into_iter().any(is_hidden));
    }

    #[test]
    fn codes_have_the_noise_that_is_added_beside_their_own() {
        let device = Device::flex();
        let mut vae = untrained(&Recipe::default(), &device).unwrap();
        let mut store = Store::of(&mut vae, String::new());
        // A posterior as narrow as an exported one, so that only what is added tells draws apart.
        let bias = store.position("quant_conv.bias").unwrap();
        let weight = store.position("quant_conv.weight").unwrap();
        for (position, value) in [(weight, 0.0), (bias, -30.0)] {
            let average = &mut store.slots[position].average;
            let middle = average.len() / 2;
            average[middle..].fill(value);
        }
        store.install_averages(&mut vae, &device);
        let pixels = Tensor::<4>::ones([1, 3, 32, 32], &device) * 0.3;
        let error = |added: f32| {
            let mut generator = TorchGenerator::new(Seed(1));
            let [error, _] = losses(&vae, pixels.clone(), added, &mut generator);
            values_of(error)[0]
        };
        let expected = |added: f32| {
            let mean = vae.encode(pixels.clone()).mean_bchw;
            let noise = TorchGenerator::new(Seed(1)).randn(mean.dims().iter().product());
            let noise = Tensor::<4>::from_data(TensorData::new(noise, mean.dims()), &device);
            values_of(reconstruction_error(
                vae.decode(mean + noise * added) - pixels.clone(),
            ))[0]
        };
        for added in [0.0, 0.1, 0.5] {
            let (found, expected) = (error(added), expected(added));
            // What products of 16 bits make of a difference in the seventh digit.
            assert!(
                (found / expected - 1.0).abs() < 1e-3,
                "{added} {found} {expected}"
            );
        }
        assert!((error(0.5) / error(0.1) - 1.0).abs() > 1e-2);
    }
}

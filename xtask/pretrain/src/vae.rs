//! First stage: the autoencoder, trained to give pictures back through a small, nearly normal code.

use std::path::Path;
use std::time::Instant;

use atelier_corpus::Rng;
use atelier_diffusion::stable_diffusion::{Vae, VaeConfig};
use atelier_nn::ema::Ema;
use atelier_nn::gradients::values_of;
use atelier_nn::init::RandomParams;
use atelier_nn::learning_rate::{Decay, LearningRate};
use atelier_nn::{Engine, Params};
use burn::tensor::{Device, Distribution, Tensor};

use crate::pictures::{batch, random_view, training_corpus};
use crate::recipe::{self, EMA_DECAY, KL_WEIGHT, SEED, VAE_BATCH, VAE_RATE, WARMUP_STEPS};
use crate::sheet;
use crate::store::Store;

/// Builds the untrained autoencoder.
pub(crate) fn untrained(device: &Device) -> anyhow::Result<Vae> {
    let mut source = RandomParams::new(SEED);
    let config = VaeConfig::read(&recipe::vae(1.0))?;
    Ok(Vae::new(
        &Params::new(&mut source, device, Engine::Trained),
        &config,
    )?)
}

/// Trains, or goes on training, until `steps`.
pub(crate) fn train(cache: &Path, steps: u64, decoder_only: bool) -> anyhow::Result<()> {
    let device = Device::flex().autodiff();
    let corpus = training_corpus(cache)?;
    let mut vae = untrained(&device)?;
    let mut store = Store::of(&mut vae);
    let checkpoint = cache.join("vae.safetensors");
    if checkpoint.exists() {
        store.load(&checkpoint)?;
    }
    if decoder_only {
        store.freeze(|name| name.starts_with("encoder.") || name.starts_with("quant_conv."));
    }
    let rate = LearningRate {
        peak: VAE_RATE,
        warmup_steps: WARMUP_STEPS,
        total_steps: steps,
        decay: Decay::Cosine,
    };
    log(&format!(
        "autoencoder: {} pictures, {} values",
        corpus.entries.len(),
        store.slots.iter().map(|s| s.values.len()).sum::<usize>()
    ));
    let start = Instant::now();
    let first = store.step;
    while store.step < steps {
        let mut rng = Rng::new(SEED ^ (store.step << 16));
        let views: Vec<_> = (0..VAE_BATCH)
            .map(|_| random_view(&corpus, rng.below(corpus.entries.len()), &mut rng).0)
            .collect();
        let pixels = batch(&views, &device);
        store.install(&mut vae, &device);
        let (loss, divergence) = losses(&vae, pixels);
        let total = loss.clone() + divergence.clone() * KL_WEIGHT;
        let gradients = total.backward();
        let ema = Ema { decay: EMA_DECAY };
        store.update(&mut vae, gradients, rate.at(store.step), ema);
        if store.step.is_multiple_of(25) {
            let per_sec = (store.step - first) as f64 / start.elapsed().as_secs_f64();
            let (loss, divergence) = (values_of(loss)[0], values_of(divergence)[0]);
            log(&format!(
                "vae step {} loss {loss:.4} kl {divergence:.2} {per_sec:.2} steps/s",
                store.step
            ));
        }
        if store.step.is_multiple_of(250) || store.step == steps {
            store.save(&checkpoint)?;
            let plain = Device::flex();
            let mut shown = untrained(&plain)?;
            store.install_averages(&mut shown, &plain);
            sheet::reconstructions(&shown, &views, &cache.join("vae-sheet.png"))?;
        }
    }
    Ok(())
}

/// Reconstruction error and divergence. The error is absolute and squared over pixels, with weights that keep colours
/// true, plus absolute over differences between neighbours, which keeps edges sharp.
fn losses(vae: &Vae, pixels: Tensor<4>) -> (Tensor<1>, Tensor<1>) {
    let posterior = vae.encode(pixels.clone());
    let (mean, logvar) = (posterior.mean_bchw, posterior.logvar_bchw);
    let noise = Tensor::random(mean.dims(), Distribution::Normal(0.0, 1.0), &mean.device());
    let sample = mean.clone() + (logvar.clone() * 0.5).exp() * noise;
    let error = vae.decode(sample) - pixels;
    let [_, _, height, width] = error.dims();
    let across = error.clone().narrow(3, 1, width - 1) - error.clone().narrow(3, 0, width - 1);
    let down = error.clone().narrow(2, 1, height - 1) - error.clone().narrow(2, 0, height - 1);
    let edges = across.abs().mean() + down.abs().mean();
    let divergence = (mean.clone() * mean + logvar.clone().exp() - logvar - 1.0).mean() * 0.5;
    (
        error.clone().abs().mean() * 2.0 + (error.clone() * error).mean() * 4.0 + edges,
        divergence,
    )
}

/// One line of progress.
#[expect(clippy::print_stderr, reason = "a development tool's log")]
pub(crate) fn log(line: &str) {
    eprintln!("{line}");
}

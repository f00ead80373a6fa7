//! Second stage: text encoder and denoiser together, on encoded pictures and their captions.

use std::path::{Path, PathBuf};
use std::time::Instant;

use atelier_core::Seed;
use atelier_corpus::{COLOURS, Corpus, Rng, caption};
use atelier_diffusion::noise::TorchGenerator;
use atelier_diffusion::schedule::{NoiseSchedule, ScheduleConfig};
use atelier_diffusion::stable_diffusion::{
    Conditioning, TextConfig, TextEncoder, Unet, UnetConfig,
};
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_nn::ema::Ema;
use atelier_nn::gradients::values_of;
use atelier_nn::init::RandomParams;
use atelier_nn::learning_rate::{Decay, LearningRate};
use atelier_nn::{Engine, Params, visit_fields};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::latents::{self, Latents};
use crate::pictures::{is_drawn, training_corpus};
use crate::recipe::{self, BATCH, EMA_DECAY, RATE, SEED, SIDE, VARIANTS, WARMUP_STEPS};
use crate::store::Store;
use crate::vae::log;
use crate::{export, sheet};

/// The two networks that are trained together.
pub(crate) struct Model {
    pub(crate) text_encoder: TextEncoder,
    pub(crate) unet: Unet,
}

visit_fields!(Model { text_encoder, unet });

/// Builds both, untrained.
pub(crate) fn untrained(device: &Device) -> anyhow::Result<Model> {
    let mut source = RandomParams::new(SEED + 2);
    let params = Params::new(&mut source, device, Engine::Trained);
    Ok(Model {
        text_encoder: TextEncoder::new(&params, &TextConfig::read(&recipe::text_encoder())?)?,
        unet: Unet::new(&params, &UnetConfig::read(&recipe::unet())?)?,
    })
}

/// Where the checkpoint of this stage lies.
pub(crate) fn checkpoint(cache: &Path) -> PathBuf {
    cache.join("denoiser.safetensors")
}

/// Everything a step needs besides the networks.
struct Feed {
    corpus: Corpus,
    /// Entries that are drawn.
    drawn: Vec<usize>,
    latents: Latents,
    tokenizer: Tokenizer,
    schedule: NoiseSchedule,
    device: Device,
}

/// One batch.
struct Batch {
    latents_bchw: Tensor<4>,
    noise_bchw: Tensor<4>,
    timesteps: Vec<usize>,
    tokens_bs: Tensor<2, Int>,
}

impl Feed {
    fn batch(&self, step: u64) -> Batch {
        let mut rng = Rng::new(SEED ^ (step << 20) ^ 3);
        let mut generator = TorchGenerator::new(Seed(SEED.wrapping_mul(1_000_003) + step));
        let shape = [BATCH, 8, SIDE / 8, SIDE / 8];
        let (mut values, mut tokens) = (Vec::new(), Vec::new());
        for _ in 0..BATCH {
            let entry = self.drawn[rng.below(self.drawn.len())];
            let view = entry * VARIANTS + rng.below(VARIANTS);
            let stride = self.latents.stride;
            values.extend_from_slice(&self.latents.values[view * stride..(view + 1) * stride]);
            let colour = COLOURS[self.latents.colours[view]].0;
            let text = caption(&self.corpus.entries[entry], Some(colour), &mut rng);
            tokens.extend(
                self.tokenizer
                    .encode_padded(&text)
                    .into_iter()
                    .map(|id| id as i32),
            );
        }
        let length = tokens.len() / BATCH;
        let latents = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
        let noise = generator.randn(shape.iter().product());
        let last = self.schedule.len() as i64;
        let timesteps = generator
            .randint(BATCH, 0, last)
            .into_iter()
            .map(|t| t as usize)
            .collect();
        Batch {
            latents_bchw: latents * self.latents.scaling_factor,
            noise_bchw: Tensor::from_data(TensorData::new(noise, shape), &self.device),
            timesteps,
            tokens_bs: Tensor::from_data(TensorData::new(tokens, [BATCH, length]), &self.device),
        }
    }

    fn loss(&self, model: &Model, batch: Batch) -> Tensor<1> {
        let Batch {
            latents_bchw,
            noise_bchw,
            timesteps,
            tokens_bs,
        } = batch;
        let noisy = self
            .schedule
            .add_noise(latents_bchw.clone(), noise_bchw.clone(), &timesteps);
        let target = self.schedule.target(latents_bchw, noise_bchw, &timesteps);
        let states = model.text_encoder.forward(tokens_bs, 0);
        let times: Vec<f32> = timesteps.iter().map(|&t| t as f32).collect();
        let error = model
            .unet
            .forward(noisy, &times, &Conditioning::states(states))
            - target;
        (error.clone() * error).mean()
    }
}

/// Trains, or goes on training, until `steps`.
pub(crate) fn train(cache: &Path, steps: u64) -> anyhow::Result<()> {
    let device = Device::flex().autodiff();
    let corpus = training_corpus(cache)?;
    let feed = Feed {
        drawn: (0..corpus.entries.len())
            .filter(|&i| is_drawn(&corpus.entries[i]))
            .collect(),
        corpus,
        latents: latents::load(cache)?,
        tokenizer: Tokenizer::open(&export::tokenizer_folder())?,
        schedule: NoiseSchedule::new(&ScheduleConfig::from_json(
            &recipe::scheduler().to_string(),
        )?),
        device: device.clone(),
    };
    let mut model = untrained(&device)?;
    let mut store = Store::of(&mut model);
    if checkpoint(cache).exists() {
        store.load(&checkpoint(cache))?;
    }
    let count: usize = store.slots.iter().map(|slot| slot.values.len()).sum();
    log(&format!(
        "denoiser: {} pictures, {count} values",
        feed.drawn.len()
    ));
    let rate = LearningRate {
        peak: RATE,
        warmup_steps: WARMUP_STEPS,
        total_steps: steps,
        decay: Decay::Cosine,
    };
    let (start, first, mut recent) = (Instant::now(), store.step, 0.0);
    while store.step < steps {
        store.install(&mut model, &device);
        let loss = feed.loss(&model, feed.batch(store.step));
        let gradients = loss.backward();
        recent += values_of(loss)[0];
        store.update(
            &mut model,
            gradients,
            rate.at(store.step),
            Ema { decay: EMA_DECAY },
        );
        if store.step.is_multiple_of(50) {
            let per_sec = (store.step - first) as f64 / start.elapsed().as_secs_f64();
            log(&format!(
                "denoiser step {} loss {:.4} {per_sec:.2} steps/s",
                store.step,
                recent / 50.0
            ));
            recent = 0.0;
        }
        if store.step.is_multiple_of(500) || store.step == steps {
            store.save(&checkpoint(cache))?;
            let folder = cache.join("preview");
            export::replace(cache, &folder)?;
            sheet::preview(&folder, &cache.join(format!("sheet-{:06}.png", store.step)))?;
        }
    }
    Ok(())
}

//! Second stage: text encoder and denoiser together, on encoded pictures and their captions.

use std::time::Instant;

use anyhow::ensure;
use atelier_core::Seed;
use atelier_corpus::{COLOURS, Corpus, Rng, Split, caption};
use atelier_diffusion::noise::TorchGenerator;
use atelier_diffusion::schedule::{NoiseSchedule, ScheduleConfig};
use atelier_diffusion::stable_diffusion::{
    Conditioning, TextConfig, TextEncoder, Unet, UnetConfig,
};
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_nn::ema::Ema;
use atelier_nn::init::RandomParams;
use atelier_nn::learning_rate::{Decay, LearningRate};
use atelier_nn::{Engine, Params, visit_fields};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::latents::{Encoded, Latents};
use crate::log::{log, missed};
use crate::recipe::{Optimizer, Recipe, SEED, Timesteps, WARMUP_STEPS};
use crate::store::Store;
use crate::vocabulary::{STRANGERS, Vocabulary};
use crate::workers::{PARTS, Workers};
use crate::{Pretraining, export, sheet};

/// The two networks that are trained together.
pub(crate) struct Model {
    pub(crate) text_encoder: TextEncoder,
    pub(crate) unet: Unet,
}

visit_fields!(Model { text_encoder, unet });

/// Builds both, untrained, for so many tokens.
pub(crate) fn untrained(recipe: &Recipe, tokens: usize, device: &Device) -> anyhow::Result<Model> {
    let mut source = RandomParams::new(SEED + 2);
    let params = Params::new(&mut source, device, Engine::Trained);
    Ok(Model {
        text_encoder: TextEncoder::new(&params, &TextConfig::read(&recipe.text_config(tokens))?)?,
        unet: Unet::new(&params, &UnetConfig::read(&recipe.unet_config())?)?,
    })
}

/// The table of vectors by token.
pub(crate) const TABLE: &str = "text_encoder.embeddings.token_embedding.weight";

/// Whether a tensor is one that both reads and feeds other layers: neither a table nor what takes latents in and gives them out.
fn is_hidden(name: &str) -> bool {
    !name.ends_with("embedding.weight")
        && !["unet.conv_in.", "unet.conv_out."]
            .iter()
            .any(|layer| name.starts_with(layer))
}

/// Everything a step needs besides the networks.
struct Feed<'a> {
    recipe: &'a Recipe,
    corpus: Corpus,
    latents: Latents,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    schedule: NoiseSchedule,
    device: Device,
}

/// One worker's part of a batch.
struct Batch {
    latents_bchw: Tensor<4>,
    noise_bchw: Tensor<4>,
    timesteps: Vec<usize>,
    tokens_bs: Tensor<2, Int>,
}

impl Feed<'_> {
    fn batch(&self, step: u64, part: usize) -> Batch {
        let recipe = self.recipe;
        let mut rng = Rng::new(SEED ^ (step << 20) ^ ((part as u64) << 8) ^ 3);
        let seed = SEED.wrapping_mul(1_000_003) + step * PARTS as u64 + part as u64;
        let mut generator = TorchGenerator::new(Seed(seed));
        let count = recipe.denoiser.batch / PARTS;
        let side = recipe.latent_side();
        let shape = [count, recipe.vae.latent_channels, side, side];
        let (mut values, mut tokens) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let entry = rng.below(self.corpus.entries.len());
            let view = entry * recipe.denoiser.views + rng.below(recipe.denoiser.views);
            let stride = self.latents.stride;
            values.extend_from_slice(&self.latents.values[view * stride..(view + 1) * stride]);
            let colour = COLOURS[self.latents.colours[view]].0;
            let text = caption(&self.corpus.entries[entry], Some(colour), &mut rng);
            let ids = self.tokenizer.encode_padded(&text).into_iter();
            let mut rows: Vec<usize> = ids.map(|id| self.vocabulary.row(id)).collect();
            if !text.is_empty() && rng.unit() < recipe.denoiser.stranger_share {
                let comma = self.tokenizer.comma();
                self.vocabulary
                    .put_strangers_before(&mut rows, comma, &mut rng);
            }
            tokens.extend(rows.into_iter().map(|row| row as i32));
        }
        let length = tokens.len() / count;
        let latents = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
        let noise = generator.randn(shape.iter().product());
        Batch {
            latents_bchw: latents * self.latents.scaling_factor,
            noise_bchw: Tensor::from_data(TensorData::new(noise, shape), &self.device),
            timesteps: timesteps(
                recipe.denoiser.timesteps,
                count,
                self.schedule.len(),
                &mut generator,
            ),
            tokens_bs: Tensor::from_data(TensorData::new(tokens, [count, length]), &self.device),
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
        let squares = error.clone() * error;
        match self.recipe.denoiser.min_snr {
            None => squares.mean(),
            Some(most) => (squares * self.weights(&timesteps, most)).mean(),
        }
    }

    /// The weight of each picture's error, as `[b, 1, 1, 1]`.
    fn weights(&self, timesteps: &[usize], most: f64) -> Tensor<4> {
        let weight = |&t: &usize| min_snr_weight(f64::from(self.schedule.alphas_cumprod[t]), most);
        let weights: Vec<f32> = timesteps.iter().map(weight).collect();
        let shape = [weights.len(), 1, 1, 1];
        Tensor::from_data(TensorData::new(weights, shape), &self.device)
    }
}

/// `count` timesteps below `last`.
fn timesteps(
    kind: Timesteps,
    count: usize,
    last: usize,
    generator: &mut TorchGenerator,
) -> Vec<usize> {
    let below = |share: f32| ((share * last as f32) as usize).min(last - 1);
    match kind {
        Timesteps::Uniform => {
            let drawn = generator.randint(count, 0, last as i64).into_iter();
            drawn.map(|t| t as usize).collect()
        }
        Timesteps::Stratified => (0..count)
            .map(|i| below((i as f32 + generator.uniform()) / count as f32))
            .collect(),
        Timesteps::LogitNormal => {
            let drawn = generator.randn(count).into_iter();
            drawn.map(|z| below(1.0 / (1.0 + (-z).exp()))).collect()
        }
    }
}

/// `min(snr, most) / (snr + 1)`: what the squared error of a velocity counts, when that of the picture counts at most `most`
/// times its noise. `kept` is the share of the picture's variance that is left.
///
/// # Source
/// Hang et al. 2023, section 3.4.
fn min_snr_weight(kept: f64, most: f64) -> f32 {
    let snr = kept / (1.0 - kept).max(1e-8);
    (snr.min(most) / (snr + 1.0)) as f32
}

/// Trains, or goes on training, until `steps`.
pub(crate) fn train(place: &Pretraining, steps: u64) -> anyhow::Result<()> {
    let recipe = &place.recipe;
    let device = place.chosen.device.clone().autodiff();
    let corpus = place.drawn(Split::Train)?;
    let tokenizer = Tokenizer::open(&export::tokenizer_folder())?;
    let encoded = Encoded::open(place, &corpus)?;
    let feed = Feed {
        recipe,
        latents: encoded.read()?,
        vocabulary: Vocabulary::of(&corpus, &tokenizer),
        corpus,
        tokenizer,
        schedule: NoiseSchedule::new(&ScheduleConfig::from_json(&recipe.scheduler().to_string())?),
        device: device.clone(),
    };
    ensure!(
        feed.latents.colours.len() == feed.corpus.entries.len() * recipe.denoiser.views,
        "the encoded pictures are not those of the recipe's groups and views; run the `latents` stage again"
    );
    let tokens = feed.vocabulary.len();
    let rows = tokens + STRANGERS;
    let mut workers = Workers::new(&device, || untrained(recipe, rows, &device))?;
    let learnt_from = feed.vocabulary.learnt_from(&feed.corpus, encoded.encoder);
    let mut store = Store::of(workers.model(), place.held_out()?).learning_from(learnt_from);
    if place.denoiser_checkpoint().exists() {
        store.load(&place.denoiser_checkpoint())?;
    }
    if let Some(nothing) = store.done(&place.denoiser_checkpoint(), steps) {
        log(&nothing);
        return Ok(());
    }
    // Strangers stay as they are, so that the base learns to pass over rows that it has not learned.
    let table = store.position(TABLE)?;
    store.hold_rows_from(table, tokens);
    if recipe.denoiser.optimizer == Optimizer::Muon {
        store.use_muon(is_hidden, recipe.denoiser.weight_decay);
    }
    let count: usize = store.slots.iter().map(|slot| slot.values.len()).sum();
    log(&format!(
        "denoiser: {} pictures, {tokens} tokens, {count} values",
        feed.corpus.entries.len()
    ));
    let rate = LearningRate {
        peak: recipe.denoiser.rate,
        warmup_steps: WARMUP_STEPS,
        total_steps: steps.saturating_sub(store.began),
        decay: Decay::Cooldown {
            steps: recipe.denoiser.cooldown_steps,
        },
    };
    let ema = Ema {
        decay: recipe.denoiser.ema_decay,
    };
    let (start, first, mut recent) = (Instant::now(), store.step, Vec::new());
    while store.step < steps {
        let at = store.step;
        let step = workers.step(&store, |model, part| {
            let loss = feed.loss(model, feed.batch(at, part));
            (loss.clone(), [loss])
        });
        recent.push(step.losses[0]);
        store.update(step.gradients, rate.at(at - store.began), ema)?;
        if store.step.is_multiple_of(50) {
            let per_sec = (store.step - first) as f64 / start.elapsed().as_secs_f64();
            log(&format!(
                "denoiser step {} loss {:.4} {per_sec:.2} steps/s",
                store.step,
                recent.iter().sum::<f32>() / recent.len() as f32
            ));
            recent.clear();
        }
        if store.step.is_multiple_of(500) || store.step == steps {
            store.save(&place.denoiser_checkpoint())?;
        }
        let shows = store.step.is_multiple_of(1000) || store.step == steps;
        if shows && let Some(line) = missed("sheet of drawings", || draw_sheet(place, store.step)) {
            log(&line);
        }
    }
    Ok(())
}

/// Exports what the checkpoint holds, and draws with it.
fn draw_sheet(place: &Pretraining, step: u64) -> anyhow::Result<()> {
    let folder = place.cache.join("preview");
    export::replace(place, &folder)?;
    let sheet = place.cache.join(format!("sheet-{step:06}.png"));
    sheet::preview(&folder, &sheet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timesteps_lie_in_the_schedule_and_stratified_ones_in_their_stretches() {
        let mut generator = TorchGenerator::new(Seed(1));
        for kind in [
            Timesteps::Uniform,
            Timesteps::Stratified,
            Timesteps::LogitNormal,
        ] {
            let drawn = timesteps(kind, 500, 1000, &mut generator);
            assert!(drawn.len() == 500 && drawn.iter().all(|&t| t < 1000));
            let middle = drawn.iter().filter(|&&t| (250..750).contains(&t)).count();
            let expected = if kind == Timesteps::LogitNormal {
                330..410
            } else {
                200..300
            };
            assert!(expected.contains(&middle), "{kind:?} {middle}");
        }
        let drawn = timesteps(Timesteps::Stratified, 4, 1000, &mut generator);
        for (stretch, t) in drawn.into_iter().enumerate() {
            assert_eq!(t / 250, stretch);
        }
    }

    #[test]
    fn muon_moves_what_lies_between_the_tables_and_the_latents() {
        let hidden = [
            "unet.down_blocks.0.resnets.0.conv1.weight",
            "unet.time_embedding.linear_1.weight",
            "text_encoder.encoder.layers.0.self_attn.q_proj.weight",
        ];
        assert!(hidden.into_iter().all(is_hidden));
        let ends = [
            TABLE,
            "text_encoder.embeddings.position_embedding.weight",
            "unet.conv_in.weight",
            "unet.conv_out.weight",
        ];
        assert!(!ends.into_iter().any(is_hidden));
    }

    #[test]
    fn little_noise_and_pure_noise_count_least() {
        assert!(min_snr_weight(0.0, 5.0).abs() < 1e-6);
        assert!((min_snr_weight(0.5, 5.0) - 0.5).abs() < 1e-6);
        assert!((min_snr_weight(0.9, 5.0) - 0.5).abs() < 1e-6);
        assert!(min_snr_weight(1.0, 5.0) < 1e-6);
    }
}

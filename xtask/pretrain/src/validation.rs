//! How well an exported folder's denoiser knows pairs that it was never shown, beside pairs that it was trained with: the error
//! of what it predicts, on fixed noise at fixed timesteps.
//!
//! Two bases get the same pictures, noise and timesteps, so that smaller differences are told than by drawings. Errors of bases
//! with another schedule or another autoencoder are about other things, and are not to be compared.

use std::path::Path;

use anyhow::ensure;
use atelier_core::Seed;
use atelier_corpus::{Corpus, Rng, Split, full_caption};
use atelier_diffusion::noise::TorchGenerator;
use atelier_diffusion::stable_diffusion::{Base, Conditioning, TextEncoder, Unet, Vae};
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_eval::Spread;
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::Pretraining;
use crate::export::tokenizer_folder;
use crate::pictures::{batch, random_view};
use crate::recipe::{SEED, SIDE};
use crate::vae::log;

/// Parts of the schedule, each with a timestep of its own for every picture.
const STRETCHES: usize = 5;
/// Pictures that are computed together.
const TOGETHER: usize = 32;
/// The golden ratio's fraction, whose multiples are spread evenly over the unit.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// The networks of a base.
struct Networks {
    opened: Base,
    text_encoder: TextEncoder,
    unet: Unet,
    vae: Vae,
    tokenizer: Tokenizer,
    device: Device,
}

impl Networks {
    fn open(base: &Path) -> anyhow::Result<Self> {
        let (opened, device) = (Base::open(base)?, Device::flex());
        let mut texts = opened.load_texts(&device, Engine::Mixed)?;
        ensure!(
            texts.len() == 1,
            "`{}` has {} text encoders, and bases with one are measured here",
            base.display(),
            texts.len()
        );
        Ok(Self {
            text_encoder: texts.remove(0),
            unet: opened.load_unet(&device, Engine::Mixed)?,
            vae: opened.load_vae(&device, Engine::Exact)?,
            tokenizer: Tokenizer::open(&tokenizer_folder())?,
            opened,
            device,
        })
    }

    /// Mean squared error of each picture in each stretch, stretch by stretch.
    fn errors(&self, corpus: &Corpus, chosen: &[usize]) -> Vec<[f32; STRETCHES]> {
        let mut rng = Rng::new(SEED + 8);
        let mut errors = Vec::new();
        for (part, entries) in chosen.chunks(TOGETHER).enumerate() {
            let views = entries
                .iter()
                .map(|&entry| random_view(corpus, entry, &mut rng));
            let (pictures, colours): (Vec<_>, Vec<_>) = views.unzip();
            let captions = entries.iter().zip(colours).map(|(&entry, colour)| {
                let caption = full_caption(&corpus.entries[entry], Some(colour));
                self.tokenizer.encode_padded(&caption)
            });
            let tokens: Vec<i32> = captions.flatten().map(|id| id as i32).collect();
            let shape = [entries.len(), tokens.len() / entries.len()];
            let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, shape), &self.device);
            let states = Conditioning::states(self.text_encoder.forward(tokens, 0));
            let mean = self
                .vae
                .encode(batch(&pictures, SIDE, &self.device))
                .mean_bchw;
            let latents = self.vae.scale(mean);
            let first = part * TOGETHER;
            let by_stretch: [Vec<f32>; STRETCHES] = std::array::from_fn(|stretch| {
                let of_picture = |i| timestep(first + i, stretch, self.opened.schedule.len());
                let timesteps: Vec<usize> = (0..entries.len()).map(of_picture).collect();
                self.squares(
                    &latents,
                    (part * STRETCHES + stretch) as u64,
                    &timesteps,
                    &states,
                )
            });
            let of_picture = |i: usize| std::array::from_fn(|stretch| by_stretch[stretch][i]);
            errors.extend((0..entries.len()).map(of_picture));
        }
        errors
    }

    /// Mean squared error of each picture of a batch, with noise of its own number.
    fn squares(
        &self,
        latents: &Tensor<4>,
        number: u64,
        timesteps: &[usize],
        states: &Conditioning,
    ) -> Vec<f32> {
        let schedule = &self.opened.schedule;
        let shape = latents.dims();
        let mut generator = TorchGenerator::new(Seed(SEED.wrapping_mul(1_000_033) + number));
        let noise = generator.randn(shape.iter().product());
        let noise = Tensor::<4>::from_data(TensorData::new(noise, shape), &self.device);
        let noisy = schedule.add_noise(latents.clone(), noise.clone(), timesteps);
        let target = schedule.target(latents.clone(), noise, timesteps);
        let times: Vec<f32> = timesteps.iter().map(|&t| t as f32).collect();
        let error = values_of(self.unet.forward(noisy, &times, states) - target);
        let each = error.chunks_exact(error.len() / timesteps.len());
        each.map(|values| values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32)
            .collect()
    }
}

/// The timestep of a picture in a stretch: evenly spread within it over the pictures.
fn timestep(picture: usize, stretch: usize, count: usize) -> usize {
    let within = (picture as f64 * GOLDEN + 0.5).fract();
    let share = (stretch as f64 + within) / STRETCHES as f64;
    ((share * count as f64) as usize).min(count - 1)
}

/// Prints a table: the mean error of `count` unseen pairs and of as many trained ones, in all and by stretches from little noise
/// to much, with its standard error over the pictures.
///
/// # Errors
/// When the base was trained with other pairs held out, or cannot be read.
pub(crate) fn measure(place: &Pretraining, base: &Path, count: usize) -> anyhow::Result<()> {
    place.check_unseen(base)?;
    let networks = Networks::open(base)?;
    log("| pairs | error | by stretches of the timesteps, from little noise to much |");
    log("|---|---|---|");
    for (name, split) in [("unseen", Split::HeldOutPair), ("trained", Split::Train)] {
        let corpus = place.drawn_by(base, split)?;
        let all = corpus.entries.len();
        let count = count.min(all);
        let chosen: Vec<usize> = (0..count).map(|i| i * all / count).collect();
        log(&row(name, &networks.errors(&corpus, &chosen)));
    }
    Ok(())
}

fn row(name: &str, errors: &[[f32; STRETCHES]]) -> String {
    let means: Vec<f32> = errors
        .iter()
        .map(|of_picture| of_picture.iter().sum::<f32>() / STRETCHES as f32)
        .collect();
    let all = Spread::of(&means);
    let error = all.standard_deviation / (means.len().max(1) as f32).sqrt();
    let stretches: Vec<String> = (0..STRETCHES)
        .map(|stretch| {
            let of_stretch: Vec<f32> = errors.iter().map(|found| found[stretch]).collect();
            format!("{:.4}", Spread::of(&of_stretch).mean)
        })
        .collect();
    format!(
        "| {} {name} | {:.4} ± {error:.4} | {} |",
        errors.len(),
        all.mean,
        stretches.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timesteps_of_a_stretch_are_spread_over_it_and_leave_no_other() {
        for stretch in 0..STRETCHES {
            let mut found: Vec<usize> = (0..200).map(|i| timestep(i, stretch, 1000)).collect();
            found.sort_unstable();
            let (first, last) = (stretch * 200, stretch * 200 + 199);
            assert!(found[0] - first < 3 && last - found[199] < 3, "{found:?}");
            assert!(found.windows(2).all(|two| two[1] - two[0] < 4), "{found:?}");
        }
    }

    #[test]
    fn a_row_tells_the_mean_its_error_and_each_stretch() {
        let low = [0.1, 0.2, 0.3, 0.4, 0.5];
        let high = low.map(|value| value + 0.2);
        assert_eq!(
            row("unseen", &[low, high]),
            "| 2 unseen | 0.4000 ± 0.1000 | 0.2000, 0.3000, 0.4000, 0.5000, 0.6000 |"
        );
    }
}

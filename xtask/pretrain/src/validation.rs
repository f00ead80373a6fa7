//! How well an exported folder's denoiser knows pairs that it was never shown, beside pairs that it was trained with: the error
//! of what it predicts, on fixed noise at fixed timesteps.
//!
//! Two bases get the same pictures, noise and timesteps, so that smaller differences are told than by drawings, and much smaller
//! ones picture by picture. Errors of bases with another schedule or another encoder are about other things, and are not compared.

use std::path::Path;

use anyhow::{Context as _, ensure};
use atelier_core::Seed;
use atelier_corpus::{Corpus, Rng, Split, full_caption};
use atelier_data::RgbPicture;
use atelier_diffusion::noise::TorchGenerator;
use atelier_diffusion::stable_diffusion::{Base, Conditioning, TextEncoder, Unet, Vae};
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_eval::Spread;
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::Pretraining;
use crate::export::{Origin, tokenizer_folder};
use crate::log::log;
use crate::pictures::{batch, random_view};
use crate::recipe::SEED;

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

    /// The scaled codes of pictures.
    fn latents(&self, pictures: &[RgbPicture]) -> Tensor<4> {
        let posterior = self.vae.encode(batch(pictures, &self.device));
        self.vae.scale(posterior.mean_bchw)
    }

    /// Refuses another base whose errors are about other things.
    fn check_comparable(&self, other: &Self, side: usize) -> anyhow::Result<()> {
        let [own, others] = [self, other].map(|networks| &networks.opened.schedule);
        ensure!(
            own.alphas_cumprod == others.alphas_cumprod
                && own.prediction_type == others.prediction_type,
            "their noise schedules differ, so that their errors are about other things"
        );
        let ramp = |i: usize| (i * 7 % 256) as u8;
        let picture = RgbPicture {
            width: side,
            height: side,
            rgb: (0..3 * side * side).map(ramp).collect(),
        };
        let [own, others] = [self, other]
            .map(|networks| values_of(networks.latents(std::slice::from_ref(&picture))));
        ensure!(
            own == others,
            "their encoders or scaling factors differ, so that their errors are about other things"
        );
        Ok(())
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
            let latents = self.latents(&pictures);
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
/// to much, with its standard error over the pictures. The same of another base and the differences, picture by picture, where one
/// is given.
///
/// # Errors
/// When a base was trained with other pairs held out, cannot be read, or has another schedule or encoder than the other one.
pub(crate) fn measure(
    place: &Pretraining,
    base: &Path,
    against: Option<&Path>,
    count: usize,
) -> anyhow::Result<()> {
    let opened = |base: &Path| {
        place.check_unseen(base)?;
        Networks::open(base)
    };
    let networks = opened(base)?;
    let other = against.map(opened).transpose()?;
    if let (Some(other), Some(against)) = (&other, against) {
        let [made, others] = [base, against].map(Origin::read);
        let (made, others) = (made?.recipe, others?.recipe);
        ensure!(
            made.side == others.side && made.groups == others.groups,
            "`{}` draws {:?} at {} pixels and `{}` {:?} at {}, and are not to be compared",
            base.display(),
            made.groups,
            made.side,
            against.display(),
            others.groups,
            others.side
        );
        networks
            .check_comparable(other, made.side)
            .with_context(|| {
                format!(
                    "cannot compare `{}` and `{}`",
                    base.display(),
                    against.display()
                )
            })?;
    }
    log("| pairs | error | by stretches of the timesteps, from little noise to much |");
    log("|---|---|---|");
    for (name, split) in [("unseen", Split::HeldOutPair), ("trained", Split::Train)] {
        let corpus = place.drawn_by(base, split)?;
        let all = corpus.entries.len();
        let count = count.min(all);
        let chosen: Vec<usize> = (0..count).map(|i| i * all / count).collect();
        let errors = networks.errors(&corpus, &chosen);
        log(&row(name, &errors, 4));
        if let Some(other) = &other {
            let others = other.errors(&corpus, &chosen);
            log(&row(&format!("{name}, the other base"), &others, 4));
            log(&row(
                &format!("{name}, more than it"),
                &differences(&errors, &others),
                6,
            ));
        }
    }
    Ok(())
}

/// How much more each picture's errors are than those of another base.
fn differences(errors: &[[f32; STRETCHES]], others: &[[f32; STRETCHES]]) -> Vec<[f32; STRETCHES]> {
    let pairs = errors.iter().zip(others);
    pairs
        .map(|(own, other)| std::array::from_fn(|stretch| own[stretch] - other[stretch]))
        .collect()
}

/// Mean, standard error and stretches, with so many decimals.
fn row(name: &str, errors: &[[f32; STRETCHES]], decimals: usize) -> String {
    let means: Vec<f32> = errors
        .iter()
        .map(|of_picture| of_picture.iter().sum::<f32>() / STRETCHES as f32)
        .collect();
    let all = Spread::of(&means);
    let error = all.standard_deviation / (means.len().max(1) as f32).sqrt();
    let stretches: Vec<String> = (0..STRETCHES)
        .map(|stretch| {
            let of_stretch: Vec<f32> = errors.iter().map(|found| found[stretch]).collect();
            format!("{:.decimals$}", Spread::of(&of_stretch).mean)
        })
        .collect();
    format!(
        "| {} {name} | {:.decimals$} ± {error:.decimals$} | {} |",
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
            row("unseen", &[low, high], 4),
            "| 2 unseen | 0.4000 ± 0.1000 | 0.2000, 0.3000, 0.4000, 0.5000, 0.6000 |"
        );
        // All pictures lose as much, so that nothing of the difference is by chance.
        let lower = [low, high].map(|found| found.map(|value| value - 0.01));
        assert_eq!(
            row("more", &differences(&lower, &[low, high]), 6),
            "| 2 more | -0.010000 ± 0.000000 | -0.010000, -0.010000, -0.010000, -0.010000, -0.010000 |"
        );
    }
}

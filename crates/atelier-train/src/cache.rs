//! Everything that is computed once before the steps: latents of the pictures and states of the captions.
//! When it is done, autoencoder and text encoder leave memory.

mod captions;

use std::path::PathBuf;

use atelier_core::{Crop, GenerateRequest, Phase, Progress, RunContext, TrainConfig};
use atelier_data::{FolderDataset, Limits, chw_unit, training_square};
use atelier_diffusion::stable_diffusion::{Base, PreparedDrawing, TextStates};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use burn::tensor::{Device, Tensor, TensorData};

pub(crate) use self::captions::Captions;
pub use self::captions::caption_note;
use crate::Result;
use crate::order::{Order, Stream, generator};
use crate::step::Batch;
use crate::trainer::training_side;

/// What the text encoders say about every caption and about the empty one.
struct Texts {
    captions: Vec<TextStates>,
    empty: TextStates,
}

/// What is encoded beside pictures.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) config: &'a TrainConfig,
    /// The captions as they are trained on, one for each picture.
    pub(crate) captions: &'a [String],
    pub(crate) previews: &'a [GenerateRequest],
}

/// Encoded pictures and captions.
pub(crate) struct Cache {
    latents: Vec<Vec<f32>>,
    texts: Texts,
    /// What the denoiser is told about the sizes of each picture.
    sizes: Vec<[f32; 6]>,
    latent_shape: [usize; 3],
    paths: Vec<PathBuf>,
    /// How the run is cut into steps.
    pub(crate) order: Order,
    caption_dropout: f64,
    /// Timesteps of the base's schedule.
    timesteps: i64,
}

impl Cache {
    /// Encodes a dataset on `device`, and the words of previews; `None` when cancelled.
    pub(crate) fn fill(
        base: &Base,
        dataset: &FolderDataset,
        words: Words<'_>,
        device: &Device,
        context: RunContext<'_>,
    ) -> Result<Option<(Self, Vec<PreparedDrawing>)>> {
        let config = words.config;
        let engine = Engine::from(config.precision);
        let side = training_side(config, base);
        let factor = base.vae_config.pixels_per_latent();
        let total = dataset.samples.len() as u64;
        context.progress.report(Progress {
            phase: Phase::CachingLatents,
            done: 0,
            total,
            loss: None,
        });
        let (texts, drawings) = encode_texts(base, words, device)?;
        let vae = base.load_vae(device, engine)?;
        let latent_shape = [vae.latent_channels(), side / factor, side / factor];
        let (mut latents, mut sizes) = (Vec::new(), Vec::new());
        for (index, sample) in dataset.samples.iter().enumerate() {
            let done = index as u64;
            context.progress.report(Progress {
                phase: Phase::CachingLatents,
                done,
                total,
                loss: None,
            });
            if context.cancel.is_cancelled() {
                return Ok(None);
            }
            let whole = sample.picture(&Limits::default())?;
            let picture = training_square(&whole, sample.crop, side);
            sizes.push(sizes_of([whole.width, whole.height], sample.crop, side));
            // It may be far larger than its square, and is of no more use.
            drop(whole);
            let pixels = Tensor::from_data(
                TensorData::new(chw_unit(&picture), [1, 3, side, side]),
                device,
            );
            let posterior = vae.encode(pixels);
            let noise =
                generator(config.seed, Stream::Latent, done).randn(latent_shape.iter().product());
            let noise =
                Tensor::from_data(TensorData::new(noise, posterior.mean_bchw.dims()), device);
            latents.push(values_of(vae.scale(posterior.sample(noise))));
        }
        let cache = Self {
            latents,
            texts,
            sizes,
            latent_shape,
            paths: dataset
                .samples
                .iter()
                .map(|sample| sample.path.clone())
                .collect(),
            order: Order {
                seed: config.seed,
                count: config.steps(dataset.samples.len()),
            },
            caption_dropout: config.caption_dropout,
            timesteps: i64::try_from(base.schedule.len()).expect("schedules have few timesteps"),
        };
        Ok(Some((cache, drawings)))
    }

    /// The batch of a step that counts from 0.
    pub(crate) fn batch(&self, step: u64, device: &Device) -> Batch {
        let (order, seed) = (self.order, self.order.seed);
        let pictures = order.batch(step);
        let count = pictures.len();
        let [c, h, w] = self.latent_shape;
        let mut random = generator(seed, Stream::Noise, step);
        let mut dropout = generator(seed, Stream::Dropout, step);
        let noise = random.randn(count * c * h * w);
        let timesteps = random
            .randint(count, 0, self.timesteps)
            .into_iter()
            .map(|timestep| usize::try_from(timestep).expect("drawn from 0 on"))
            .collect();
        let latents: Vec<f32> = pictures
            .iter()
            .flat_map(|&picture| &self.latents[picture])
            .copied()
            .collect();
        let texts = pictures.iter().map(|&picture| {
            let dropped = f64::from(dropout.uniform()) < self.caption_dropout;
            if dropped {
                (&self.texts.empty, self.sizes[picture])
            } else {
                (&self.texts.captions[picture], self.sizes[picture])
            }
        });
        let conditioning = TextStates::batch(texts, device);
        Batch {
            latents_bchw: Tensor::from_data(TensorData::new(latents, [count, c, h, w]), device),
            noise_bchw: Tensor::from_data(TensorData::new(noise, [count, c, h, w]), device),
            timesteps,
            conditioning,
        }
    }

    /// Names of the pictures of a step whose loss is not finite.
    pub(crate) fn guilty(&self, step: u64, losses: &[f32]) -> String {
        let pairs = self.order.batch(step).into_iter().zip(losses);
        self.named(
            pairs
                .filter(|(_, loss)| !loss.is_finite())
                .map(|(picture, _)| picture),
        )
    }

    /// Names of the pictures of a step.
    pub(crate) fn names(&self, step: u64) -> String {
        self.named(self.order.batch(step).into_iter())
    }

    fn named(&self, pictures: impl Iterator<Item = usize>) -> String {
        let names = pictures.map(|picture| format!("`{}`", self.paths[picture].display()));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// What the text encoders say about every caption and about the empty one, and about the words of previews.
fn encode_texts(
    base: &Base,
    words: Words<'_>,
    device: &Device,
) -> Result<(Texts, Vec<PreparedDrawing>)> {
    let encoders = base.load_texts(device, Engine::Exact)?;
    let states = |caption: &str| Ok(base.encode_plain(&encoders, caption, device)?);
    let captions = words.captions.iter().map(|text| states(text));
    let texts = Texts {
        captions: captions.collect::<Result<_>>()?,
        empty: states("")?,
    };
    let previews = words.previews.iter();
    let drawings = previews.map(|request| Ok(base.prepare_drawing(&encoders, request, device)?));
    Ok((texts, drawings.collect::<Result<_>>()?))
}

/// The sizes that SDXL is told about a picture of which a square is trained on, the crop or the largest in the middle: the
/// original size, top and left of the square in the picture shrunk or enlarged until that is `side` wide, size of the square.
fn sizes_of([width, height]: [usize; 2], crop: Option<Crop>, side: usize) -> [f32; 6] {
    let shorter = width.min(height);
    let middle = |length: usize| (length - shorter) as f64 / 2.0;
    let [top, left, length] = match crop {
        Some(crop) => [crop.top, crop.left, crop.side].map(f64::from),
        None => [middle(height), middle(width), shorter as f64],
    };
    let scaled = |pixels: f64| (pixels * side as f64 / length.max(1.0)).round() as f32;
    let side = side as f32;
    let [height, width] = [height, width].map(|length| length as f32);
    [height, width, scaled(top), scaled(left), side, side]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: [f32; 6], b: [f32; 6]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn sizes_name_the_original_the_crop_and_the_target() {
        assert!(same(
            sizes_of([2000, 1000], None, 500),
            [1000.0, 2000.0, 0.0, 250.0, 500.0, 500.0]
        ));
        assert!(same(
            sizes_of([100, 300], None, 200),
            [300.0, 100.0, 200.0, 0.0, 200.0, 200.0]
        ));
    }

    #[test]
    fn a_crop_that_was_dragged_is_named_where_it_is() {
        let sizes = |crop| sizes_of([2000, 1000], Some(crop), 500);
        let crop = |left, top, side| Crop { left, top, side };
        // The whole height, from column 600: at half the size it begins at 300.
        let whole = sizes(crop(600, 0, 1000));
        assert!(same(whole, [1000.0, 2000.0, 0.0, 300.0, 500.0, 500.0]));
        // 250 pixels become 500, so that all is twice as large: row 80 is at 160, column 1750 at 3500.
        let part = sizes(crop(1750, 80, 250));
        assert!(same(part, [1000.0, 2000.0, 160.0, 3500.0, 500.0, 500.0]));
        // The one in the middle is what is taken without a crop.
        let middle = sizes(crop(500, 0, 1000));
        assert!(same(middle, sizes_of([2000, 1000], None, 500)));
    }
}

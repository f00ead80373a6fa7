//! What drawing starts from: noise, or a picture with noise, of which a mask may keep a part (image to image, inpainting).
//!
//! Source: the order of random draws and the blending are those of diffusers' `StableDiffusionImg2ImgPipeline` and
//! `StableDiffusionInpaintPipeline` with a denoiser of four channels.

use atelier_core::StartPixels;
use burn::tensor::{Device, Tensor, TensorData};

use super::networks::{Posterior, Vae};
use super::plan::Plan;
use crate::noise::NoiseSource;
use crate::samplers::Sampler;
use crate::{Error, Result};

/// A start picture as the denoiser sees it, before any noise.
#[derive(Clone)]
pub(super) struct StartLatents {
    posterior: Posterior,
    /// 1 where something new is drawn; `[1, 1, h, w]` in latents.
    mask: Option<Tensor<4>>,
}

/// The start of the last picture, since all pictures of a batch have the same.
#[derive(Default)]
pub(super) struct StartMemory(Option<(StartPixels, bool, StartLatents)>);

impl StartMemory {
    /// The start's latents, encoded by `encode` where these pixels were not the last ones, or were encoded otherwise.
    pub(super) fn of(
        &mut self,
        start: &StartPixels,
        tiled: bool,
        encode: impl FnOnce() -> Result<StartLatents>,
    ) -> Result<StartLatents> {
        if let Some((pixels, was_tiled, latents)) = &self.0
            && (pixels, *was_tiled) == (start, tiled)
        {
            return Ok(latents.clone());
        }
        let latents = encode()?;
        self.0 = Some((start.clone(), tiled, latents.clone()));
        Ok(latents)
    }
}

/// What the first latents are drawn from.
pub(super) struct Beginning<'a> {
    /// Steps of the whole walk.
    pub(super) steps: usize,
    /// How many of them are drawn.
    pub(super) drawn_steps: usize,
    pub(super) start: Option<(&'a StartLatents, &'a Vae)>,
    /// Of the latents.
    pub(super) shape: [usize; 4],
    pub(super) device: &'a Device,
}

/// Where the sampler begins.
pub(super) struct Begun {
    pub(super) latents: Tensor<4>,
    /// The first evaluation.
    pub(super) first: usize,
    pub(super) kept: Option<Kept>,
}

/// The part of a picture that a mask keeps.
pub(super) struct Kept {
    mask: Tensor<4>,
    clean: Tensor<4>,
    noise: Tensor<4>,
}

impl StartLatents {
    /// Encodes the pixels, which have the size of the plan.
    pub(super) fn new(start: &StartPixels, plan: &Plan, vae: &Vae, device: &Device) -> Self {
        let unit = |channel: usize| {
            let bytes = start.rgb.iter().skip(channel).step_by(3);
            bytes.map(|&byte| f32::from(byte) / 255.0 * 2.0 - 1.0)
        };
        let planes: Vec<f32> = (0..3).flat_map(unit).collect();
        let shape = [1, 3, plan.height, plan.width];
        let pixels = Tensor::from_data(TensorData::new(planes, shape), device);
        let posterior = if plan.tiled {
            vae.encode_tiled(&pixels)
        } else {
            vae.encode(pixels)
        };
        let [_, _, height, width] = posterior.mean_bchw.dims();
        let mask = start.mask.as_ref().map(|mask| {
            let picked = (0..height * width).map(|place| {
                // Nearest: the upper left pixel of those that the latent covers.
                let (y, x) = (place / width, place % width);
                let pixel = y * plan.height / height * plan.width + x * plan.width / width;
                f32::from(u8::from(mask[pixel] >= 128))
            });
            let values: Vec<f32> = picked.collect();
            Tensor::from_data(TensorData::new(values, [1, 1, height, width]), device)
        });
        Self { posterior, mask }
    }
}

/// Refuses pixels that are not of the size that is drawn.
pub(super) fn check_size(start: &StartPixels, plan: &Plan) -> Result<()> {
    let area = plan.width * plan.height;
    let fits = start.width == plan.width
        && start.height == plan.height
        && start.rgb.len() == 3 * area
        && start.mask.as_ref().is_none_or(|mask| mask.len() == area);
    if fits {
        return Ok(());
    }
    Err(Error::Request(format!(
        "the start picture is {}x{}, the picture to draw {}x{}",
        start.width, start.height, plan.width, plan.height
    )))
}

/// Draws the first latents.
pub(super) fn begin(
    beginning: &Beginning<'_>,
    sampler: &mut dyn Sampler,
    noise: &mut dyn NoiseSource,
) -> Begun {
    let &Beginning {
        steps,
        drawn_steps,
        shape,
        device,
        ..
    } = beginning;
    let Some((start, vae)) = beginning.start else {
        let latents = noise.normal(shape, device) * sampler.init_noise_sigma();
        return Begun {
            latents,
            first: 0,
            kept: None,
        };
    };
    let first = (steps - drawn_steps) * sampler.order();
    sampler.begin_anew();
    let clean = vae.scale(start.posterior.sample(noise.normal(shape, device)));
    let fresh = noise.normal(shape, device);
    let masked_whole = start.mask.is_some() && drawn_steps == steps;
    let latents = if masked_whole {
        fresh.clone() * sampler.init_noise_sigma()
    } else {
        sampler.add_noise(clean.clone(), fresh.clone(), first)
    };
    let kept = start.mask.clone().map(|mask| {
        // The reference encodes the masked picture as well, which moves its generator on.
        let _ = noise.normal(shape, device);
        Kept {
            mask,
            clean,
            noise: fresh,
        }
    });
    Begun {
        latents,
        first,
        kept,
    }
}

impl Kept {
    /// The latents after an evaluation, with the kept part as noisy as the next evaluation expects.
    pub(super) fn blend(
        &self,
        latents: Tensor<4>,
        sampler: &dyn Sampler,
        next: Option<usize>,
    ) -> Tensor<4> {
        let proper = match next {
            Some(index) => sampler.add_noise(self.clean.clone(), self.noise.clone(), index),
            None => self.clean.clone(),
        };
        proper * (self.mask.clone() * -1.0 + 1.0) + latents * self.mask.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_encoded_once_for_a_batch_and_anew_where_something_differs() {
        let (device, mut memory, mut encoded) = (Device::flex(), StartMemory::default(), 0);
        let zeros = || Tensor::zeros([1, 4, 1, 1], &device);
        let black = StartPixels {
            width: 2,
            height: 1,
            rgb: vec![0; 6],
            mask: None,
        };
        let masked = StartPixels {
            mask: Some(vec![255; 2]),
            ..black.clone()
        };
        for (start, tiled, expected) in [
            (&black, false, 1),
            (&black, false, 1),
            (&black, true, 2),
            (&masked, true, 3),
            (&masked, true, 3),
            (&black, true, 4),
        ] {
            let latents = memory.of(start, tiled, || {
                encoded += 1;
                Ok(StartLatents {
                    posterior: Posterior {
                        mean_bchw: zeros(),
                        logvar_bchw: zeros(),
                    },
                    mask: None,
                })
            });
            latents.unwrap();
            assert_eq!(encoded, expected);
        }
        let failed = memory.of(&masked, false, || Err(Error::Request("x".to_owned())));
        assert!(failed.is_err());
    }
}

//! From words that are encoded to latents, and from decoded latents to a picture: what pipelines do with networks of their own,
//! and a training with the denoiser that it trains.

use atelier_core::{GenerateRequest, Picture, Seed};
use atelier_nn::{gradients::values_of, kernels::awake};
use burn::tensor::{Device, Tensor};

use super::Base;
use super::mended::mend_for;
use super::networks::{Conditioning, TextEncoder, Unet, Vae};
use super::plan::{Plan, Unwanted};
use super::start::{Beginning, Begun, StartLatents, begin};
use super::text::TextStates;
use crate::guidance::{guide, rescale};
use crate::noise::{NoiseSource, noise_source};
use crate::prompt::Prompt;
use crate::samplers::{self, Sampler};
use crate::{Error, Result};

/// What the text encoders say: of the prompt, and of the negative prompt where guidance needs it.
#[derive(Debug, Clone)]
pub(super) struct Wording {
    pub(super) wanted: TextStates,
    pub(super) unwanted: Option<TextStates>,
}

impl Wording {
    /// Asks `encode` for the states of prompts, one for each text encoder, with so many last layers left out.
    pub(super) fn of(
        request: &GenerateRequest,
        plan: &Plan,
        mut encode: impl FnMut(&[Prompt], usize) -> Result<TextStates>,
    ) -> Result<Self> {
        let wanted = encode(&plan.wanted, request.clip_skip)?;
        let unwanted = match &plan.unwanted {
            Unwanted::Nothing => None,
            Unwanted::Zeros => Some(wanted.zeros()),
            // As in the reference, clip skip is for the wanted prompt alone.
            Unwanted::Prompts(prompts) => Some(encode(prompts, 0)?),
        };
        Ok(Self { wanted, unwanted })
    }

    fn told(&self, plan: &Plan, device: &Device) -> Told {
        let told = |states: &TextStates| states.to_device(device).conditioning(plan.time_ids());
        Told {
            wanted: told(&self.wanted),
            unwanted: self.unwanted.as_ref().map(told),
        }
    }
}

/// What the denoiser is told.
struct Told {
    wanted: Conditioning,
    unwanted: Option<Conditioning>,
}

/// What one picture is drawn from.
pub(super) struct Drawing<'a> {
    pub(super) request: &'a GenerateRequest,
    pub(super) plan: &'a Plan,
    pub(super) wording: &'a Wording,
    pub(super) start: Option<&'a StartLatents>,
    pub(super) seed: Seed,
}

/// A picture's way from noise to its latents, before the first evaluation of the denoiser.
pub(super) struct Way {
    sampler: Box<dyn Sampler>,
    noise: Box<dyn NoiseSource>,
    begun: Begun,
    told: Told,
}

impl Way {
    /// Begins with noise or, with the autoencoder that encodes it, with the drawing's start picture.
    pub(super) fn begin(
        base: &Base,
        drawing: &Drawing<'_>,
        vae: Option<&Vae>,
        device: &Device,
    ) -> Result<Self> {
        let Drawing { request, plan, .. } = *drawing;
        let config = mend_for(&base.schedule_config, base.family, request);
        let mut sampler =
            samplers::build(request.sampler, request.schedule, &config, request.steps)?;
        let mut noise = noise_source(request.noise, drawing.seed);
        let factor = base.vae_config.pixels_per_latent();
        let channels = base.unet_config.in_channels;
        let beginning = Beginning {
            steps: request.steps,
            drawn_steps: plan.drawn_steps,
            start: drawing.start.zip(vae),
            shape: [1, channels, plan.height / factor, plan.width / factor],
            device,
        };
        let begun = begin(&beginning, sampler.as_mut(), noise.as_mut());
        Ok(Self {
            sampler,
            noise,
            begun,
            told: drawing.wording.told(plan, device),
        })
    }

    /// The final latents, before the autoencoder; `None` when `keep_going`, called before each evaluation with the share
    /// that is done, says no.
    pub(super) fn walk(
        self,
        unet: &Unet,
        request: &GenerateRequest,
        keep_going: &mut dyn FnMut(f64) -> bool,
    ) -> Option<Tensor<4>> {
        let Self {
            mut sampler,
            mut noise,
            begun,
            told,
        } = self;
        let mut latents = begun.latents;
        let timesteps = sampler.timesteps().to_vec();
        let count = timesteps.len() - begun.first;
        for index in begun.first..timesteps.len() {
            if !keep_going((index - begun.first) as f64 / count as f64) {
                return None;
            }
            let input = sampler.scale_input(latents.clone(), index);
            let predicted = awake(|| predict(unet, input, timesteps[index], &told, request));
            latents = sampler.step(predicted, index, latents, noise.as_mut());
            if let Some(kept) = &begun.kept {
                let next = Some(index + 1).filter(|&next| next < timesteps.len());
                latents = kept.blend(latents, sampler.as_ref(), next);
            }
        }
        Some(latents)
    }
}

/// What the denoiser says at one timestep, guided where there is a negative prompt.
fn predict(
    unet: &Unet,
    input_bchw: Tensor<4>,
    timestep: f32,
    told: &Told,
    request: &GenerateRequest,
) -> Tensor<4> {
    let Told { wanted, unwanted } = told;
    let Some(unwanted) = unwanted else {
        return unet.forward(input_bchw, &[timestep], wanted);
    };
    let both = if let Some(joined) = unwanted.join(wanted) {
        let twice = Tensor::cat(vec![input_bchw.clone(), input_bchw], 0);
        unet.forward(twice, &[timestep; 2], &joined)
    } else {
        let each =
            [unwanted, wanted].map(|words| unet.forward(input_bchw.clone(), &[timestep], words));
        Tensor::cat(each.into(), 0)
    };
    let conditional = both.clone().narrow(0, 1, 1);
    let guided = guide(both, request.guidance);
    match request.guidance_rescale {
        0.0 => guided,
        factor => rescale(guided, conditional, factor),
    }
}

impl Vae {
    /// Pixels of the denoiser's latents, −1 to 1, not clamped.
    pub(super) fn decode_scaled(&self, latents_bchw: Tensor<4>, tiled: bool) -> Tensor<4> {
        let latents = self.unscale(latents_bchw);
        if tiled {
            self.decode_tiled(&latents)
        } else {
            self.decode(latents)
        }
    }
}

/// Bytes from the decoder's −1 … 1, rounded as diffusers does.
#[expect(clippy::cast_sign_loss, reason = "clamped to 0 … 255 before")]
pub(super) fn picture(pixels_bchw: Tensor<4>, plan: &Plan, seed: Seed) -> Result<Picture> {
    let planes = values_of(pixels_bchw);
    if planes.iter().any(|value| !value.is_finite()) {
        return Err(Error::NotFinite { seed });
    }
    let area = plan.width * plan.height;
    let byte = |value: f32| ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
    let rgb = (0..area)
        .flat_map(|i| [0, 1, 2].map(|c| byte(planes[c * area + i])))
        .collect();
    Ok(Picture {
        width: plan.width,
        height: plan.height,
        rgb,
        seed,
    })
}

/// A picture of which everything is known but the denoiser, which somebody else has: one that is being trained. It is the
/// picture that a [`Pipeline`](super::Pipeline) draws from the same request with the same networks.
#[derive(Debug, Clone)]
pub struct PreparedDrawing {
    request: GenerateRequest,
    plan: Plan,
    wording: Wording,
}

impl Base {
    /// Encodes the words of a request that starts from noise. Adapters of the request are not looked at.
    ///
    /// # Errors
    /// When this base cannot draw the request.
    pub fn prepare_drawing(
        &self,
        encoders: &[TextEncoder],
        request: &GenerateRequest,
        device: &Device,
    ) -> Result<PreparedDrawing> {
        if request.start.is_some() {
            let problem = "a prepared drawing starts from noise, not from a picture".to_owned();
            return Err(Error::Request(problem));
        }
        let plan = Plan::new(request, self)?;
        let wording = Wording::of(request, &plan, |prompts, clip_skip| {
            Ok(self.encode(encoders, prompts, clip_skip, device)?.states)
        })?;
        Ok(PreparedDrawing {
            request: request.clone(),
            plan,
            wording,
        })
    }
}

impl PreparedDrawing {
    /// What was asked for.
    pub fn request(&self) -> &GenerateRequest {
        &self.request
    }

    /// The final latents, `[1, c, h, w]`, on the denoiser's device; `None` when `keep_going`, called before each evaluation
    /// with the share that is done, says no.
    pub fn latents(
        &self,
        base: &Base,
        (unet, device): (&Unet, &Device),
        keep_going: &mut dyn FnMut(f64) -> bool,
    ) -> Result<Option<Tensor<4>>> {
        let drawing = Drawing {
            request: &self.request,
            plan: &self.plan,
            wording: &self.wording,
            start: None,
            seed: self.request.seed,
        };
        let way = Way::begin(base, &drawing, None, device)?;
        Ok(way.walk(unet, &self.request, keep_going))
    }

    /// The picture of such latents, which are on the autoencoder's device.
    ///
    /// # Errors
    /// When the networks gave values that are not numbers.
    pub fn picture(&self, vae: &Vae, latents_bchw: Tensor<4>) -> Result<Picture> {
        let pixels = awake(|| vae.decode_scaled(latents_bchw, self.plan.tiled));
        picture(pixels, &self.plan, self.request.seed)
    }
}

//! From text to picture; read from top to bottom.

use std::path::Path;

use atelier_core::{
    BoxedError, GenerateRequest, Generator, Outcome, Phase, Picture, Progress, RunContext, Seed,
    StartPixels,
};
use atelier_nn::{Engine, gradients::values_of, kernels::awake};
use burn::tensor::{Device, Tensor};

use super::loaded::{Loaded, Residence};
use super::networks::{Conditioning, Unet};
use super::plan::{Plan, Unwanted};
use super::start::{Beginning, StartLatents, StartMemory, begin, check_size};
use super::text::TextStates;
use super::text_memory::{TextKey, TextMemory};
use super::{Base, Parts};
use crate::guidance::{guide, rescale};
use crate::noise::noise_source;
use crate::prompt::Prompt;
use crate::{Error, Result, samplers};

/// A base that draws.
pub struct Pipeline {
    base: Base,
    networks: Loaded,
    encoded: TextMemory,
    begun: StartMemory,
    notes: Vec<String>,
}

/// Networks of a pipeline that are loaded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelinePart {
    /// The text encoders.
    Texts,
    /// The denoiser.
    Denoiser,
    /// The autoencoder.
    Autoencoder,
}

/// Bytes of text states that are prepared at a time: those of 420 prompts of SDXL that fit one chunk.
const TEXT_BYTES: usize = 256 << 20;

/// What the denoiser is told: of the prompt, and of the negative prompt where guidance needs it.
struct Wording {
    wanted: Conditioning,
    unwanted: Option<Conditioning>,
}

impl Pipeline {
    /// A pipeline on the base at `path`; networks are loaded when they are wanted.
    pub fn open(path: &Path, device: &Device, engine: Engine) -> Result<Self> {
        let networks = Loaded::nothing(device, engine, Residence::Kept);
        Ok(Self::on(Base::open(path)?, networks))
    }

    /// A pipeline on an opened base that holds no more networks than it needs at a time.
    pub fn in_turn(base: Base, device: &Device, engine: Engine) -> Self {
        Self::on(base, Loaded::nothing(device, engine, Residence::InTurn))
    }

    /// A pipeline from networks that are in memory already.
    pub fn from_parts(base: Base, parts: Parts, device: &Device) -> Self {
        Self::on(base, Loaded::of_parts(parts, device))
    }

    fn on(base: Base, networks: Loaded) -> Self {
        Self {
            base,
            networks,
            encoded: TextMemory::new(TEXT_BYTES),
            begun: StartMemory::default(),
            notes: Vec::new(),
        }
    }

    /// The base.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The same pipeline, with another number of bytes for text states that are prepared at a time.
    #[must_use]
    pub fn with_text_bytes(mut self, bytes: usize) -> Self {
        self.encoded = TextMemory::new(bytes);
        self
    }

    /// Encodes the prompts of many requests before the first is drawn, so that text encoders are loaded once, and says for
    /// how many of the requests: at least one, and no more than text states may take memory. Prompts of requests that are
    /// drawn before are forgotten.
    pub fn prepare<'a>(
        &mut self,
        requests: impl IntoIterator<Item = &'a GenerateRequest>,
    ) -> Result<usize> {
        self.encoded.begin_preparing();
        let prepared = self.prepare_each(requests);
        self.encoded.end_preparing();
        prepared
    }

    fn prepare_each<'a>(
        &mut self,
        requests: impl IntoIterator<Item = &'a GenerateRequest>,
    ) -> Result<usize> {
        let mut count = 0;
        for request in requests {
            if count > 0 && self.encoded.is_full() {
                break;
            }
            let plan = Plan::new(request, &self.base)?;
            self.set_adapters(request)?;
            self.wording(request, &plan)?;
            count += 1;
        }
        Ok(count)
    }

    /// Loads networks now that would be loaded when they are first wanted; what that makes leave leaves now too.
    pub fn load(&mut self, part: PipelinePart) -> Result<()> {
        match part {
            PipelinePart::Texts => self.networks.texts(&self.base).map(drop),
            PipelinePart::Denoiser => self.networks.unet(&self.base).map(drop),
            PipelinePart::Autoencoder => self.networks.vae(&self.base).map(drop),
        }
    }

    /// The final latents of the first picture of a request, for comparison with references.
    pub fn final_latents(
        &mut self,
        request: &GenerateRequest,
        start: Option<&StartPixels>,
    ) -> Result<Tensor<4>> {
        self.final_latents_watched(request, start, &mut || ())
    }

    /// The same, with a call before each evaluation of the denoiser.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the expectation within cannot fail"
    )]
    pub fn final_latents_watched(
        &mut self,
        request: &GenerateRequest,
        start: Option<&StartPixels>,
        before_evaluation: &mut dyn FnMut(),
    ) -> Result<Tensor<4>> {
        let plan = Plan::new(request, &self.base)?;
        self.set_adapters(request)?;
        let wording = self.wording(request, &plan)?;
        let start = self.start_latents(start, &plan)?;
        let drawing = Drawing {
            request,
            plan: &plan,
            wording: &wording,
            start: start.as_ref(),
            seed: request.seed,
        };
        let latents = self.latents(&drawing, &mut |_| {
            before_evaluation();
            true
        })?;
        Ok(latents.expect("the closure above never stops the drawing"))
    }

    /// Pixels of latents, −1 to 1, not clamped.
    pub fn decode(&mut self, latents_bchw: Tensor<4>, tiled: bool) -> Result<Tensor<4>> {
        let vae = self.networks.vae(&self.base)?;
        let latents = vae.unscale(latents_bchw);
        Ok(if tiled {
            vae.decode_tiled(&latents)
        } else {
            vae.decode(latents)
        })
    }

    fn set_adapters(&mut self, request: &GenerateRequest) -> Result<()> {
        if self.networks.set_adapters(&self.base, &request.adapters)? {
            self.notes.extend(self.networks.adapter_notes());
        }
        Ok(())
    }

    fn wording(&mut self, request: &GenerateRequest, plan: &Plan) -> Result<Wording> {
        let key = |prompts: &[Prompt], clip_skip: usize| TextKey {
            prompts: prompts.to_vec(),
            clip_skip,
            adapters: request.adapters.clone(),
        };
        let wanted = self.text_states(key(&plan.wanted, request.clip_skip))?;
        let unwanted = match &plan.unwanted {
            Unwanted::Nothing => None,
            Unwanted::Zeros => {
                if request.negative_2.is_some() {
                    let note = "without a negative prompt this base takes zeros, as in diffusers; the second one is not drawn";
                    self.notes.push(note.to_owned());
                }
                Some(wanted.zeros())
            }
            // As in the reference, clip skip is for the wanted prompt alone.
            Unwanted::Prompts(prompts) => Some(self.text_states(key(prompts, 0))?),
        };
        let sizes = plan.time_ids();
        Ok(Wording {
            wanted: wanted.conditioning(sizes),
            unwanted: unwanted.map(|states| states.conditioning(sizes)),
        })
    }

    fn text_states(&mut self, key: TextKey) -> Result<TextStates> {
        if let Some(states) = self.encoded.get(&key) {
            return Ok(states.clone());
        }
        let device = self.networks.device.clone();
        let encoders = self.networks.texts(&self.base)?;
        let (prompts, clip_skip) = (&key.prompts, key.clip_skip);
        let encoded = self.base.encode(encoders, prompts, clip_skip, &device)?;
        if let Some(cut) = encoded.cut {
            self.notes.push(format!(
                "a plain prompt holds 75 tokens; these words are not drawn: {cut}"
            ));
        }
        self.encoded.insert(key, encoded.states.clone());
        Ok(encoded.states)
    }

    fn start_latents(
        &mut self,
        start: Option<&StartPixels>,
        plan: &Plan,
    ) -> Result<Option<StartLatents>> {
        let device = self.networks.device.clone();
        let Some(start) = start else { return Ok(None) };
        check_size(start, plan)?;
        let (networks, base) = (&mut self.networks, &self.base);
        let latents = self.begun.of(start, plan.tiled, || {
            Ok(StartLatents::new(start, plan, networks.vae(base)?, &device))
        });
        latents.map(Some)
    }

    /// The final latents, before the autoencoder; `None` when `keep_going`, called before each evaluation with the share
    /// that is done, says no.
    fn latents(
        &mut self,
        drawing: &Drawing<'_>,
        keep_going: &mut dyn FnMut(f64) -> bool,
    ) -> Result<Option<Tensor<4>>> {
        let Drawing { request, plan, .. } = *drawing;
        let config = &self.base.schedule_config;
        let mut sampler =
            samplers::build(request.sampler, request.schedule, config, request.steps)?;
        let mut noise = noise_source(request.noise, drawing.seed);
        let factor = self.base.vae_config.pixels_per_latent();
        let channels = self.base.unet_config.in_channels;
        let shape = [1, channels, plan.height / factor, plan.width / factor];
        let device = self.networks.device.clone();
        let start = match drawing.start {
            Some(start) => Some((start, self.networks.vae(&self.base)?)),
            None => None,
        };
        let beginning = Beginning {
            steps: request.steps,
            drawn_steps: plan.drawn_steps,
            start,
            shape,
            device: &device,
        };
        let begun = begin(&beginning, sampler.as_mut(), noise.as_mut());
        let mut latents = begun.latents;
        let unet = self.networks.unet(&self.base)?;
        let timesteps = sampler.timesteps().to_vec();
        let count = timesteps.len() - begun.first;
        for index in begun.first..timesteps.len() {
            if !keep_going((index - begun.first) as f64 / count as f64) {
                return Ok(None);
            }
            let input = sampler.scale_input(latents.clone(), index);
            let predicted = awake(|| predict(unet, input, timesteps[index], drawing));
            latents = sampler.step(predicted, index, latents, noise.as_mut());
            if let Some(kept) = &begun.kept {
                let next = Some(index + 1).filter(|&next| next < timesteps.len());
                latents = kept.blend(latents, sampler.as_ref(), next);
            }
        }
        Ok(Some(latents))
    }
}

/// What one picture is drawn from.
struct Drawing<'a> {
    request: &'a GenerateRequest,
    plan: &'a Plan,
    wording: &'a Wording,
    start: Option<&'a StartLatents>,
    seed: Seed,
}

/// What the denoiser says at one timestep, guided where there is a negative prompt.
fn predict(unet: &Unet, input_bchw: Tensor<4>, timestep: f32, drawing: &Drawing<'_>) -> Tensor<4> {
    let Wording { wanted, unwanted } = drawing.wording;
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
    let guided = guide(both, drawing.request.guidance);
    match drawing.request.guidance_rescale {
        0.0 => guided,
        factor => rescale(guided, conditional, factor),
    }
}

impl Generator for Pipeline {
    fn generate(
        &mut self,
        request: &GenerateRequest,
        start: Option<&StartPixels>,
        context: RunContext<'_>,
    ) -> std::result::Result<Outcome<Vec<Picture>>, BoxedError> {
        let plan = Plan::new(request, &self.base)?;
        if request.start.is_some() != start.is_some() {
            let problem = "the start picture and its pixels belong together".to_owned();
            return Err(Error::Request(problem).into());
        }
        self.set_adapters(request)?;
        let wording = self.wording(request, &plan)?;
        let start = self.start_latents(start, &plan)?;
        let mut pictures = Vec::new();
        for index in 0..request.count as u64 {
            let drawing = Drawing {
                request,
                plan: &plan,
                wording: &wording,
                start: start.as_ref(),
                seed: request.seed.nth(index),
            };
            let before = index * plan.drawn_steps as u64;
            let latents = self.latents(&drawing, &mut |share| {
                context.progress.report(progress(&drawing, before, share));
                !context.cancel.is_cancelled()
            })?;
            let Some(latents) = latents else {
                return Ok(Outcome::Cancelled {
                    completed_steps: before,
                });
            };
            let pixels = awake(|| self.decode(latents, plan.tiled))?;
            pictures.push(picture(pixels, &plan, drawing.seed)?);
        }
        Ok(Outcome::Completed(pictures))
    }

    fn take_notes(&mut self) -> Vec<String> {
        let more = self.base.take_packed_problem();
        self.notes.drain(..).chain(more).collect()
    }
}

#[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
fn progress(drawing: &Drawing<'_>, before: u64, share: f64) -> Progress {
    let steps = drawing.plan.drawn_steps;
    Progress {
        phase: Phase::Generating,
        done: before + (share * steps as f64) as u64,
        total: (drawing.request.count * steps) as u64,
        loss: None,
    }
}

/// Bytes from the decoder's −1 … 1, rounded as diffusers does.
#[expect(clippy::cast_sign_loss, reason = "clamped to 0 … 255 before")]
fn picture(pixels_bchw: Tensor<4>, plan: &Plan, seed: Seed) -> Result<Picture> {
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

//! From text to picture; read from top to bottom.

use std::path::Path;

use atelier_core::{
    BoxedError, CancelFlag, GenerateRequest, Generator, Outcome, Phase, Picture, Progress,
    RunContext, StartPixels,
};
use atelier_nn::{Engine, kernels::awake};
use burn::tensor::{Device, Tensor};

use super::drawing::{Drawing, Way, Wording, picture};
use super::loaded::{Loaded, Residence};
use super::plan::{Plan, Unwanted};
use super::start::{StartLatents, StartMemory, check_size};
use super::text::TextStates;
use super::text_memory::{TextKey, TextMemory};
use super::{Base, Parts};
use crate::{Error, Result};

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
    /// how many of the requests: at least one, no more than text states may take memory, and none after `cancel` is set.
    /// Prompts of requests that are drawn before are forgotten.
    pub fn prepare<'a>(
        &mut self,
        requests: impl IntoIterator<Item = &'a GenerateRequest>,
        cancel: &CancelFlag,
    ) -> Result<usize> {
        self.encoded.begin_preparing();
        let prepared = self.prepare_each(requests, cancel);
        self.encoded.end_preparing();
        prepared
    }

    fn prepare_each<'a>(
        &mut self,
        requests: impl IntoIterator<Item = &'a GenerateRequest>,
        cancel: &CancelFlag,
    ) -> Result<usize> {
        let mut count = 0;
        for request in requests {
            if count > 0 && (self.encoded.is_full() || cancel.is_cancelled()) {
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
        Ok(vae.decode_scaled(latents_bchw, tiled))
    }

    fn set_adapters(&mut self, request: &GenerateRequest) -> Result<()> {
        if self.networks.set_adapters(&self.base, &request.adapters)? {
            self.notes.extend(self.networks.adapter_notes());
        }
        Ok(())
    }

    fn wording(&mut self, request: &GenerateRequest, plan: &Plan) -> Result<Wording> {
        if plan.is_unbounded {
            self.notes.push(format!(
                "`{}` turns colours into their opposites on this base, whose first step is from pure noise, in diffusers too; \
                 another sampler, such as `euler`, draws it",
                request.sampler.name()
            ));
        }
        let second = request.negative_2.as_ref();
        let has_second = second.is_some_and(|text| !text.is_empty());
        if matches!(plan.unwanted, Unwanted::Zeros) && has_second {
            let note = "without a negative prompt this base takes zeros, as in diffusers; the second one is not drawn";
            self.notes.push(note.to_owned());
        }
        Wording::of(request, plan, |prompts, clip_skip| {
            self.text_states(TextKey {
                prompts: prompts.to_vec(),
                clip_skip,
                adapters: request.adapters.clone(),
            })
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

    /// The final latents, as [`Way::walk`] gives them.
    fn latents(
        &mut self,
        drawing: &Drawing<'_>,
        keep_going: &mut dyn FnMut(f64) -> bool,
    ) -> Result<Option<Tensor<4>>> {
        let device = self.networks.device.clone();
        let vae = match drawing.start {
            Some(_) => Some(self.networks.vae(&self.base)?),
            None => None,
        };
        let way = Way::begin(&self.base, drawing, vae, &device)?;
        let unet = self.networks.unet(&self.base)?;
        Ok(way.walk(unet, drawing.request, keep_going))
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
        if context.cancel.is_cancelled() {
            return Ok(Outcome::Cancelled { completed_steps: 0 });
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

//! When previews are drawn and from what, before anything is loaded.

use atelier_core::{GenerateRequest, Recompute, SamplerKind, Seed, TrainConfig};
use atelier_diffusion::prompt::{PromptError, expand, take_loras};
use atelier_diffusion::samplers;
use atelier_diffusion::stable_diffusion::Base;

use crate::memory::{MemoryPlan, PreviewMemory, step_shape};
use crate::trainer::training_side;
use crate::work::decoder_work;
use crate::{Error, Result};

/// The part of a training that previews take where nobody says how often they are drawn: one in so many multiplications.
const SHARE: u64 = 10;
/// Why there may be none.
const TOO_SHORT: &str = "no previews: those of one epoch would take more than a tenth of so short a training; where epochs between them are given, they are drawn";
/// The first that the base's schedule allows: good after few steps, then one for every schedule. Both are without noise of
/// their own, so that epochs differ in nothing but what was learned.
const SAMPLERS: [SamplerKind; 2] = [SamplerKind::Dpmpp2m, SamplerKind::Ddim];

/// When a training draws previews, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewPlan {
    /// Epochs between them; 0 where none are drawn.
    pub every: usize,
    /// The epochs after which they are drawn, in order.
    pub epochs: Vec<usize>,
    /// One picture of each of these epochs, without the adapter, which is that of the epoch.
    pub requests: Vec<GenerateRequest>,
    /// The work of a picture.
    pub work: PreviewWork,
    /// Why none are drawn, where they were not declined.
    pub problem: Option<String>,
}

/// What drawing a picture takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviewWork {
    /// Passes through the denoiser, each forward and of one picture: with guidance two in a step.
    pub passes: u64,
    /// Multiplications of the autoencoder's decoder, each with its addition.
    pub decoding: u64,
}

impl PreviewPlan {
    /// The previews of a training on `base` with so many pictures. That nobody said how often they are drawn means: as often
    /// as takes a tenth of the training's multiplications.
    ///
    /// # Errors
    /// When the base cannot draw one of the prompts, or cannot be read.
    pub fn new(base: &Base, config: &TrainConfig, pictures: usize) -> Result<Self> {
        let prompts = config.previewed();
        let side = training_side(config, base);
        let work = PreviewWork {
            passes: 2 * config.preview_steps as u64,
            decoding: decoder_work(base, side)?,
        };
        let every = match config.preview_every {
            Some(every) => every,
            None => usual_every(base, config, (pictures, prompts.len() as u64), work)?,
        };
        let requests = if every > 0 {
            requests(base, config, &prompts)?
        } else {
            Vec::new()
        };
        let is_too_short = every == 0 && config.preview_every.is_none();
        Ok(Self {
            problem: is_too_short.then(|| TOO_SHORT.to_owned()),
            every,
            epochs: config.previewed_epochs(every),
            requests,
            work,
        })
    }

    /// The same without what a run's memory has no room for.
    #[must_use]
    pub fn fitting(mut self, memory: &MemoryPlan) -> Self {
        if !matches!(memory.previews, PreviewMemory::Fits { .. }) {
            self.epochs.clear();
            self.requests.clear();
        }
        self.problem = memory.previews.note().or(self.problem);
        self
    }

    /// Pictures altogether.
    pub fn pictures(&self) -> u64 {
        (self.epochs.len() * self.requests.len()) as u64
    }
}

/// One picture for each prompt. The error names all prompts that this base cannot draw, with all reasons.
fn requests(base: &Base, config: &TrainConfig, prompts: &[String]) -> Result<Vec<GenerateRequest>> {
    let (mut requests, mut problems) = (Vec::new(), Vec::new());
    for (prompt, n) in prompts.iter().zip(0..) {
        match request(base, config, (prompt, config.seed.nth(n))) {
            Ok(request) => requests.push(request),
            Err(problem) => problems.push(format!("preview `{prompt}`: {problem}")),
        }
    }
    if problems.is_empty() {
        return Ok(requests);
    }
    Err(Error::Settings { problems })
}

fn request(
    base: &Base,
    config: &TrainConfig,
    (prompt, seed): (&str, Seed),
) -> Result<GenerateRequest, String> {
    let side = Some(training_side(config, base));
    let request = GenerateRequest {
        prompt: words(prompt, seed)?,
        steps: config.preview_steps,
        seed,
        width: side,
        height: side,
        precision: config.precision,
        ..GenerateRequest::default()
    };
    let request = GenerateRequest {
        sampler: sampler(base, &request),
        ..request
    };
    base.check(&request).map_err(|error| error.to_string())?;
    Ok(request)
}

/// The words of a picture as `atelier generate` makes them: choices in braces are made by its seed.
fn words(prompt: &str, seed: Seed) -> Result<String, String> {
    let in_words = |error: PromptError| error.to_string();
    let expanded = expand(prompt, seed).map_err(in_words)?;
    let (words, adapters) = take_loras(&expanded).map_err(in_words)?;
    match adapters.first() {
        None => Ok(words),
        Some(adapter) => Err(format!(
            "it names the adapter `{adapter}`, but previews show the one that is trained, alone; leave the name out"
        )),
    }
}

fn sampler(base: &Base, request: &GenerateRequest) -> SamplerKind {
    let (schedule, config) = (request.schedule, &base.schedule_config);
    let can = |kind: &SamplerKind| samplers::build(*kind, schedule, config, request.steps).is_ok();
    let [usual, other] = SAMPLERS;
    if can(&usual) || !can(&other) {
        usual
    } else {
        other
    }
}

/// Epochs between previews so that they take a tenth of the multiplications; 0 where even those of one epoch take more.
fn usual_every(
    base: &Base,
    config: &TrainConfig,
    (pictures, prompts): (usize, u64),
    work: PreviewWork,
) -> Result<usize> {
    let shape = step_shape(base, config, pictures, Recompute::None);
    let step = shape.work(base)?;
    let pass = (step.forward_layers + step.forward_attention) / shape.batch as u64;
    let epoch = prompts * (work.passes * pass + work.decoding);
    // The last step of an epoch may have fewer pictures than the others.
    let taken = config.steps(pictures).pictures_per_epoch() as u128 * config.epochs as u128;
    let all = taken * u128::from(step.step) / shape.batch as u128;
    let most = all / u128::from(SHARE) / u128::from(epoch.max(1));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(0);
    }
    let first = (config.epochs / most).max(1);
    let fits = |every: &usize| config.previewed_epochs(*every).len() <= most;
    Ok((first..=config.epochs).find(fits).unwrap_or(0))
}

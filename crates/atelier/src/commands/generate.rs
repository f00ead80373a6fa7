//! `atelier generate`: pictures from a prompt.

use std::path::PathBuf;

use anyhow::Result;
use atelier_core::{
    AdapterUse, ErrorCode, GenerateRequest, Generator as _, Outcome, Precision, Progress,
    ProgressSink, SamplerKind, ScheduleKind, Seed,
};
use atelier_diffusion::families::sd15::{Base, Pipeline};
use atelier_diffusion::samplers;
use burn::tensor::Device;
use clap::Args;
use serde_json::json;

use super::{choice, picture_file, seed};
use crate::bases;
use crate::context::{App, ExitKind};
use crate::embedded;
use crate::failure::{CodedResult as _, failed};
use crate::recipe::Recipe;

/// Longest side of a picture in pixels.
const MAX_SIDE: usize = 4096;

/// What `atelier generate` can be told.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// What the picture shows.
    #[arg(long)]
    prompt: String,
    /// What the picture must not show.
    #[arg(long, default_value = "", hide_default_value = true)]
    negative: String,
    /// A name from `base list`, or a diffusers folder.
    #[arg(long, value_name = "NAME|FOLDER", default_value = embedded::NAME)]
    base: String,
    /// An adapter file and its strength, 0 to 1.5; may be repeated.
    #[arg(long, value_name = "FILE:STRENGTH")]
    adapter: Vec<AdapterUse>,
    /// Sampler steps.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// How strictly the prompt is followed; 1 or less draws without guidance.
    #[arg(long, default_value_t = 7.0)]
    guidance: f32,
    /// The rule that walks from noise to picture.
    #[arg(long, default_value = "ddim", value_parser = choice::<SamplerKind>(SamplerKind::ALL.iter().map(|s| s.name())))]
    sampler: SamplerKind,
    /// Seed of the first picture; the n-th uses seed + n. A negative one counts down from 2^64, as in `PyTorch`.
    #[arg(long, default_value_t = Seed(0), value_parser = seed, allow_negative_numbers = true)]
    seed: Seed,
    /// Width in pixels [default: the base's own].
    #[arg(long)]
    width: Option<usize>,
    /// Height in pixels [default: the base's own].
    #[arg(long)]
    height: Option<usize>,
    /// Number of pictures.
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// How many last layers of the text encoder are skipped.
    #[arg(long, default_value_t = 0)]
    clip_skip: usize,
    /// The arithmetic of the base.
    #[arg(long, default_value = "f32", value_parser = choice::<Precision>(Precision::ALL.iter().map(|p| p.name())))]
    precision: Precision,
    /// The folder for the pictures; nothing in it is overwritten.
    #[arg(long, value_name = "DIR", default_value = "pictures")]
    out: PathBuf,
}

/// Does it.
pub(super) fn run(args: &GenerateArgs, app: &App) -> Result<ExitKind> {
    let request = args.request();
    if request.count == 0 || request.steps == 0 {
        let message = "`--count` and `--steps` must be at least 1";
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    // Everything that can be refused is, before minutes go into loading and drawing.
    let found = bases::find(app, &args.base)?;
    let base = Base::open(&found.path).coded()?;
    check(&request, &base)?;
    let recipe = Recipe::new(&request, &found, base.folder().hash().coded()?)?;
    picture_file::prepare(&args.out)?;
    let device = Device::flex();
    let parts = base.load(&device, request.precision.into()).coded()?;
    let mut pipeline = Pipeline::from_parts(base, parts, &device);
    let progress = app.output.progress();
    let mut files = Vec::new();
    for index in 0..request.count as u64 {
        // One by one, so that each picture is on the disk as soon as it is drawn.
        let one = GenerateRequest {
            seed: request.seed.nth(index),
            count: 1,
            ..request.clone()
        };
        let part = PartOfMany {
            whole: &progress,
            index,
            count: request.count as u64,
        };
        let Outcome::Completed(pictures) =
            pipeline.generate(&one, app.run_context(&part)).coded()?
        else {
            drop(progress);
            app.output
                .note(format_args!("stopped after {} pictures", files.len()));
            app.output
                .document(&json!({"outcome": "cancelled", "files": files}))?;
            return Ok(ExitKind::Cancelled);
        };
        for picture in pictures {
            files.push(picture_file::save(
                picture,
                &recipe,
                &request.prompt,
                &args.out,
            )?);
        }
    }
    drop(progress);
    for file in &files {
        app.output.line(file["path"].as_str().unwrap_or_default());
    }
    app.output
        .document(&json!({"outcome": "completed", "files": files}))?;
    Ok(ExitKind::Completed)
}

impl GenerateArgs {
    fn request(&self) -> GenerateRequest {
        GenerateRequest {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            steps: self.steps,
            guidance: self.guidance,
            sampler: self.sampler,
            seed: self.seed,
            width: self.width,
            height: self.height,
            count: self.count,
            clip_skip: self.clip_skip,
            precision: self.precision,
            adapters: self.adapter.clone(),
        }
    }
}

/// Refuses a request that this base cannot draw, with all reasons.
fn check(request: &GenerateRequest, base: &Base) -> Result<()> {
    let mut problems = Vec::new();
    let factor = base.vae_config.pixels_per_latent();
    for (name, side) in [("width", request.width), ("height", request.height)] {
        let Some(side) = side else { continue };
        if side == 0 || side % factor != 0 || side > MAX_SIDE {
            problems.push(format!(
                "`{name}` is {side}, must be a multiple of {factor} between {factor} and {MAX_SIDE}"
            ));
        }
    }
    let layers = base.text_config.num_hidden_layers;
    if request.clip_skip >= layers {
        let got = request.clip_skip;
        problems.push(format!(
            "`clip_skip` is {got}, the text encoder has {layers} layers"
        ));
    }
    if !request.guidance.is_finite() {
        let got = request.guidance;
        problems.push(format!("`guidance` is {got}, must be a number"));
    }
    if !problems.is_empty() {
        return Err(failed(ErrorCode::InvalidInput, problems.join("; ")));
    }
    samplers::build(
        request.sampler,
        ScheduleKind::Base,
        &base.schedule_config,
        request.steps,
    )
    .coded()?;
    Ok(())
}

/// Progress of one picture as a part of all.
struct PartOfMany<'a> {
    whole: &'a dyn ProgressSink,
    index: u64,
    count: u64,
}

impl ProgressSink for PartOfMany<'_> {
    fn report(&self, progress: Progress) {
        self.whole.report(Progress {
            done: self.index * progress.total + progress.done,
            total: self.count * progress.total,
            ..progress
        });
    }
}

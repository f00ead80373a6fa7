//! `atelier bench generate`: times the parts of drawing one picture, in the order and with the memory of `atelier
//! generate`. `golden/peer_generate.py` does the same with diffusers.

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::{App, ExitKind};
use atelier_app::device::{Chosen, watch};
use atelier_app::memory::peak_bytes;
use atelier_core::{DeviceChoice, ErrorCode, GenerateRequest, Precision, SamplerKind};
use atelier_diffusion::stable_diffusion::{Pipeline, PipelinePart};
use atelier_failure::{CodedResult as _, failed};
use atelier_nn::gradients::values_of;
use clap::Args;
use serde::Serialize;

/// What `atelier bench generate` can be told.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// A base: a name, a folder, a file, or `hf:owner/repo`.
    #[arg(value_name = "BASE")]
    base: String,
    /// What the picture shows.
    #[arg(long)]
    prompt: String,
    /// Steps of the DDIM sampler.
    #[arg(long, default_value_t = 12)]
    steps: usize,
    /// Side of the picture in pixels; the base's own size when absent.
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
    /// Classifier-free guidance; 1 or less draws without it.
    #[arg(long, default_value_t = 7.0)]
    guidance: f32,
    /// The arithmetic of the base.
    #[arg(long, default_value = "f32", value_parser = super::precision())]
    precision: Precision,
    /// Where networks compute.
    #[arg(long, value_name = "auto|cpu|vulkan:N")]
    device: Option<DeviceChoice>,
}

/// What came out, with the names that `golden/peer_generate.py` uses.
#[derive(Debug, Serialize)]
struct Report {
    /// Opening the base, and loading all its networks.
    load_secs: f64,
    /// Encoding the prompt, and the negative one.
    text_secs: f64,
    /// Median seconds of a sampler step.
    step_secs: f64,
    step_min_secs: f64,
    step_max_secs: f64,
    /// Latents to pixels.
    vae_secs: f64,
    /// Text, steps and autoencoder: everything but loading.
    picture_secs: f64,
    whole_secs: f64,
    /// Largest memory of the process; only on Linux.
    peak_bytes: Option<u64>,
    bf16: bool,
    precision: Precision,
    size: usize,
    steps: usize,
    threads: usize,
    device: String,
    version: &'static str,
}

/// Does it.
pub(super) fn run(args: &GenerateArgs, app: &App) -> Result<ExitKind> {
    let chosen = app.device(args.device, args.precision)?;
    let found = bases::find(app, &args.base)?;
    let report = watch(&chosen, "timing a picture", || {
        timed(args, &found.path, (app, &chosen))
    })?;
    app.output.line(format_args!(
        "whole {:.3} s: loading {:.3}, text {:.3}, {} steps of {:.4} (fastest {:.4}, slowest {:.4}), autoencoder {:.3}; memory {}",
        report.whole_secs,
        report.load_secs,
        report.text_secs,
        report.steps,
        report.step_secs,
        report.step_min_secs,
        report.step_max_secs,
        report.vae_secs,
        super::gigabytes(report.peak_bytes)
    ));
    app.output.document(&report)?;
    Ok(ExitKind::Completed)
}

fn timed(
    args: &GenerateArgs,
    path: &std::path::Path,
    (app, chosen): (&App, &Chosen),
) -> Result<Report> {
    let now = || app.clock().unix_secs();
    let begun = now();
    let base = bases::open(app, path)?;
    let size = args.size.unwrap_or(base.native_size());
    let request = GenerateRequest {
        prompt: args.prompt.clone(),
        steps: args.steps,
        guidance: args.guidance,
        sampler: SamplerKind::Ddim,
        width: Some(size),
        height: Some(size),
        precision: args.precision,
        ..GenerateRequest::default()
    };
    let is_tiled = base.is_tiled(&request).coded()?;
    let mut pipeline = Pipeline::in_turn(base, &chosen.device, args.precision.into());
    pipeline.load(PipelinePart::Texts).coded()?;
    let texts_loaded = now();
    pipeline.prepare([&request], &app.cancel).coded()?;
    let encoded = now();
    pipeline.load(PipelinePart::Denoiser).coded()?;
    let denoiser_loaded = now();
    let mut marks = Vec::new();
    let latents = pipeline.final_latents_watched(&request, None, &mut || marks.push(now()));
    // Read, so that nothing is left to be computed later.
    let latents = latents.coded()?;
    let values = values_of(latents.clone());
    let drawn = now();
    marks.push(drawn);
    pipeline.load(PipelinePart::Autoencoder).coded()?;
    let autoencoder_loaded = now();
    let pixels = values_of(pipeline.decode(latents, is_tiled).coded()?);
    let ended = now();
    if !values.iter().chain(&pixels).all(|value| value.is_finite()) {
        let message = "the picture has values that are no numbers, so its times mean nothing";
        return Err(failed(ErrorCode::PictureNotFinite, message));
    }
    let steps = marks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let [step_secs, step_min_secs, step_max_secs] = super::spread(steps);
    let text_secs = encoded - texts_loaded;
    let vae_secs = ended - autoencoder_loaded;
    Ok(Report {
        load_secs: (texts_loaded - begun)
            + (denoiser_loaded - encoded)
            + (autoencoder_loaded - drawn),
        text_secs,
        step_secs,
        step_min_secs,
        step_max_secs,
        vae_secs,
        picture_secs: text_secs + (drawn - denoiser_loaded) + vae_secs,
        whole_secs: ended - begun,
        peak_bytes: peak_bytes(),
        bf16: args.precision != Precision::F32,
        precision: args.precision,
        size,
        steps: args.steps,
        threads: rayon::current_num_threads(),
        device: chosen.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
    })
}

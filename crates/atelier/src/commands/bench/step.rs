//! `atelier bench step`: times training steps on random numbers. `golden/peer_step.py` does the same with `PyTorch`.

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::{App, ExitKind};
use atelier_app::device::watch;
use atelier_app::memory::peak_bytes;
use atelier_core::{DeviceChoice, ErrorCode, Precision, Recompute, Targets};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};
use atelier_train::{BenchReport, BenchStep, bench_step};
use clap::Args;
use serde::Serialize;

use crate::commands::choice;

/// What `atelier bench step` can be told.
#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// A base: a name, a folder, a file, or `hf:owner/repo`.
    #[arg(value_name = "BASE")]
    base: String,
    /// Side of the pictures in pixels; the base's own size when absent.
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
    /// Side of the latents, in place of `--size`.
    #[arg(long, value_name = "LATENTS", conflicts_with = "size")]
    latent: Option<usize>,
    /// Pictures per step.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Rank of the adapter, and its alpha.
    #[arg(long, default_value_t = 16)]
    rank: usize,
    /// Steps that are timed; one more runs first.
    #[arg(long, default_value_t = 5)]
    steps: usize,
    /// The arithmetic of the base.
    #[arg(long, default_value = "f32", value_parser = super::precision())]
    precision: Precision,
    /// Where networks compute.
    #[arg(long, value_name = "auto|cpu|vulkan:N")]
    device: Option<DeviceChoice>,
    /// What the backward pass computes again; `block` when nothing else is said.
    #[arg(
        long,
        num_args = 0..=1,
        default_value = "none",
        default_missing_value = "block",
        value_parser = choice::<Recompute>(RECOMPUTE)
    )]
    recompute: Recompute,
    /// Which layers get an adapter.
    #[arg(
        long,
        default_value = "attention",
        value_parser = choice::<Targets>(Targets::ALL.iter().map(|t| t.name()))
    )]
    targets: Targets,
}

/// There is nothing to choose by itself here.
const RECOMPUTE: [&str; 3] = ["none", "block", "layer"];

/// What came out, with the names that `golden/peer_step.py` uses.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    timed: BenchReport,
    /// Largest memory of the process; only on Linux.
    peak_bytes: Option<u64>,
    bf16: bool,
    precision: Precision,
    /// Whether activations are computed again in the backward pass.
    checkpointing: bool,
    recompute: Recompute,
    targets: Targets,
    latent: usize,
    batch: usize,
    threads: usize,
    device: String,
    version: &'static str,
}

/// Does it.
pub(super) fn run(args: &StepArgs, app: &App) -> Result<ExitKind> {
    let counts = [args.steps, args.batch, args.rank];
    if counts.contains(&0) || args.latent == Some(0) || args.size == Some(0) {
        let message = "`--size`, `--latent`, `--batch`, `--rank` and `--steps` must be at least 1";
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let chosen = app.device(args.device, args.precision)?;
    let base = bases::open(app, &bases::find(app, &args.base)?.path)?;
    let what = BenchStep {
        steps: args.steps,
        batch: args.batch,
        rank: args.rank,
        precision: args.precision,
        latent_side: latent_side(args, &base)?,
        recompute: args.recompute,
        targets: args.targets,
    };
    let timed = watch(&chosen, "timing steps", || {
        bench_step(&base, what, &chosen.device, app.clock()).coded()
    })?;
    let report = Report {
        timed,
        peak_bytes: peak_bytes(),
        bf16: args.precision != Precision::F32,
        precision: args.precision,
        checkpointing: args.recompute != Recompute::None,
        recompute: args.recompute,
        targets: args.targets,
        latent: what.latent_side,
        batch: what.batch,
        threads: rayon::current_num_threads(),
        device: chosen.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let BenchReport {
        median_secs,
        min_secs,
        max_secs,
        lora_params,
        loss,
        planned_peak_bytes,
    } = report.timed;
    app.output.line(format_args!(
        "{median_secs:.4} s per step (fastest {min_secs:.4}, slowest {max_secs:.4}), {lora_params} trained values, loss {loss:.4}, memory {} of {} planned",
        super::gigabytes(report.peak_bytes),
        super::gigabytes(Some(planned_peak_bytes)),
    ));
    app.output.document(&report)?;
    Ok(ExitKind::Completed)
}

fn latent_side(args: &StepArgs, base: &Base) -> Result<usize> {
    let factor = base.vae_config.pixels_per_latent();
    let size = args.size.unwrap_or(base.native_size());
    match args.latent {
        Some(side) => Ok(side),
        None if size.is_multiple_of(factor) => Ok(size / factor),
        None => {
            let message =
                format!("`--size` must be a multiple of {factor} for this base, got {size}");
            Err(failed(ErrorCode::InvalidInput, message))
        }
    }
}

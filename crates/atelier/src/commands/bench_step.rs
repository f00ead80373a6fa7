//! `atelier bench-step`: times training steps on random numbers, for comparison with other programs.

use std::path::PathBuf;

use anyhow::Result;
use atelier_core::{ErrorCode, Precision};
use atelier_train::{BenchStep, bench_step};
use burn::tensor::Device;
use clap::Args;

use super::choice;
use crate::context::{App, ExitKind};
use crate::failure::{CodedResult as _, failed};

/// What `atelier bench-step` can be told.
#[derive(Debug, Args)]
pub(crate) struct BenchStepArgs {
    /// A diffusers folder.
    #[arg(long, value_name = "DIR")]
    base: PathBuf,
    /// Steps that are timed.
    #[arg(long, default_value_t = 5)]
    steps: usize,
    /// Pictures per step.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Rank of the adapter.
    #[arg(long, default_value_t = 16)]
    rank: usize,
    /// The arithmetic of the base.
    #[arg(long, default_value = "f32", value_parser = choice::<Precision>(Precision::ALL.iter().map(|p| p.name())))]
    precision: Precision,
}

/// Does it.
pub(super) fn run(args: &BenchStepArgs, app: &App) -> Result<ExitKind> {
    if args.steps == 0 || args.batch == 0 || args.rank == 0 {
        let message = "`--steps`, `--batch` and `--rank` must be at least 1";
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let what = BenchStep {
        steps: args.steps,
        batch: args.batch,
        rank: args.rank,
        precision: args.precision,
    };
    let report = bench_step(&args.base, what, &Device::flex(), app.clock()).coded()?;
    app.output.line(format_args!(
        "{:.4} s per step (fastest {:.4}, slowest {:.4}), {} trained values, loss {:.4}",
        report.median_secs, report.min_secs, report.max_secs, report.lora_params, report.loss
    ));
    app.output.document(&report)?;
    Ok(ExitKind::Completed)
}

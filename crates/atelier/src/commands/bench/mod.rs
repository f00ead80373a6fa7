//! `atelier bench`: times what training and drawing consist of, for comparison with other programs on the same machine.

mod forward;
mod generate;
mod kernels;
mod step;

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_core::Precision;
use clap::Subcommand;
use clap::builder::TypedValueParser;

/// What is timed.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Time training steps of the denoiser on random numbers.
    Step(step::StepArgs),
    /// Time the parts of drawing one picture.
    Generate(generate::GenerateArgs),
    /// Time the operations that a denoiser consists of.
    Kernels(kernels::KernelsArgs),
    /// Evaluate a denoiser once and compare with a recorded output.
    Forward(forward::ForwardArgs),
}

/// Does it.
pub(super) fn run(command: &BenchCommand, app: &App) -> Result<ExitKind> {
    match command {
        BenchCommand::Step(args) => step::run(args, app),
        BenchCommand::Generate(args) => generate::run(args, app),
        BenchCommand::Kernels(args) => kernels::run(args, app),
        BenchCommand::Forward(args) => forward::run(args, app),
    }
}

/// The flag for the arithmetic of the base.
fn precision() -> impl TypedValueParser<Value = Precision> {
    super::choice::<Precision>(Precision::ALL.iter().map(|precision| precision.name()))
}

/// The middle, the least and the most of some times; zeros where there are none.
fn spread(mut secs: Vec<f64>) -> [f64; 3] {
    secs.sort_by(f64::total_cmp);
    let at = |index: usize| secs.get(index).copied().unwrap_or_default();
    [at(secs.len() / 2), at(0), at(secs.len().saturating_sub(1))]
}

/// Bytes for people.
fn gigabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(
        || "of unknown size".to_owned(),
        |bytes| format!("{:.2} GB", bytes as f64 / 1e9),
    )
}

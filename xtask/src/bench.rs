//! `cargo xtask bench`: times a LoRA training step of ours and of PyTorch + diffusers + peft, in alternation. Absolute
//! times drift with the machine, so the figure is the median of the ratios of neighbouring runs.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::workspace::Workspace;
use crate::{golden, process};

/// What to time, and how often.
#[derive(Args)]
pub(crate) struct Bench {
    /// What is timed.
    #[arg(value_enum, default_value_t = Subject::Step)]
    what: Subject,
    /// A base model folder in the diffusers layout.
    #[arg(long)]
    base: PathBuf,
    /// Pairs of runs.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Training steps of one run.
    #[arg(long, default_value_t = 5)]
    steps: usize,
    /// Pictures per step.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Rank of the adapter.
    #[arg(long, default_value_t = 16)]
    rank: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Subject {
    /// One optimizer step of a LoRA training of the denoiser.
    Step,
}

/// The last line that both programs print.
#[derive(Debug, Deserialize)]
struct Timing {
    /// Median seconds of a step, without the first.
    median_secs: f64,
    /// Trained numbers: equal when both did the same work.
    lora_params: u64,
}

impl Bench {
    /// Times and prints.
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        let Subject::Step = self.what;
        let program = workspace.build_program()?;
        let python = golden::python(workspace)?;
        let base = fs_err::canonicalize(&self.base)?;
        let [steps, batch, rank] =
            [self.steps, self.batch, self.rank].map(|count| count.to_string());
        let settings = ["--steps", &steps, "--batch", &batch, "--rank", &rank];
        let mut ratios = Vec::new();
        for pair in 1..=self.pairs {
            let mut ours = process::command(&program);
            let ours = timing(&process::output(
                ours.args(["bench-step", "--json", "--base"])
                    .arg(&base)
                    .args(settings),
            )?)?;
            let mut theirs = process::command(&python);
            let script = workspace.root().join("golden/peer_step.py");
            let theirs = timing(&process::output(
                theirs.arg(script).arg("--base").arg(&base).args(settings),
            )?)?;
            let ratio = ratio(&ours, &theirs)?;
            println!(
                "pair {pair}: ours {:.4} s, PyTorch {:.4} s, ratio {ratio:.3}",
                ours.median_secs, theirs.median_secs
            );
            ratios.push(ratio);
        }
        println!(
            "median ratio (ours / PyTorch, below 1 is faster): {:.3}",
            median(&mut ratios)
        );
        Ok(())
    }
}

fn timing(output: &str) -> Result<Timing> {
    let line = output
        .lines()
        .last()
        .context("the program printed nothing")?;
    serde_json::from_str(line).with_context(|| format!("not a timing: `{line}`"))
}

fn ratio(ours: &Timing, theirs: &Timing) -> Result<f64> {
    ensure!(
        ours.lora_params == theirs.lora_params,
        "the two programs train different adapters: ours has {} numbers, PyTorch's {}",
        ours.lora_params,
        theirs.lora_params
    );
    Ok(ours.median_secs / theirs.median_secs)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_timing() {
        let read =
            timing("warning\n{\"median_secs\": 0.5, \"lora_params\": 8, \"loss\": 1.0}\n").unwrap();
        assert!((read.median_secs - 0.5).abs() < 1e-12);
        assert_eq!(read.lora_params, 8);
    }

    #[test]
    fn different_work_is_not_compared() {
        let [ours, theirs] = [8, 9].map(|lora_params| Timing {
            median_secs: 1.0,
            lora_params,
        });
        assert!(
            ratio(&ours, &theirs)
                .unwrap_err()
                .to_string()
                .contains("different adapters")
        );
    }

    #[test]
    fn median_of_odd_and_even_counts() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&mut [4.0, 1.0]) - 2.5).abs() < 1e-12);
    }
}

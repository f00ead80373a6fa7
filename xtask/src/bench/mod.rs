//! `cargo xtask bench`: times the program and PyTorch with diffusers on the same machine, in alternation. Absolute times drift
//! with the machine, so the figure is the median of the ratios of neighbouring runs.

mod case;
mod compared;
mod page;
mod programs;
mod scaling;

use std::fmt::Display;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Result, ensure};
use atelier_core::Precision;
use clap::{Args, ValueEnum};

use crate::machine::Machine;
use crate::workspace::Workspace;
use crate::{golden, process};

use compared::Compared;
use page::Label;
use programs::{Peer, Program};

const PAGE: &str = "docs/dev/measurements.md";

/// What to time, and how often. Flags that take lists stand for every combination.
#[derive(Debug, Clone, Args)]
pub(crate) struct Bench {
    /// What is timed.
    #[arg(long, value_enum, default_value_t = Subject::Step)]
    what: Subject,
    /// A base model folder in the diffusers layout; may be given several times.
    #[arg(long, required = true, value_name = "DIR")]
    base: Vec<PathBuf>,
    /// Sides of the pictures in pixels, the base's own when absent.
    #[arg(long, value_delimiter = ',', value_name = "PIXELS,…")]
    size: Vec<usize>,
    /// Sides of the latents in place of `--size`; for steps only.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "LATENTS,…",
        conflicts_with = "size"
    )]
    latent: Vec<usize>,
    /// Pictures per training step, 1 when absent.
    #[arg(long, value_delimiter = ',', value_name = "PICTURES,…")]
    batch: Vec<usize>,
    /// Rank of the trained adapter.
    #[arg(long, default_value_t = 16)]
    rank: usize,
    /// Steps of one run, of the training or of the sampler.
    #[arg(long, default_value_t = 5)]
    steps: usize,
    /// What the drawn picture shows.
    #[arg(long, default_value = "a lighthouse on a rock, oil painting")]
    prompt: String,
    /// Compute activations again in the backward pass, to save memory.
    #[arg(long)]
    recompute: bool,
    /// Our arithmetic: f32, bf16 or both.
    #[arg(long, value_delimiter = ',', default_value = "f32")]
    precision: Vec<Precision>,
    /// PyTorch's arithmetic: f32, bf16 or both.
    #[arg(long, value_delimiter = ',', default_value = "f32,bf16", value_parser = peer_precision)]
    peer_precision: Vec<Precision>,
    /// Threads of both programs; as many as the machine has when absent.
    #[arg(long, value_delimiter = ',', value_name = "THREADS,…")]
    threads: Vec<usize>,
    /// Pairs of runs; with `--scaling`, runs.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Time our training step alone, over batches, sizes and threads.
    #[arg(long)]
    scaling: bool,
    /// Put the table into docs/dev/measurements.md under this label, in place of an earlier one.
    #[arg(long, value_name = "LABEL")]
    write: Option<Label>,
    /// A Python with what golden/requirements.txt names, in place of an environment made for this.
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// One optimizer step of a LoRA training of the denoiser.
    Step,
    /// One picture: its text, its steps, its decoding.
    Generate,
}

impl Subject {
    /// The name of the subcommand, and of the peer's script.
    fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Generate => "generate",
        }
    }

    /// What is compared, and under which name both programs report it.
    fn figures(self) -> &'static [Figure] {
        match self {
            Self::Step => STEP,
            Self::Generate => PICTURE,
        }
    }
}

/// A time that both programs report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figure {
    part: &'static str,
    field: &'static str,
}

const STEP: &[Figure] = &[Figure {
    part: "step",
    field: "median_secs",
}];

const PICTURE: &[Figure] = &[
    Figure {
        part: "picture, loaded",
        field: "picture_secs",
    },
    Figure {
        part: "text",
        field: "text_secs",
    },
    Figure {
        part: "denoiser step",
        field: "step_secs",
    },
    Figure {
        part: "autoencoder",
        field: "vae_secs",
    },
    Figure {
        part: "loading",
        field: "load_secs",
    },
];

impl Bench {
    /// Times, prints, and writes where it is asked to.
    pub(crate) fn run(mut self, workspace: &Workspace) -> Result<()> {
        self.check()?;
        for base in &mut self.base {
            *base = fs_err::canonicalize(&*base)?;
        }
        let machine = Machine::here()?;
        if machine.is_busy() {
            println!("warning: something else runs on this machine; its times mean little");
        }
        let program = Program(workspace.build_program()?);
        let (kind, heading, result) = if self.scaling {
            let table = scaling::measure(&self, &program);
            let heading = "Training step by batch, size and threads";
            ("scaling", heading, table)
        } else {
            let python = match &self.python {
                Some(python) => python.clone(),
                None => golden::python(workspace)?,
            };
            let peer = Peer {
                python,
                scripts: workspace.root().join("golden"),
            };
            let compared = self.compare(&program, &peer)?;
            let heading = match self.what {
                Subject::Step => "Training step against PyTorch",
                Subject::Generate => "Picture against diffusers",
            };
            (self.what.name(), heading, compared)
        };
        let date = process::output(process::command("date").args(["-u", "+%F"]))?;
        let about = format!("`{}`; {machine}; {}.", command_line(), date.trim());
        let text = format!("{about}\n\n{result}");
        println!("\n{text}");
        if let Some(label) = &self.write {
            let path = workspace.root().join(PAGE);
            let place = page::Place {
                heading,
                kind,
                label,
            };
            let page = place.put(&fs_err::read_to_string(&path)?, &text)?;
            fs_err::write(&path, page)?;
            println!("wrote {PAGE}");
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let is_step = self.what == Subject::Step;
        let only_for_steps =
            self.scaling || self.recompute || !self.latent.is_empty() || !self.batch.is_empty();
        ensure!(
            is_step || !only_for_steps,
            "`--scaling`, `--recompute`, `--latent` and `--batch` are for `--what step`"
        );
        ensure!(
            !self.precision.is_empty() && !self.peer_precision.is_empty(),
            "`--precision` and `--peer-precision` need a value"
        );
        let counts = [&self.size, &self.latent, &self.batch, &self.threads];
        let counts = counts.into_iter().flatten();
        ensure!(
            counts
                .chain([&self.rank, &self.steps])
                .all(|&count| count > 0),
            "sizes, batches, threads, rank and steps must be at least 1"
        );
        Ok(())
    }

    /// Runs both programs on every case; the table.
    fn compare(&self, program: &Program, peer: &Peer) -> Result<String> {
        let mut versions = String::new();
        let mut rows = String::new();
        for case in case::all(self) {
            let mut compared = Compared::new(self.peer_precision.clone());
            for pair in 1..=self.pairs {
                let ours = || program.run(&case);
                let theirs = |&precision: &Precision| peer.run(&case, precision);
                let round = compared::round(pair, &self.peer_precision, ours, theirs)?;
                round.same_work()?;
                println!("{case}, pair {pair}: {}", round.summary(self.what));
                versions = round.versions();
                compared.rounds.push(round);
            }
            rows += &compared.rows(&case)?;
        }
        Ok(format!("{versions}\n\n{}{rows}", compared::head()))
    }

    /// The numbers of threads that were asked for.
    fn threads(&self) -> Vec<usize> {
        if self.threads.is_empty() {
            vec![processors()]
        } else {
            self.threads.clone()
        }
    }
}

/// The arithmetic of the peer, whose scripts know no other.
fn peer_precision(word: &str) -> Result<Precision, String> {
    match word.parse() {
        Ok(precision @ (Precision::F32 | Precision::Bf16)) => Ok(precision),
        _ => Err("expected `f32` or `bf16`".to_owned()),
    }
}

/// Threads that run at the same time here.
fn processors() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The command that this is, as it can be given again.
fn command_line() -> String {
    let words = std::env::args().skip(1).map(|word| quoted(&word));
    let words: Vec<_> = words.collect();
    format!("cargo xtask {}", words.join(" "))
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The value in the middle, between two where there is an even number of them.
fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// The median, and between which values it lies.
fn with_spread(values: &[f64], show: impl Fn(f64) -> String) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (middle, least, most) = (show(median(values)), show(least), show(most));
    format!("{middle} ({least}–{most})")
}

/// Four digits that count, for a table.
fn seconds(secs: f64) -> String {
    match secs {
        ..1.0 => format!("{secs:.4}"),
        ..10.0 => format!("{secs:.3}"),
        _ => format!("{secs:.2}"),
    }
}

/// Bytes for a table.
fn gigabytes(bytes: Option<u64>) -> String {
    let gigabytes = |bytes| format!("{:.2} GB", bytes as f64 / 1e9);
    bytes.map_or_else(|| "–".to_owned(), gigabytes)
}

/// A row of a Markdown table.
fn row<T: Display>(cells: impl IntoIterator<Item = T>) -> String {
    let cells = cells.into_iter().map(|cell| format!(" {cell} |"));
    format!("|{}\n", cells.collect::<String>())
}

#[cfg(test)]
mod tests;

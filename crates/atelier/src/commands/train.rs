//! `atelier train`: an adapter from a folder of pictures.

use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::Result;
use atelier_core::{
    DeviceChoice, ErrorCode, Outcome, Phase, Progress, ProgressSink, Recompute, TrainConfig,
    TrainReport, TrainRequest, Trainer as _,
};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};
use atelier_train::{LoraTrainer, MemoryPlan, Room};
use clap::Args;
use serde_json::json;

use super::train_dataset::Wanted;
use super::train_flags::TrainFlags;
use crate::bases;
use crate::context::{App, ExitKind};
use crate::device::watch;
use crate::embedded;
use crate::memory;
use crate::output::Output;
use crate::progress_bar::ProgressBar;
use crate::shell_word::shell_word;

/// What `atelier train` can be told.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// A folder of pictures, each with its caption in a `.txt` file of the same name, or a name from `dataset list`.
    #[arg(long, value_name = "DIR|NAME[@VERSION]")]
    dataset: PathBuf,
    /// A name from `base list`, a folder, a file, or `hf:owner/repo[@revision][/file.safetensors]`.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO", default_value = embedded::NAME)]
    base: String,
    /// The folder for the run [default: runs/<trigger>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Continue the run in the folder.
    #[arg(long)]
    resume: bool,
    /// Train without pictures that cannot be used.
    #[arg(long)]
    skip_bad: bool,
    /// Where networks compute: `auto` takes the first discrete graphics processor, else the processor [default: auto].
    #[arg(long, value_name = "auto|cpu|vulkan:N")]
    device: Option<DeviceChoice>,
    #[command(flatten)]
    settings: TrainFlags,
}

/// Does it.
pub(super) fn run(args: &TrainArgs, app: &App) -> Result<ExitKind> {
    let resumed = args.out.as_deref().filter(|_| args.resume);
    let mut dataset = Wanted::find(app, &args.dataset, resumed)?;
    let config = args.settings.resolve(dataset.about())?;
    let out = args.out.clone().unwrap_or_else(|| default_out(&config));
    if args.resume && args.out.is_none() {
        dataset = Wanted::find(app, &args.dataset, Some(&out))?;
    }
    if !args.resume {
        refuse_run(&out)?;
    }
    let chosen = app.device(args.device, config.precision)?;
    let base = bases::find(app, &args.base)?;
    let notes = bases::notes(&base.path);
    app.output.notes(&notes);
    let request = TrainRequest {
        dataset: dataset.folder(app, &out)?,
        base: base.path,
        base_name: base.name,
        out: out.clone(),
        resume: args.resume,
        skip_bad: args.skip_bad,
        config,
    };
    let free_bytes = chosen.room_bytes(memory::free_bytes);
    let hashes = app.hashes();
    let trainer = LoraTrainer {
        device: chosen.device.clone(),
        hashes: &hashes,
        free_bytes,
        packed: app.packed_folder(),
    };
    let progress = Announced {
        bar: app.output.progress(),
        output: app.output,
        request: &request,
        room: trainer.room(),
        once: Once::new(),
    };
    let outcome = watch(&chosen, "training", || {
        trainer.train(&request, app.run_context(&progress)).coded()
    });
    drop(progress);
    match outcome? {
        Outcome::Completed(mut report) => {
            for note in &report.notes {
                app.output.note(note);
            }
            report.notes.splice(0..0, notes);
            tell(app, args, &request.config, &report)?;
            Ok(ExitKind::Completed)
        }
        Outcome::Cancelled { completed_steps } => {
            app.output.note(format_args!(
                "stopped after {completed_steps} steps, saved in `{}`; the same command with --resume goes on",
                out.display()
            ));
            app.output.document(&json!({
                "outcome": "cancelled",
                "out": out,
                "completed_steps": completed_steps,
            }))?;
            Ok(ExitKind::Cancelled)
        }
    }
}

/// The trigger word as a folder name.
fn default_out(config: &TrainConfig) -> PathBuf {
    let plain = |c: char| {
        if c.is_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = config.trigger.trim().chars().map(plain).collect();
    Path::new("runs").join(name)
}

/// A finished or stopped run is never trained over.
fn refuse_run(out: &Path) -> Result<()> {
    let traces = ["run.json", "adapter.safetensors", "checkpoints"];
    if !traces.iter().any(|name| out.join(name).exists()) {
        return Ok(());
    }
    let message = format!(
        "`{}` already holds a run; continue it with --resume or give another --out",
        out.display()
    );
    Err(failed(ErrorCode::InvalidInput, message))
}

/// Progress that says how the number of steps comes about, and what the run will take of the memory, as soon as the pictures
/// are known.
struct Announced<'a> {
    bar: ProgressBar,
    output: Output,
    request: &'a TrainRequest,
    room: Room,
    once: Once,
}

impl ProgressSink for Announced<'_> {
    fn report(&self, progress: Progress) {
        if progress.phase == Phase::CachingLatents {
            self.once.call_once(|| self.announce(progress.total));
        }
        self.bar.report(progress);
    }
}

impl Announced<'_> {
    fn announce(&self, pictures: u64) {
        let TrainConfig {
            epochs, batch_size, ..
        } = self.request.config;
        let steps = pictures.div_ceil(batch_size as u64) * epochs as u64;
        self.output.note(format_args!(
            "{pictures} pictures x {epochs} epochs / batches of {batch_size} = {steps} steps"
        ));
        // The trainer has made the same plan, so that it can be made.
        if let Ok(base) = Base::open(&self.request.base)
            && let Ok(plan) =
                MemoryPlan::new(&base, &self.request.config, pictures as usize, self.room)
        {
            self.announce_memory(&plan);
        }
    }

    fn announce_memory(&self, plan: &MemoryPlan) {
        let again = match plan.recompute {
            Recompute::None | Recompute::Auto => String::new(),
            parts => format!(", computing every {parts} twice to save memory"),
        };
        let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
        let needed = gigabytes(plan.peak_bytes());
        let (of, are, may) = if self.room.is_composed {
            (" of the device", "can be taken", "fail")
        } else {
            ("", "are free", "fail or be very slow")
        };
        self.output.note(match self.room.bytes {
            Some(free) if plan.peak_bytes() > free => format!(
                "memory{of}: about {needed}{again}; only {} {are}, so this may {may}",
                gigabytes(free)
            ),
            Some(free) => {
                let free = gigabytes(free);
                format!("memory{of}: about {needed} of {free} that {are}{again}")
            }
            None => format!("memory{of}: about {needed}{again}"),
        });
    }
}

fn tell(app: &App, args: &TrainArgs, config: &TrainConfig, report: &TrainReport) -> Result<()> {
    for skipped in &report.skipped {
        app.output.note(format_args!("left out {skipped}"));
    }
    let path = report.adapter.display();
    let base = match args.base.as_str() {
        embedded::NAME => String::new(),
        base => format!(" --base {}", shell_word(base)),
    };
    app.output.line(format_args!("adapter: {path}"));
    app.output.line(format_args!(
        "draw with it: atelier generate{base} --adapter {} --prompt {}",
        shell_word(&format!("{path}:0.8")),
        shell_word(&format!("{}, ...", config.trigger)),
    ));
    let checkpoints = report.checkpoints.iter();
    let checkpoints: Vec<_> = checkpoints
        .map(|(epoch, path)| json!({"epoch": epoch, "path": path}))
        .collect();
    app.output.document(&json!({
        "outcome": "completed",
        "adapter": report.adapter,
        "checkpoints": checkpoints,
        "pictures": report.pictures,
        "skipped": report.skipped,
        "notes": report.notes,
        "steps": report.losses.len(),
        "last_loss": report.losses.last(),
        "recompute": report.recompute,
        "planned_peak_bytes": report.planned_peak_bytes,
        "training_secs": report.training_secs,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder_stays_below_runs() {
        let config = TrainConfig {
            trigger: "../Blob V1".to_owned(),
            ..TrainConfig::default()
        };
        assert_eq!(default_out(&config), Path::new("runs/---Blob-V1"));
    }
}

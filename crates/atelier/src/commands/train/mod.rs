//! `atelier train`: an adapter from a folder of pictures, or a run of the library from one of its datasets.

mod announced;
mod dataset;
mod flags;
mod in_library;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_app::bases::{self, FoundBase};
use atelier_app::context::{App, ExitKind};
use atelier_app::device::{Chosen, watch};
use atelier_app::embedded;
use atelier_app::memory;
use atelier_core::{
    DeviceChoice, ErrorCode, Outcome, TrainConfig, TrainReport, TrainRequest, Trainer as _,
};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};
use atelier_runs::{JudgedWord, TrainPlan, used_trigger_words};
use atelier_train::{LoraTrainer, Room, check_resolution, saved_steps};
use clap::Args;
use serde_json::{Map, Value, json};

use self::announced::Announced;
use self::dataset::Wanted;
use self::flags::TrainFlags;
pub(super) use self::in_library::{tell_model, tell_stopped};
use atelier_failure::shell_word;

/// What `atelier train` can be told.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// A folder of pictures, each with its caption in a `.txt` file of the same name, or a name from `dataset list`.
    #[arg(long, value_name = "DIR|NAME[@VERSION]")]
    dataset: PathBuf,
    /// A name from `base list`, a folder, a file, or `hf:owner/repo[@revision][/file.safetensors]`.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO", default_value = embedded::NAME)]
    base: String,
    /// The folder for the run [default: for a folder of pictures runs/<trigger>, for a dataset of the library none: the run
    /// is kept in the library].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What the run of the library and the model that comes of it are called [default: the dataset's name and a number].
    #[arg(long, value_name = "NAME", conflicts_with = "out")]
    name: Option<String>,
    /// Continue the run in the folder; `run resume` continues one of the library.
    #[arg(long)]
    resume: bool,
    /// Train without pictures that cannot be used.
    #[arg(long)]
    skip_bad: bool,
    /// Say what the settings are and where they come from, how many steps and how much memory it takes, and train nothing.
    #[arg(long)]
    dry_run: bool,
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
    let given = args.settings.read(dataset.about())?;
    let is_kept = args.out.is_none() && dataset.is_in_library();
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| default_out(&given.config));
    if is_kept {
        in_library::refuse_resume(args, app, &dataset)?;
    } else {
        if args.name.is_some() {
            let message =
                "`--name` is for datasets of the library; give the folder of this run with `--out`";
            return Err(failed(ErrorCode::InvalidInput, message));
        }
        if args.resume && args.out.is_none() {
            dataset = Wanted::find(app, &args.dataset, Some(&out))?;
        }
        if args.resume {
            refuse_nothing(&out)?;
        } else if !args.dry_run {
            refuse_run(&out)?;
        } else if holds_run(&out) {
            let place = out.display();
            app.output.note(format_args!(
                "`{place}` holds a run already: the training itself needs another --out"
            ));
        }
    }
    let chosen = app.device(args.device, given.config.precision)?;
    let base = bases::find(app, &args.base)?;
    let opened = Base::open(&base.path).coded()?;
    let settings = given.resolve(opened.kind());
    check_resolution(&settings.config, &opened).coded()?;
    let word = judged(app, &settings.config, &opened, &dataset);
    word.warn(app.output)?;
    let plan = TrainPlan {
        settings: &settings,
        trigger_word: &word,
    };
    if args.dry_run {
        let room = Room::on(&chosen.device, chosen.room_bytes(memory::free_bytes));
        let found = dataset.found(args.skip_bad, (&opened, &settings.config))?;
        if found.pictures.count == 0 {
            let message = format!("`{}` has no pictures", args.dataset.display());
            return Err(failed(ErrorCode::DatasetEmpty, message));
        }
        let made = args.resume.then(|| saved_steps(&out));
        plan.tell(app, &opened, (found, made), (&chosen, room))?;
        return Ok(ExitKind::Completed);
    }
    let planned = Planned {
        args,
        plan: &plan,
        base: &base,
        opened: &opened,
        chosen: &chosen,
    };
    if is_kept {
        return in_library::train(app, &planned, &dataset);
    }
    planned.train_in(app, &out, &dataset)
}

/// A training of which everything is known.
struct Planned<'a> {
    args: &'a TrainArgs,
    plan: &'a TrainPlan<'a>,
    base: &'a FoundBase,
    opened: &'a Base,
    chosen: &'a Chosen,
}

impl Planned<'_> {
    /// Trains in a folder that the library knows nothing of.
    fn train_in(&self, app: &App, out: &Path, dataset: &Wanted) -> Result<ExitKind> {
        let request = TrainRequest {
            dataset: dataset.folder(app, out)?,
            base: self.base.path.clone(),
            base_name: self.base.name.clone(),
            out: out.to_owned(),
            resume: self.args.resume,
            skip_bad: self.args.skip_bad,
            config: self.plan.settings.config.clone(),
        };
        let hashes = app.hashes();
        let trainer = LoraTrainer {
            device: self.chosen.device.clone(),
            hashes: &hashes,
            free_bytes: self.chosen.room_bytes(memory::free_bytes),
            packed: app.packed_folder(),
        };
        let made = self.args.resume.then(|| saved_steps(out));
        let progress = Announced::new(app, self, made);
        let outcome = watch(self.chosen, "training", || {
            trainer.train(&request, app.run_context(&progress)).coded()
        });
        drop(progress);
        match outcome? {
            Outcome::Completed(report) => {
                tell(app, self.args, self.plan, &report)?;
                Ok(ExitKind::Completed)
            }
            Outcome::Cancelled { completed_steps } => {
                let words = stopped_text(
                    completed_steps,
                    format_args!(", saved in `{}`", out.display()),
                    if holds_run(out) {
                        "the same command with --resume"
                    } else {
                        "the same command"
                    },
                );
                app.output.note(words);
                app.output.document(&json!({
                    "outcome": "cancelled",
                    "out": out.display().to_string(),
                    "completed_steps": completed_steps,
                    "is_saved": completed_steps > 0,
                }))?;
                Ok(ExitKind::Cancelled)
            }
        }
    }
}

/// Says that a training was stopped, where the rest is, and what goes on with it.
fn stopped_text(steps: u64, saved: impl Display, command: impl Display) -> String {
    match steps {
        0 => format!("stopped before a step was saved; {command} begins with the first"),
        1 => format!("stopped after 1 step{saved}; {command} goes on"),
        steps => format!("stopped after {steps} steps{saved}; {command} goes on"),
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

/// Whether a run began there.
fn holds_run(out: &Path) -> bool {
    let traces = ["run.json", "adapter.safetensors", "checkpoints"];
    traces.iter().any(|name| out.join(name).exists())
}

/// A place in which there is nothing to go on with is most likely another one than is meant.
fn refuse_nothing(out: &Path) -> Result<()> {
    if holds_run(out) {
        return Ok(());
    }
    let message = format!(
        "`{}` holds no run that could go on; leave out --resume to begin one, or give its folder with --out",
        out.display()
    );
    Err(failed(ErrorCode::NotFound, message))
}

/// A finished or stopped run is never trained over.
fn refuse_run(out: &Path) -> Result<()> {
    if !holds_run(out) {
        return Ok(());
    }
    let message = format!(
        "`{}` already holds a run; continue it with --resume or give another --out",
        out.display()
    );
    Err(failed(ErrorCode::InvalidInput, message))
}

/// What is to be known about the trigger word, beside the words of other datasets of the library and of its models.
fn judged(app: &App, config: &TrainConfig, base: &Base, dataset: &Wanted) -> JudgedWord {
    let used = used_trigger_words(app, dataset.id());
    let first = base.texts.first();
    let tokenizer = &first.expect("every family has a text encoder").tokenizer;
    let word = (config.trigger.as_str(), config.category);
    JudgedWord::new(word, tokenizer, &used)
}

fn tell(app: &App, args: &TrainArgs, plan: &TrainPlan<'_>, report: &TrainReport) -> Result<()> {
    let path = report.adapter.display();
    let base = match args.base.as_str() {
        embedded::NAME => String::new(),
        base => format!(" --base {}", shell_word(base)),
    };
    app.output.line(format_args!("adapter: {path}"));
    tell_previews(app, report);
    app.output.line(format_args!(
        "draw with it: atelier generate{base} --adapter {} --prompt {}",
        shell_word(&format!("{path}:0.8")),
        shell_word(plan.preview_prompts().first().map_or("", String::as_str)),
    ));
    let document = report_document(plan, report);
    app.output.document(&document)
}

/// Says where previews lie.
fn tell_previews(app: &App, report: &TrainReport) {
    let folder = report.previews.last().and_then(|(_, path)| path.parent());
    if let Some(folder) = folder {
        let count = report.previews.len();
        let epochs = if count == 1 { "epoch" } else { "epochs" };
        app.output.line(format_args!(
            "previews: of {count} {epochs} in {}",
            folder.display()
        ));
    }
}

/// What documents say of a finished training.
fn report_document(plan: &TrainPlan<'_>, report: &TrainReport) -> Map<String, Value> {
    let checkpoints = report.checkpoints.iter();
    let checkpoints: Vec<_> = checkpoints
        .map(|(epoch, path)| json!({"epoch": epoch, "path": path.display().to_string()}))
        .collect();
    let previews = report.previews.iter();
    let previews: Vec<_> = previews
        .map(|(epoch, path)| json!({"epoch": epoch, "folder": path.display().to_string()}))
        .collect();
    let mut document = plan.fields(report.pictures);
    let done = json!({
        "outcome": "completed",
        "adapter": report.adapter.display().to_string(),
        "checkpoints": checkpoints,
        "previews": previews,
        "skipped": report.skipped,
        "notes": report.notes,
        "steps": report.losses.len(),
        "last_loss": report.losses.last(),
        "recompute": report.recompute,
        "planned_peak_bytes": report.planned_peak_bytes,
        "trained_steps": report.trained_steps,
        "training_secs": report.training_secs,
        "preview_secs": report.preview_secs,
        "peak_bytes": memory::peak_bytes(),
    });
    if let Value::Object(done) = done {
        document.extend(done);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_before_a_step_is_saved_does_not_say_that_something_is() {
        let said = |steps| stopped_text(steps, ", saved in `run`", "the same command");
        assert_eq!(
            said(0),
            "stopped before a step was saved; the same command begins with the first"
        );
        assert_eq!(
            said(1),
            "stopped after 1 step, saved in `run`; the same command goes on"
        );
        assert!(said(2).starts_with("stopped after 2 steps, saved in `run`; "));
    }

    #[test]
    fn the_default_folder_stays_below_runs() {
        let config = TrainConfig {
            trigger: "../Blob V1".to_owned(),
            ..TrainConfig::default()
        };
        assert_eq!(default_out(&config), Path::new("runs/---Blob-V1"));
    }
}

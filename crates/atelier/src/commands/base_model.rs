//! `atelier base`: which bases there are.

use std::path::PathBuf;

use anyhow::Result;
use atelier_diffusion::schedule::{BetaSchedule, PredictionType};
use atelier_diffusion::stable_diffusion::Base;
use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use crate::bases::{self, WEIGHTED_PARTS};
use crate::context::{App, ExitKind};
use crate::embedded;
use crate::failure::CodedResult as _;

/// What can be done with bases.
#[derive(Debug, Subcommand)]
pub(crate) enum BaseCommand {
    /// List the bases that have a name.
    List,
    /// Copy a base into the program's own place.
    Add {
        /// A diffusers folder, a single-file checkpoint, or `hf:owner/repo[@revision][/file.safetensors]`, which is downloaded.
        #[arg(value_name = "FOLDER|FILE|hf:REPO")]
        folder: PathBuf,
        /// Its name; that of the folder, file or repository when absent.
        #[arg(long)]
        name: Option<String>,
    },
    /// Show what a base is.
    Show {
        /// A name from `base list`, a folder, a file, or `hf:owner/repo[@revision][/file.safetensors]`.
        #[arg(value_name = "NAME|FOLDER|FILE|hf:REPO")]
        base: String,
    },
    /// Delete a base that was added.
    Remove {
        /// Its name.
        name: String,
    },
}

/// Does it.
pub(super) fn run(command: &BaseCommand, app: &App) -> Result<ExitKind> {
    match command {
        BaseCommand::List => list(app)?,
        BaseCommand::Add { folder, name } => {
            let base = bases::add(app, folder, name.as_deref())?;
            app.output.line(format_args!("added base `{}`", base.name));
            app.output
                .document(&json!({"name": base.name, "path": base.path}))?;
        }
        BaseCommand::Show { base } => show(app, base)?,
        BaseCommand::Remove { name } => {
            let path = bases::remove(app, name)?;
            app.output.line(format_args!("removed base `{name}`"));
            app.output
                .document(&json!({"removed": name, "path": path}))?;
        }
    }
    Ok(ExitKind::Completed)
}

fn list(app: &App) -> Result<()> {
    let mut rows = Vec::new();
    if embedded::is_present() {
        app.output
            .line(format_args!("{}  (embedded)", embedded::NAME));
        rows.push(json!({"name": embedded::NAME, "embedded": true, "path": null}));
    }
    for base in bases::list(app)? {
        app.output
            .line(format_args!("{}  {}", base.name, base.path.display()));
        rows.push(json!({"name": base.name, "embedded": false, "path": base.path}));
    }
    if rows.is_empty() {
        app.output
            .line("no bases; `atelier base add FOLDER` adds one");
    }
    app.output.document(&json!({"bases": rows}))
}

/// What `show` says.
#[derive(Debug, Serialize)]
struct Description {
    name: String,
    path: PathBuf,
    family: &'static str,
    native_size: usize,
    prediction_type: &'static str,
    timesteps: usize,
    beta_schedule: &'static str,
    parts: Vec<Part>,
    hash: String,
    about: Vec<PathBuf>,
}

/// The weights of one part.
#[derive(Debug, Serialize)]
struct Part {
    name: &'static str,
    parameters: u64,
    dtype: String,
    size_bytes: u64,
}

fn show(app: &App, wanted: &str) -> Result<()> {
    let found = bases::find(app, wanted)?;
    let base = Base::open(&found.path).coded()?;
    let schedule = &base.schedule_config;
    let description = Description {
        name: found.name,
        family: base.family.name,
        native_size: base.native_size(),
        prediction_type: match schedule.prediction_type {
            PredictionType::Epsilon => "epsilon",
            PredictionType::VPrediction => "v_prediction",
        },
        timesteps: schedule.num_train_timesteps,
        beta_schedule: match schedule.beta_schedule.unwrap_or(BetaSchedule::Linear) {
            BetaSchedule::Linear => "linear",
            BetaSchedule::ScaledLinear => "scaled_linear",
            BetaSchedule::SquaredcosCapV2 => "squaredcos_cap_v2",
        },
        parts: WEIGHTED_PARTS
            .into_iter()
            .map(|name| part(&base, name))
            .collect::<Result<_>>()?,
        hash: base.files().hash().coded()?,
        about: bases::about_files(&found.path),
        path: found.path,
    };
    describe(app, &description);
    app.output.document(&description)
}

fn part(base: &Base, name: &'static str) -> Result<Part> {
    let weights = base.files().tensors(name).coded()?;
    let infos = weights.names().filter_map(|name| weights.info(name));
    let mut parameters = 0;
    let mut dtypes = Vec::new();
    for info in infos.filter(|info| info.dtype.is_float()) {
        parameters += info.shape.iter().map(|&side| side as u64).product::<u64>();
        if !dtypes.contains(&info.dtype.name()) {
            dtypes.push(info.dtype.name());
        }
    }
    Ok(Part {
        name,
        parameters,
        dtype: dtypes.join(" and "),
        size_bytes: weights.size_bytes(),
    })
}

fn describe(app: &App, about: &Description) {
    let row = |label: &str, value: &dyn std::fmt::Display| {
        app.output.line(format_args!("{label:<14} {value}"));
    };
    row("name", &about.name);
    row("path", &about.path.display());
    row("family", &about.family);
    let side = about.native_size;
    row("picture size", &format_args!("{side}x{side}"));
    row("prediction", &about.prediction_type);
    let schedule = format!("{}, {} timesteps", about.beta_schedule, about.timesteps);
    row("schedule", &schedule);
    for part in &about.parts {
        let megabytes = part.size_bytes as f64 / 1e6;
        let text = format!(
            "{} parameters, {}, {megabytes:.1} MB",
            part.parameters, part.dtype
        );
        row(part.name, &text);
    }
    row("hash", &about.hash);
    for path in &about.about {
        row("see", &path.display());
    }
}

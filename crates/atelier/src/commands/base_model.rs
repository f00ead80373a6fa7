//! `atelier base`: which bases there are.

use std::path::PathBuf;

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::{App, ExitKind};
use atelier_app::embedded;
use atelier_failure::is_cancelled;
use clap::Subcommand;
use serde_json::json;

use super::base_show;

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
            let base = match bases::add(app, folder, name.as_deref()) {
                // What was downloaded by then is kept.
                Err(error) if is_cancelled(&error) && folder.exists() => {
                    app.output.cancelled("stopped; nothing was kept");
                    return Ok(ExitKind::Cancelled);
                }
                base => base?,
            };
            let notes = bases::notes(&base.path);
            app.output.notes(&notes);
            app.output.line(format_args!("added base `{}`", base.name));
            app.output
                .document(&json!({"name": base.name, "path": base.path.display().to_string(), "notes": notes}))?;
        }
        BaseCommand::Show { base } => base_show::show(app, base)?,
        BaseCommand::Remove { name } => {
            let path = bases::remove(app, name)?;
            app.output.line(format_args!("removed base `{name}`"));
            app.output
                .document(&json!({"removed": name, "path": path.display().to_string()}))?;
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
        let (name, path) = (base.name, base.path.display().to_string());
        app.output.line(format_args!("{name}  {path}"));
        rows.push(json!({"name": name, "embedded": false, "path": path}));
    }
    if rows.is_empty() {
        app.output
            .line("no bases; `atelier base add FOLDER|FILE|hf:REPO` adds one");
    }
    app.output.document(&json!({"bases": rows}))
}

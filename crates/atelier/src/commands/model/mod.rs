//! `atelier model`: the library's fine-tuned models, and adapters as files: what they hold, other formats, several into one,
//! into a base.

mod bake;
mod convert;
mod float_format;
mod import;
mod inspect;
mod library;
mod merge;
mod report;
mod source;
mod verify;

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use clap::Subcommand;

pub(super) use convert::adapter_writer;
pub(super) use library::tell_use;

/// What can be done with models and adapter files.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the library's models.
    List {
        /// Those in the trash instead.
        #[arg(long)]
        trashed: bool,
    },
    /// Show what a model is, and where it comes from.
    Show {
        /// A name from `model list`, or an id.
        model: String,
    },
    /// Give a model another name, purpose or strength, or the adapter of another epoch of its run.
    Update(library::UpdateArgs),
    /// Follow a model back to its pictures: file, run, dataset and base, each by its content.
    Verify {
        /// A name from `model list`, or an id.
        model: String,
    },
    /// Take an adapter file from elsewhere into the library.
    Import(import::ImportArgs),
    /// Write a model's adapter file for other programs.
    Export(library::ExportArgs),
    /// Put a model into the trash, from where it can be taken back for 30 days.
    Delete {
        /// A name from `model list`, or an id.
        model: String,
    },
    /// Take a model back from the trash.
    Restore {
        /// Its name or id, as `model list --trashed` shows them.
        model: String,
    },
    /// Show what an adapter holds, and which programs read it.
    Inspect(inspect::InspectArgs),
    /// Write an adapter in another format.
    Convert(convert::ConvertArgs),
    /// Add adapters up into one.
    Merge(merge::MergeArgs),
    /// Write a base with adapters in its weights.
    Bake(bake::BakeArgs),
}

/// Does it.
pub(super) fn run(command: &ModelCommand, app: &App) -> Result<ExitKind> {
    match command {
        ModelCommand::List { trashed } => library::list(*trashed, app, &app.library_to_look()?)?,
        ModelCommand::Show { model } => library::show(model, app, &app.library_to_look()?)?,
        ModelCommand::Update(args) => library::update(args, app, &app.library()?)?,
        ModelCommand::Verify { model } => return verify::run(model, app, &app.library_to_look()?),
        ModelCommand::Import(args) => import::run(args, app, &app.library()?)?,
        ModelCommand::Export(args) => library::export(args, app, &app.library_to_look()?)?,
        ModelCommand::Delete { model } => library::delete(model, app, &app.library()?)?,
        ModelCommand::Restore { model } => library::restore(model, app, &app.library()?)?,
        ModelCommand::Inspect(args) => inspect::run(args, app)?,
        ModelCommand::Convert(args) => convert::run(args, app)?,
        ModelCommand::Merge(args) => return merge::run(args, app),
        ModelCommand::Bake(args) => return bake::run(args, app),
    }
    Ok(ExitKind::Completed)
}

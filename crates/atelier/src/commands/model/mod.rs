//! `atelier model`: adapter files as files. What they hold, other formats, several into one, into a base.

mod bake;
mod convert;
mod inspect;
mod merge;
mod report;
mod source;
mod target;

use anyhow::Result;
use clap::Subcommand;

use crate::context::{App, ExitKind};

/// What can be done with adapter files.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Show what an adapter file holds, and which programs read it.
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
        ModelCommand::Inspect(args) => inspect::run(args, app)?,
        ModelCommand::Convert(args) => convert::run(args, app)?,
        ModelCommand::Merge(args) => merge::run(args, app)?,
        ModelCommand::Bake(args) => return bake::run(args, app),
    }
    Ok(ExitKind::Completed)
}

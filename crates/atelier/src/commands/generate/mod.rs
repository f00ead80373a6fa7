//! `atelier generate`: pictures from prompts.

mod adapters_folder;
mod batch;
mod check;
mod draw;
mod flags;
mod grid;
mod job;
mod picture_file;
mod problems;
mod repeat;
mod shots;
mod start_picture;
mod wording;

use anyhow::Result;
use atelier_app::context::{App, ExitKind};

pub(crate) use check::drawing_problems;
pub(crate) use flags::GenerateArgs;
pub(crate) use grid::GridArgs;
pub(super) use grid::run as grid;
pub(super) use job::{JobDrawing, device_of};

/// Does it.
pub(super) fn run(args: &GenerateArgs, app: &App) -> Result<ExitKind> {
    // Everything that can be refused is, before minutes go into loading and drawing.
    let batch = batch::Batch::plan(args, app)?;
    let chosen = app.device(args.device, batch.precision())?;
    picture_file::prepare(&args.out)?;
    draw::draw(batch, &args.out, (app, &chosen))
}

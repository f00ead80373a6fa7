//! `atelier quickstart` with the program's own base, trainer, generator and library.

use std::path::Path;

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::{App, ExitKind};
use atelier_app::device::Chosen;
use atelier_app::embedded;
use atelier_app::memory;
use atelier_core::{ErrorCode, Generator};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_failure::{CodedResult as _, failed, messages};
use atelier_quickstart::{Hands, Kept, PRECISION, Quickstart, Report, UsedBase};
use atelier_train::LoraTrainer;
use atelier_weights::ModelFiles;

use crate::commands::QuickstartArgs;

/// Does it.
pub(crate) fn run(args: &QuickstartArgs, app: &App) -> Result<ExitKind> {
    let quickstart = Quickstart::check(&args.out, args.epochs, args.seed)?;
    let base = find_base(args, app)?;
    let progress = app.output.progress();
    let hashes = app.hashes();
    let trainer = LoraTrainer {
        device: Chosen::cpu().device,
        hashes: &hashes,
        free_bytes: memory::free_bytes(),
        packed: app.packed_folder(),
    };
    let hands = Hands {
        trainer: &trainer,
        open: &open_pipeline,
        peak_bytes: &memory::peak_bytes,
    };
    let report = quickstart.run(&base, &hands, app.run_context(&progress));
    drop(progress);
    let Some(report) = report? else {
        app.output
            .note("stopped; the same command goes on where it was");
        app.output.document(&serde_json::json!({
            "outcome": "cancelled",
            "partial": quickstart.partial().display().to_string(),
        }))?;
        return Ok(ExitKind::Cancelled);
    };
    for line in report.lines() {
        app.output.line(line);
    }
    let kept = keep(app, &args.base, (&quickstart, &report));
    let mut document = serde_json::to_value(&report)?;
    document["library"] = serde_json::to_value(&kept)?;
    app.output.document(&document)?;
    Ok(ExitKind::Completed)
}

/// Puts what was made into the library. Everything is in the folder already, so that a library that cannot take it is no failure.
fn keep(app: &App, base: &str, (quickstart, report): (&Quickstart, &Report)) -> Option<Kept> {
    let library = app.library();
    match library.and_then(|library| quickstart.keep(report, base, &library)) {
        Ok(kept) => {
            app.output.line(kept.line());
            Some(kept)
        }
        Err(error) => {
            let why = messages(&error).join(": ");
            app.output
                .note(format_args!("note: it is not in the library: {why}"));
            None
        }
    }
}

/// The embedded base, except in tests: the flag for another one is hidden, and so the message does not name it.
fn find_base(args: &QuickstartArgs, app: &App) -> Result<UsedBase> {
    let name = embedded::NAME;
    let is_usual = args.base == name;
    if is_usual && !embedded::is_present() {
        let message = format!(
            "this build of the program holds no `{name}`, which the quickstart trains on; take a build that holds it"
        );
        return Err(failed(ErrorCode::NotFound, message));
    }
    let found = bases::find(app, &args.base)?;
    let files = ModelFiles::open(&found.path).coded()?;
    Ok(UsedBase {
        hash: files.hash_with(&app.hashes()).coded()?,
        name: found.name,
        path: found.path,
        is_usual,
    })
}

fn open_pipeline(base: &Path) -> Result<Box<dyn Generator>> {
    let pipeline = Pipeline::open(base, &Chosen::cpu().device, PRECISION.into()).coded()?;
    Ok(Box::new(pipeline))
}

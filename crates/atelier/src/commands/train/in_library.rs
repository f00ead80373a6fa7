//! `atelier train` on a dataset of the library: the run and the model that comes of it are kept there.

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_core::ErrorCode;
use atelier_failure::{CodedResult as _, failed};
use atelier_runs::{LibraryRun, Trained};
use atelier_store::{Model, NewRun, Run};
use atelier_train::PreviewPlan;
use serde_json::{Value, json};

use super::announced::Announced;
use super::dataset::Wanted;
use super::{Planned, TrainArgs, report_document, stopped_text, tell_previews};
use crate::commands::model::tell_use;
use atelier_failure::shell_word;

/// A run of the library is called by its name when it goes on.
pub(super) fn refuse_resume(args: &TrainArgs, app: &App, dataset: &Wanted) -> Result<()> {
    let Some(id) = dataset.id().filter(|_| args.resume) else {
        return Ok(());
    };
    let runs = app.library_to_look()?.list_runs_of(id).coded()?;
    let word = dataset.about().map_or("", |about| about.name.as_str());
    let ways = runs.iter().take(3);
    let ways: Vec<_> = ways
        .map(|run| format!("`atelier run resume {}`", shell_word(&run.name)))
        .collect();
    let way_out = if ways.is_empty() {
        format!(
            "`{word}` has no runs in the library yet; leave out `--resume`, or name the run's folder with `--out`"
        )
    } else {
        format!("say which run goes on: {}", ways.join(", "))
    };
    Err(failed(ErrorCode::InvalidInput, way_out))
}

/// Makes the run, trains it, and makes a model of it.
pub(super) fn train(app: &App, planned: &Planned<'_>, dataset: &Wanted) -> Result<ExitKind> {
    let Wanted::Version {
        library,
        dataset,
        number,
        ..
    } = dataset
    else {
        let message = "a run of the library needs a dataset of the library";
        return Err(failed(ErrorCode::Internal, message));
    };
    let mut config = planned.plan.settings.config.clone();
    let version = library.get_version(dataset.id, Some(*number)).coded()?;
    let pictures = version.about.image_count as usize;
    if pictures == 0 {
        let name = &dataset.about.name;
        let message = format!(
            "version {number} of dataset `{name}` has no pictures; `atelier dataset import` adds some"
        );
        return Err(failed(ErrorCode::DatasetEmpty, message));
    }
    let previews = PreviewPlan::new(planned.opened, &config, pictures).coded()?;
    config.preview_every = Some(previews.every);
    let new = NewRun {
        name: planned.args.name.clone(),
        dataset: dataset.id,
        version: *number,
        base: planned.base.word(&planned.args.base),
        base_hash: planned.opened.files().hash_with(&app.hashes()).coded()?,
        origins: planned.plan.settings.origins(),
        total_steps: config.steps(pictures).total(),
        config,
    };
    let run = library.create_run(new).coded()?;
    app.output.note(format_args!(
        "run `{}`: training on version {number} of dataset `{}`",
        run.name, dataset.about.name
    ));
    let progress = Announced::new(app, planned, None);
    let work = LibraryRun {
        app,
        library,
        chosen: planned.chosen,
        skip_bad: planned.args.skip_bad,
        job: None,
    };
    let trained = work.train(run.id, app.run_context(&progress));
    drop(progress);
    match trained? {
        Trained::Completed { run, model, report } => {
            tell_model(app, &run, model.as_deref());
            tell_previews(app, &report);
            let mut document = report_document(planned.plan, &report);
            document.insert("run".to_owned(), json!(run));
            document.insert("model".to_owned(), json!(model));
            app.output.document(&document)?;
            Ok(ExitKind::Completed)
        }
        Trained::Stopped { run } => tell_stopped(app, &run),
    }
}

/// Says what came of a run, and how to draw with it.
pub(in crate::commands) fn tell_model(app: &App, run: &Run, model: Option<&Model>) {
    app.output.line(format_args!("run: {}", run.name));
    let Some(model) = model else {
        return;
    };
    let name = &model.about.name;
    app.output.line(format_args!(
        "model: {name}, after epoch {}",
        model.epoch.unwrap_or_default()
    ));
    tell_use(app, model);
}

/// Says that a run was stopped, and how it goes on.
pub(in crate::commands) fn tell_stopped(app: &App, run: &Run) -> Result<ExitKind> {
    let (name, steps) = (&run.name, run.done_steps);
    let command = format_args!("`atelier run resume {}`", shell_word(name));
    app.output.note(stopped_text(steps, "", command));
    let document: Value = json!({
        "outcome": "cancelled",
        "run": run,
        "completed_steps": steps,
        "is_saved": steps > 0,
    });
    app.output.document(&document)?;
    Ok(ExitKind::Cancelled)
}

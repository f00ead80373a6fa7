//! `atelier run`: the trainings of the library's datasets.

mod compare;
mod show;

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_core::{DeviceChoice, ErrorCode, JobState, RunState};
use atelier_failure::{CodedResult as _, failed};
use atelier_runs::{LibraryRun, Trained};
use atelier_store::{Library, Model, Run, TRASH_DAYS};
use clap::{Args, Subcommand};
use serde_json::json;

use super::train::{tell_model, tell_stopped};
use crate::trashed::{is_back, one_of};

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// List the runs.
    List {
        /// Those in the trash instead.
        #[arg(long)]
        trashed: bool,
    },
    /// Show the settings of a run, how far it is, and what came of it.
    Show {
        /// A name from `run list`, or an id.
        run: String,
    },
    /// Ask whatever process trains a run to stop at its next step, with everything saved; one that waits leaves the queue.
    Cancel {
        /// A name from `run list`, or an id.
        run: String,
    },
    /// Go on with a run that was stopped, failed, or whose process ended, or make the model of one that has none.
    Resume(ResumeArgs),
    /// Show what differs between runs: settings, datasets, results.
    Compare {
        /// Two to five names from `run list`, or ids.
        #[arg(num_args = 2..=5, required = true, value_name = "RUN")]
        runs: Vec<String>,
    },
    /// Put a run into the trash, from where it can be taken back for 30 days. Models of it stay.
    Delete {
        /// A name from `run list`, or an id.
        run: String,
    },
    /// Take a run back from the trash.
    Restore {
        /// Its name or id, as `run list --trashed` shows them.
        run: String,
    },
}

/// What `resume` can be told.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// A name from `run list`, or an id.
    run: String,
    /// Train without pictures that cannot be used.
    #[arg(long)]
    skip_bad: bool,
    /// Where networks compute: `auto` takes the first discrete graphics processor, else the processor [default: auto].
    #[arg(long, value_name = "auto|cpu|vulkan:N")]
    device: Option<DeviceChoice>,
}

/// Does it.
pub(super) fn run(command: &RunCommand, app: &App) -> Result<ExitKind> {
    let library = &match command {
        RunCommand::List { .. } | RunCommand::Show { .. } | RunCommand::Compare { .. } => {
            app.library_to_look()?
        }
        _ => app.library()?,
    };
    match command {
        RunCommand::List { trashed } => show::list(*trashed, app, library)?,
        RunCommand::Show { run } => show::show(run, app, library)?,
        RunCommand::Cancel { run } => cancel(run, app, library)?,
        RunCommand::Resume(args) => return resume(args, app, library),
        RunCommand::Compare { runs } => compare::compare(runs, app, library)?,
        RunCommand::Delete { run } => delete(run, app, library)?,
        RunCommand::Restore { run } => restore(run, app, library)?,
    }
    Ok(ExitKind::Completed)
}

fn cancel(name: &str, app: &App, library: &Library) -> Result<()> {
    let run = library.find_run(name).coded()?;
    // One that waits has no process yet.
    let mut open = library.list_open_jobs().coded()?.into_iter();
    let waiting = open.find(|job| job.run == Some(run.id) && job.state != JobState::Running);
    if let Some(job) = waiting {
        library.cancel_job(job.id).coded()?;
        let name = &run.name;
        if library.is_run_in_use(run.id) {
            library.stop_run(run.id).coded()?;
            app.output.line(format_args!(
                "asked run `{name}` to stop; it saves what it has at its next step"
            ));
        }
        app.output
            .line(format_args!("run `{name}` waits in the queue no more"));
        return app.output.document(&json!({"run": run}));
    }
    let run = library.stop_run(run.id).coded()?;
    let name = &run.name;
    app.output.line(format_args!(
        "asked run `{name}` to stop; it saves what it has at its next step"
    ));
    app.output.document(&json!({"run": run}))
}

fn resume(args: &ResumeArgs, app: &App, library: &Library) -> Result<ExitKind> {
    let run = library.find_run(&args.run).coded()?;
    if run.state == RunState::Completed
        && let Some(model) = result_of(&run, library)?
    {
        let run = library.get_run(run.id).coded()?;
        let notes = library.list_run_notes(run.id).coded()?;
        return tell_completed(app, &run, Some(&model), [&notes, &run.skipped]);
    }
    let chosen = app.device(args.device, run.config.precision)?;
    let progress = app.output.progress();
    let work = LibraryRun {
        app,
        library,
        chosen: &chosen,
        skip_bad: args.skip_bad,
        job: None,
    };
    let trained = work.train(run.id, app.run_context(&progress));
    drop(progress);
    match trained? {
        Trained::Completed { run, model, report } => {
            let told = [&report.notes[..], &report.skipped];
            tell_completed(app, &run, model.as_deref(), told)
        }
        Trained::Stopped { run } => tell_stopped(app, &run),
    }
}

/// Makes the model of a completed run that was cancelled before it had one. Nothing comes of one whose checkpoints are gone.
fn result_of(run: &Run, library: &Library) -> Result<Option<Model>> {
    let Some(made) = library.find_result(run.id).coded()? else {
        return library.make_result(run.id).coded();
    };
    let (name, model) = (&run.name, made.id);
    let then = match made.trashed_ms {
        Some(_) => format!("its model is in the trash: `atelier model restore {model}`"),
        None => "`atelier run show` says what came of it".to_owned(),
    };
    let message = format!("run `{name}` is complete; {then}");
    Err(failed(ErrorCode::InvalidInput, message))
}

fn tell_completed(
    app: &App,
    run: &Run,
    model: Option<&Model>,
    [notes, skipped]: [&[String]; 2],
) -> Result<ExitKind> {
    tell_model(app, run, model);
    let told = json!({"outcome": "completed", "run": run, "model": model, "notes": notes, "skipped": skipped});
    app.output.document(&told).map(|()| ExitKind::Completed)
}

fn delete(name: &str, app: &App, library: &Library) -> Result<()> {
    let run = library.find_run(name).coded()?;
    let models = library.list_models_of(run.id).coded()?;
    let trashed = library.delete_run(run.id).coded()?;
    let (id, name) = (trashed.id, &trashed.name);
    app.output.line(format_args!(
        "put run `{name}` into the trash; `atelier run restore {id}` takes it back within {TRASH_DAYS} days"
    ));
    for model in &models {
        app.output.note(format_args!(
            "model `{}` stays, without its other epochs once the run is gone for good",
            model.about.name
        ));
    }
    app.output
        .document(&json!({"run": trashed, "models": models}))
}

fn restore(wanted: &str, app: &App, library: &Library) -> Result<()> {
    let trashed = library.list_runs(true).coded()?;
    let names = |run: &Run| (run.id.to_string(), run.name.clone());
    let run = one_of("run", &trashed, names, wanted)?;
    let restored = library.restore_run(run.id).coded()?;
    let (before, name) = (&run.name, &restored.name);
    app.output.line(is_back("run", before, name));
    app.output.document(&json!({"run": restored}))
}

//! `atelier job`: what the queue was asked to do, and how far it is. The queue itself is a part of `atelier serve`.

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_core::{JobKind, JobState};
use atelier_failure::CodedResult as _;
use atelier_jobs::AttemptFiles;
use atelier_store::{Job, Library};
use clap::Subcommand;
use serde_json::json;

/// Jobs that a list shows.
const SHOWN: u32 = 50;
/// Bytes of a log that are shown.
const LOG_BYTES: u64 = 4 << 10;

/// What can be done with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List the newest jobs.
    List {
        /// How many.
        #[arg(long, default_value_t = SHOWN)]
        count: u32,
    },
    /// Show a job, its attempts, and the end of what the newest one said.
    Show {
        /// An id from `job list`, or the name of its run.
        job: String,
    },
    /// Stop a job for good; a running one stops at its next step, with everything saved.
    Cancel {
        /// An id from `job list`, or the name of its run.
        job: String,
    },
    /// Give a job its turn before others, or after them.
    Move {
        /// An id from `job list`, or the name of its run.
        job: String,
        /// Higher ones come first, then older ones; jobs begin with 0.
        #[arg(long, value_name = "NUMBER")]
        priority: i32,
    },
    /// Queue a job again that failed or was cancelled. A training goes on from its newest checkpoint.
    Retry {
        /// An id from `job list`, or the name of its run.
        job: String,
    },
}

/// Does it.
pub(super) fn run(command: &JobCommand, app: &App) -> Result<ExitKind> {
    let library = &match command {
        JobCommand::List { .. } | JobCommand::Show { .. } => app.library_to_look()?,
        _ => app.library()?,
    };
    match command {
        JobCommand::List { count } => list(*count, app, library)?,
        JobCommand::Show { job } => show(job, app, library)?,
        JobCommand::Cancel { job } => {
            let job = library.find_job(job).coded()?;
            let job = library.cancel_job(job.id).coded()?;
            let words = match job.state {
                JobState::Running => "it stops at its next step",
                _ => "it is cancelled",
            };
            tell(app, &job, words)?;
        }
        JobCommand::Move { job, priority } => {
            let job = library.find_job(job).coded()?;
            let job = library.set_job_priority(job.id, *priority).coded()?;
            tell(app, &job, &format!("its priority is {priority}"))?;
        }
        JobCommand::Retry { job } => {
            let job = library.find_job(job).coded()?;
            let job = atelier_jobs::retry(library, job.id).coded()?;
            tell(
                app,
                &job,
                "it is queued again; `atelier serve` does what is queued",
            )?;
        }
    }
    Ok(ExitKind::Completed)
}

fn list(count: u32, app: &App, library: &Library) -> Result<()> {
    let page = library.page_of_jobs((0, count)).coded()?;
    for job in &page.jobs {
        let why = [&job.waiting, &job.problem];
        let why = why.into_iter().flatten().next().map_or("", String::as_str);
        app.output.line(format_args!(
            "{}  {:<10} {:<24} {why}",
            job.id,
            state(job),
            what(job)
        ));
    }
    let more = u64::from(page.total).saturating_sub(page.jobs.len() as u64);
    if more > 0 {
        app.output
            .line(format_args!("and {more} older ones; `--count` shows more"));
    }
    if page.jobs.is_empty() {
        app.output
            .line("no jobs; `atelier serve` queues what is asked for in the browser");
    }
    app.output.document(&page)
}

fn show(name: &str, app: &App, library: &Library) -> Result<()> {
    let job = library.find_job(name).coded()?;
    let attempts = library.list_attempts(job.id).coded()?;
    let files = AttemptFiles::of(&job.folder, job.attempt);
    let (report, log) = (files.read_report(), files.log_tail(LOG_BYTES).coded()?);
    let line = |label: &str, text: &str| app.output.line(format_args!("{label:<10} {text}"));
    line("job", &job.id.to_string());
    line("does", &what(&job));
    line("state", state(&job));
    if let Some(report) = report.as_ref().filter(|_| job.state == JobState::Running) {
        let progress = &report.progress;
        let (phase, done, total) = (progress.phase.label(), progress.done, progress.total);
        line("progress", &format!("{phase}, {done} of {total}"));
    }
    for why in [&job.waiting, &job.problem].into_iter().flatten() {
        line("why", why);
    }
    for attempt in &attempts {
        let outcome = attempt.outcome.as_deref().unwrap_or("under way");
        line("attempt", &format!("{}: {outcome}", attempt.number));
    }
    if !log.trim().is_empty() {
        line("said", log.trim());
    }
    app.output.document(&json!({
        "job": job,
        "attempts": attempts,
        "report": report,
        "log": log,
    }))
}

fn tell(app: &App, job: &Job, words: &str) -> Result<()> {
    app.output.line(format_args!("job {}: {words}", job.id));
    app.output.document(&json!({"job": job}))
}

fn state(job: &Job) -> &'static str {
    match job.wish {
        Some(_) => "stopping",
        None => job.state.name(),
    }
}

fn what(job: &Job) -> String {
    match (job.kind, &job.run_name) {
        (JobKind::Training, Some(run)) => format!("trains {run}"),
        (JobKind::Training, None) => "trains".to_owned(),
        (JobKind::Generation, _) => "draws".to_owned(),
    }
}

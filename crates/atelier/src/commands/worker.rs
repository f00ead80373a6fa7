//! `atelier worker`: one attempt at a job of the queue, in a process of its own. The queue starts it, and reads what it leaves.

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_app::output::Output;
use atelier_core::{JobKind, Outcome, Progress, ProgressSink, RunContext, TrainingPictures};
use atelier_failure::{CodedResult as _, code_of, is_cancelled, messages};
use atelier_jobs::{
    EXIT_STOPPED, EXIT_SUPERSEDED, Error, GenerationRequest, ManifestFile, TrainingRequest, Worker,
};
use atelier_runs::{LibraryRun, Trained};
use atelier_store::{JobId, Library};
use clap::Args;

use super::generate::{JobDrawing, device_of};

/// The adapter in the folder of a run.
const ADAPTER: &str = "adapter.safetensors";

/// Which attempt it is.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// The job.
    #[arg(long)]
    job: JobId,
    /// The number of the attempt.
    #[arg(long)]
    attempt: u32,
}

/// Does it.
pub(super) fn run(args: &WorkerArgs, app: &App) -> Result<ExitKind> {
    let library = app.existing_library()?;
    let folder = library.job_folder(args.job);
    let worker = match Worker::begin(&folder, args.job, args.attempt) {
        Err(Error::Superseded { .. }) => return Ok(ExitKind::Status(EXIT_SUPERSEDED)),
        worker => worker.coded()?,
    };
    let listener = worker.listen(app.cancel.clone()).coded()?;
    let reports = Logged {
        reports: &worker.reports(app.clock()),
        output: app.output,
    };
    let errand = Errand {
        worker: &worker,
        app,
        library: &library,
        context: RunContext {
            progress: &reports,
            permit: worker.permit(),
            ..app.run_context(&reports)
        },
    };
    let done = match worker.order().kind {
        JobKind::Training => errand.train(),
        JobKind::Generation => errand.draw(),
    };
    drop(listener);
    errand.conclude(done)
}

/// Progress that the queue reads, with notes in the log of the attempt.
struct Logged<'a> {
    reports: &'a dyn ProgressSink,
    output: Output,
}

impl ProgressSink for Logged<'_> {
    fn report(&self, progress: Progress) {
        self.reports.report(progress);
    }

    fn note(&self, note: &str) {
        self.output.note(format_args!("note: {note}"));
    }

    fn found(&self, pictures: TrainingPictures) {
        self.reports.found(pictures);
    }
}

/// The work of an attempt.
struct Errand<'a> {
    worker: &'a Worker,
    app: &'a App,
    library: &'a Library,
    context: RunContext<'a>,
}

impl Errand<'_> {
    fn train(&self) -> Result<Outcome<Vec<ManifestFile>>> {
        let order = self.worker.order();
        let request: TrainingRequest = serde_json::from_value(order.request.clone())?;
        let run = order
            .run
            .ok_or_else(|| anyhow::anyhow!("the order names no run"))?;
        let run = self.library.get_run(run).coded()?;
        let device = request.device.as_deref().map(device_of).transpose()?;
        let chosen = self.app.device(device, run.config.precision)?;
        let work = LibraryRun {
            app: self.app,
            library: self.library,
            chosen: &chosen,
            skip_bad: request.skip_bad,
            job: Some(order.job),
        };
        match work.train(run.id, self.context)? {
            Trained::Completed { run, .. } => {
                let adapter = ManifestFile::of(&run.folder, ADAPTER, None).coded()?;
                Ok(Outcome::Completed(vec![adapter]))
            }
            Trained::Stopped { run } => Ok(Outcome::Cancelled {
                completed_steps: run.done_steps,
            }),
        }
    }

    fn draw(&self) -> Result<Outcome<Vec<ManifestFile>>> {
        let order = self.worker.order();
        let mut request: GenerationRequest = serde_json::from_value(order.request.clone())?;
        request.place_inputs(&self.library.job_folder(order.job));
        let job = self.library.get_job(order.job).coded()?;
        let library = self.library.seen_by_owner_of(&job).coded()?;
        let drawing = JobDrawing {
            app: self.app,
            library: &library,
            context: self.context,
            worker: self.worker,
        };
        drawing.draw(&request)
    }

    /// Says how it ended, so that the queue knows it whatever becomes of this process.
    fn conclude(&self, done: Result<Outcome<Vec<ManifestFile>>>) -> Result<ExitKind> {
        let is_superseded = matches!(self.worker.permit().check(), Err(Error::Superseded { .. }));
        match done {
            _ if is_superseded => Ok(ExitKind::Status(EXIT_SUPERSEDED)),
            Ok(Outcome::Completed(files)) => {
                self.worker.done(files).coded()?;
                Ok(ExitKind::Completed)
            }
            Ok(Outcome::Cancelled { .. }) => Ok(ExitKind::Status(EXIT_STOPPED)),
            Err(error) if is_cancelled(&error) => Ok(ExitKind::Status(EXIT_STOPPED)),
            Err(error) => {
                let code = code_of(&error);
                self.worker
                    .failed(code, messages(&error).join(": "))
                    .coded()?;
                Err(error)
            }
        }
    }
}

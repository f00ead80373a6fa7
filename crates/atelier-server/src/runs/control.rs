//! Runs stop and go on.

use atelier_core::RunState;
use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_jobs::Queue;
use atelier_store::{Error, Job, Library, Run, RunId};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::views::RunView;
use crate::app::App;
use crate::extract::{AppFor, PathOf};
use crate::jobs::views::JobView;

/// A run, and the job that trains it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunAndJob {
    pub(crate) run: RunView,
    /// Nothing where a command of the terminal trains it, or nothing was left to train.
    #[schema(required)]
    pub(crate) job: Option<JobView>,
}

/// Asks whatever trains a run to stop within a step, and to save what it has. It can go on later.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/stop", tag = "runs",
    params(("run" = String, Path, format = "uuid")),
    responses((status = 200, description = "The run, which is about to stop.", body = RunAndJob), (status = 400, body = FailureBody, description = "Nothing trains it."), (status = 404, body = FailureBody, description = "There is none."), (status = 409, body = FailureBody, description = "Its job is about to end."))
)]
pub(crate) async fn stop_run(
    AppFor(app): AppFor,
    PathOf(id): PathOf<RunId>,
) -> Result<Json<RunAndJob>> {
    let (library, queue) = (app.library(), app.queue()?);
    let stopped = app.work().files(move || stop(&library, &queue, id));
    Ok(Json(stopped.await??))
}

/// Trains a run further, from its newest checkpoint, or makes the model of one that was cancelled after its last step.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/resume", tag = "runs",
    params(("run" = String, Path, format = "uuid")),
    responses((status = 202, description = "The run and its job.", body = RunAndJob), (status = 400, body = FailureBody, description = "It is completed and has made its model, or it is in the trash."), (status = 404, body = FailureBody, description = "There is none."), (status = 409, body = FailureBody, description = "It is being trained."), (status = 429, body = FailureBody, description = "There are too many jobs in the queue."))
)]
pub(crate) async fn resume_run(
    AppFor(app): AppFor,
    PathOf(id): PathOf<RunId>,
) -> Result<(StatusCode, Json<RunAndJob>)> {
    let app_again = app.clone();
    let resumed = app.work().files(move || resume(&app_again, id));
    Ok((StatusCode::ACCEPTED, Json(resumed.await??)))
}

/// The job that has the run's place in the queue.
fn job_of(library: &Library, id: RunId) -> Result<Option<Job>, Error> {
    let open = library.list_open_jobs()?.into_iter();
    Ok(open.into_iter().find(|job| job.run == Some(id)))
}

fn stop(library: &Library, queue: &Queue, id: RunId) -> Result<RunAndJob> {
    let run = library.get_run(id)?;
    let job = job_of(library, id)?;
    let job = job.map(|job| queue.pause(job.id)).transpose()?;
    if job.is_none() {
        library.stop_run(run.id)?;
    }
    Ok(RunAndJob {
        run: library.get_run(id)?.into(),
        job: job.map(JobView::from),
    })
}

fn resume(app: &App, id: RunId) -> Result<RunAndJob> {
    let (library, queue) = (app.library(), app.queue()?);
    let run = library.get_run(id)?;
    let name = run.name.clone();
    let job = match (job_of(&library, id)?, run.state) {
        (Some(job), _) => queue.resume(job.id)?,
        (None, RunState::Running) => return Err(Error::RunInUse { name }.into()),
        (None, RunState::Completed) if is_finished(&library, &run)? => {
            return Ok(RunAndJob {
                run: library.get_run(id)?.into(),
                job: None,
            });
        }
        (None, RunState::Waiting | RunState::Stopped | RunState::Failed | RunState::Completed) => {
            app.check_room()?;
            queue.submit_training_again(id, 0)?
        }
    };
    Ok(RunAndJob {
        run: library.get_run(id)?.into(),
        job: Some(job.into()),
    })
}

/// Makes the model of a completed run that was cancelled before it had one; whether it could be made.
fn is_finished(library: &Library, run: &Run) -> Result<bool> {
    let Some(made) = library.find_result(run.id)? else {
        return Ok(library.make_result(run.id)?.is_some());
    };
    let end = format!("run `{}` is completed", run.name);
    Err(Failure::invalid(if made.trashed_ms.is_some() {
        let model = made.about.name;
        format!("{end}; its model `{model}` is in the trash, restore it there")
    } else {
        end
    }))
}

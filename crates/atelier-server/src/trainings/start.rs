//! Trainings are planned, and started.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_jobs::Error as JobsError;
use atelier_store::{Error as StoreError, Job, Run};
use axum::http::StatusCode;

use super::views::PlannedView;
use super::wish::{TrainingRequest, plan};
use crate::app::App;
use crate::extract::{AppFor, JsonOf};
use crate::runs::control::RunAndJob;

/// What a training will be: its settings and where they come from, its steps, its memory. Nothing is begun.
#[utoipa::path(
    post, path = "/api/v1/trainings/plan", tag = "trainings", request_body = TrainingRequest,
    responses(
        (status = 200, description = "The plan.", body = PlannedView),
        (status = 400, body = FailureBody, description = "Values cannot be used; `details.problems` has each."),
        (status = 404, body = FailureBody, description = "There is no such dataset, version or base."),
        (status = 422, body = FailureBody, description = "The version has no pictures, or there is too little memory.")
    )
)]
pub(crate) async fn plan_training(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<TrainingRequest>,
) -> Result<Json<PlannedView>> {
    if let Some(name) = wanted.name.clone() {
        let library = app.library();
        let checked = app.work().catalogue(move || library.check_run_name(&name));
        checked.await?;
    }
    let planned = plan(&app, &wanted).await?;
    Ok(Json(planned.into()))
}

/// Makes a run and the job that trains it.
#[utoipa::path(
    post, path = "/api/v1/trainings", tag = "trainings", request_body = TrainingRequest,
    responses(
        (status = 202, description = "The run and its job.", body = RunAndJob),
        (status = 400, body = FailureBody, description = "Values cannot be used, the trigger word is refused, or the name is taken; `details.problems` has what is wrong with settings."),
        (status = 404, body = FailureBody, description = "There is no such dataset, version or base."),
        (status = 422, body = FailureBody, description = "The version has no pictures, or there is too little memory."),
        (status = 429, body = FailureBody, description = "There are too many jobs in the queue.")
    )
)]
pub(crate) async fn start_training(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<TrainingRequest>,
) -> Result<(StatusCode, Json<RunAndJob>)> {
    let (job, run) = start(&app, wanted).await?;
    let (run, job) = (run.into(), Some(job.into()));
    Ok((StatusCode::ACCEPTED, Json(RunAndJob { run, job })))
}

/// Plans a training and gives it a place in the queue.
async fn start(app: &App, wanted: TrainingRequest) -> Result<(Job, Run)> {
    start_under_free_name(app, wanted, std::iter::empty()).await
}

/// The same; where a run has the name, it gets the first of the others that none has. Whose run that is is not told.
pub async fn start_under_free_name(
    app: &App,
    wanted: TrainingRequest,
    mut others: impl Iterator<Item = String> + Send + 'static,
) -> Result<(Job, Run)> {
    let queue = app.queue()?;
    let planned = plan(app, &wanted).await?;
    let app_again = app.clone();
    let submit = move || -> Result<_> {
        app_again.check_room()?;
        let training = planned.training_job()?;
        let mut run = planned.into_run(wanted.name);
        loop {
            match queue.submit_training(&training, run.clone(), 0) {
                Err(JobsError::Library(taken @ StoreError::Exists { .. })) => {
                    run.name = Some(others.next().ok_or(taken)?);
                }
                done => return Ok(done?),
            }
        }
    };
    app.work().files(submit).await?
}

//! What is wanted of jobs: to stop, to go on, to be tried again, to come before others.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_jobs::{Error, Queue};
use atelier_store::{Job, JobId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::JobView;
use crate::app::App;
use crate::extract::{AppFor, JsonOf, PathOf};

/// Does it on a thread for what is slow.
async fn told(
    app: &App,
    tell: impl FnOnce(Queue) -> Result<Job, Error> + Send + 'static,
) -> Result<Json<JobView>> {
    let queue = app.queue()?;
    let done = app.work().files(move || tell(queue));
    Ok(Json(done.await??.into()))
}

/// Wants a job to stop for good; a running one stops within a step.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/cancel", tag = "jobs",
    params(("job" = String, Path, format = "uuid")),
    responses((status = 200, description = "The job.", body = JobView), (status = 404, body = FailureBody, description = "There is none."), (status = 409, body = FailureBody, description = "It has ended already."))
)]
pub(crate) async fn cancel_job(
    AppFor(app): AppFor,
    PathOf(id): PathOf<JobId>,
) -> Result<Json<JobView>> {
    told(&app, move |queue| queue.cancel(id)).await
}

/// Wants a job to stop, and to keep what it has until it goes on.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/pause", tag = "jobs",
    params(("job" = String, Path, format = "uuid")),
    responses((status = 200, description = "The job.", body = JobView), (status = 404, body = FailureBody, description = "There is none."), (status = 409, body = FailureBody, description = "It has ended, or is about to."))
)]
pub(crate) async fn pause_job(
    AppFor(app): AppFor,
    PathOf(id): PathOf<JobId>,
) -> Result<Json<JobView>> {
    told(&app, move |queue| queue.pause(id)).await
}

/// Wants a paused job to go on.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/resume", tag = "jobs",
    params(("job" = String, Path, format = "uuid")),
    responses((status = 200, description = "The job.", body = JobView), (status = 404, body = FailureBody, description = "There is none."), (status = 409, body = FailureBody, description = "It has ended, or is about to."))
)]
pub(crate) async fn resume_job(
    AppFor(app): AppFor,
    PathOf(id): PathOf<JobId>,
) -> Result<Json<JobView>> {
    told(&app, move |queue| queue.resume(id)).await
}

/// Queues a job again that failed or was cancelled.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/retry", tag = "jobs",
    params(("job" = String, Path, format = "uuid")),
    responses((status = 200, description = "The job.", body = JobView), (status = 400, body = FailureBody, description = "Its run is in the trash, or has another job."), (status = 404, body = FailureBody, description = "There is none."), (status = 409, body = FailureBody, description = "It has neither failed nor been cancelled."), (status = 429, body = FailureBody, description = "The queue has as many jobs as it takes."))
)]
pub(crate) async fn retry_job(
    AppFor(app): AppFor,
    PathOf(id): PathOf<JobId>,
) -> Result<Json<JobView>> {
    let asked = app.clone();
    let checked = app.work().files(move || asked.check_room());
    checked.await??;
    told(&app, move |queue| queue.retry(id)).await
}

/// The end of what the newest attempt at a job said while it worked.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/log", tag = "jobs",
    params(("job" = String, Path, format = "uuid")),
    responses((status = 200, description = "Lines; none before the first attempt.", body = String, content_type = "text/plain"), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn get_job_log(AppFor(app): AppFor, PathOf(id): PathOf<JobId>) -> Result<String> {
    let queue = app.queue()?;
    let log = app.work().files(move || queue.log(id)).await??;
    Ok(app.told(&log))
}

/// What becomes of a job's place in the queue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateJob {
    /// Higher ones come first, then older ones; jobs begin with 0.
    priority: i32,
}

/// Gives a job another priority, so that it gets its turn before others or after them.
#[utoipa::path(
    patch, path = "/api/v1/jobs/{job}", tag = "jobs", request_body = UpdateJob,
    params(("job" = String, Path, format = "uuid")),
    responses((status = 200, description = "The job.", body = JobView), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn update_job(
    AppFor(app): AppFor,
    PathOf(id): PathOf<JobId>,
    JsonOf(UpdateJob { priority }): JsonOf<UpdateJob>,
) -> Result<Json<JobView>> {
    told(&app, move |queue| queue.set_priority(id, priority)).await
}

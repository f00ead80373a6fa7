//! Jobs are listed and read.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_jobs::Error;
use atelier_store::JobId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::JobView;
use crate::extract::paging::{fifty, page};
use crate::extract::{AppFor, PathOf, QueryOf};

/// Which jobs are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// How many, at most.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// How many to pass over.
    #[serde(default)]
    #[param(default = 0)]
    offset: u32,
}

/// Some of the jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobList {
    /// Newest first.
    jobs: Vec<JobView>,
    /// How many there are in all.
    total: u32,
    limit: u32,
    offset: u32,
}

/// The jobs, newest first. `/api/v1/events` says what becomes of them.
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "jobs", params(JobQuery),
    responses((status = 200, description = "Some of the jobs.", body = JobList), (status = 400, body = FailureBody, description = "A value cannot be used."))
)]
pub(crate) async fn list_jobs(
    AppFor(app): AppFor,
    QueryOf(JobQuery { limit, offset }): QueryOf<JobQuery>,
) -> Result<Json<JobList>> {
    let wanted = page(offset, limit)?;
    let (library, queue) = (app.library(), app.queue()?);
    let list = move || -> Result<_, Error> {
        let page = library.page_of_jobs(wanted)?;
        let jobs = page.jobs.into_iter().map(|job| queue.snapshot_of(job));
        Ok((jobs.collect::<Vec<_>>(), page.total))
    };
    let (jobs, total) = app.work().files(list).await??;
    Ok(Json(JobList {
        jobs: jobs.into_iter().map(JobView::from).collect(),
        total,
        limit,
        offset,
    }))
}

/// A job, and how far it is.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}", tag = "jobs",
    params(("job" = String, Path, format = "uuid")),
    responses((status = 200, description = "The job.", body = JobView), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn get_job(
    AppFor(app): AppFor,
    PathOf(id): PathOf<JobId>,
) -> Result<Json<JobView>> {
    let queue = app.queue()?;
    let found = app.work().files(move || queue.snapshot(id));
    Ok(Json(found.await??.into()))
}

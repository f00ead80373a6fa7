//! Runs are listed and read, go into the trash and come back.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{DatasetId, RunId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::{RunView, RunWithCheckpoints};
use crate::extract::paging::{fifty, page};
use crate::extract::{AppFor, PathOf, QueryOf};
use crate::sharing::review;

/// Which runs are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunQuery {
    /// How many, at most.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// How many to pass over.
    #[serde(default)]
    #[param(default = 0)]
    offset: u32,
    /// Those in the trash instead of the others.
    #[serde(default)]
    #[param(default = false)]
    trash: bool,
    /// Only those that trained on this dataset.
    #[param(value_type = Option<String>, format = "uuid")]
    dataset: Option<DatasetId>,
}

/// Some of the runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunList {
    /// Newest first.
    runs: Vec<RunView>,
    /// How many there are in all.
    total: u32,
    limit: u32,
    offset: u32,
}

/// The runs, newest first.
#[utoipa::path(
    get, path = "/api/v1/runs", tag = "runs", params(RunQuery),
    responses((status = 200, description = "Some of the runs.", body = RunList), (status = 400, body = FailureBody, description = "A value cannot be used."))
)]
pub(crate) async fn list_runs(
    AppFor(app): AppFor,
    QueryOf(query): QueryOf<RunQuery>,
) -> Result<Json<RunList>> {
    let RunQuery { limit, offset, .. } = query;
    let wanted = page(offset, limit)?;
    let library = app.library();
    let page = move || library.page_of_runs(query.trash, query.dataset, wanted);
    let page = app.work().catalogue(page).await?;
    Ok(Json(RunList {
        runs: page.runs.into_iter().map(RunView::from).collect(),
        total: page.total,
        limit,
        offset,
    }))
}

/// A run with its checkpoints, also one in the trash.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}", tag = "runs",
    params(("run" = String, Path, format = "uuid")),
    responses((status = 200, description = "The run.", body = RunWithCheckpoints), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn get_run(
    AppFor(app): AppFor,
    PathOf(id): PathOf<RunId>,
) -> Result<Json<RunWithCheckpoints>> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let (run, checkpoints) = (library.get_run(id)?, library.list_checkpoints(id)?);
        Ok((run, checkpoints, library.list_run_notes(id)?))
    });
    let (run, checkpoints, notes) = found.await?;
    let notes: Vec<_> = notes.iter().map(|note| app.told(note)).collect();
    Ok(Json((run, checkpoints, notes).into()))
}

/// Puts a run into the trash. Models that were made of it stay.
#[utoipa::path(
    delete, path = "/api/v1/runs/{run}", tag = "runs",
    params(("run" = String, Path, format = "uuid")),
    responses((status = 200, description = "The run, in the trash.", body = RunView), (status = 400, body = FailureBody, description = "It is in the trash already."), (status = 404, body = FailureBody, description = "There is none."), (status = 409, body = FailureBody, description = "It is being trained."))
)]
pub(crate) async fn delete_run(
    AppFor(app): AppFor,
    PathOf(id): PathOf<RunId>,
) -> Result<Json<RunView>> {
    let library = app.library();
    let deleted = app.work().catalogue(move || library.delete_run(id)).await?;
    review(&app, id).await?;
    Ok(Json(deleted.into()))
}

/// Takes a run back from the trash; where another one has its name by now, with a number behind it.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/restore", tag = "runs",
    params(("run" = String, Path, format = "uuid")),
    responses((status = 200, description = "The run.", body = RunView), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn restore_run(
    AppFor(app): AppFor,
    PathOf(id): PathOf<RunId>,
) -> Result<Json<RunView>> {
    let library = app.library();
    let restore = move || library.restore_run(id);
    let restored = app.work().catalogue(restore).await?;
    review(&app, id).await?;
    Ok(Json(restored.into()))
}

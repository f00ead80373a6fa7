//! Things that every account sees, and uses, and does not change.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{DatasetId, ModelId, PictureId, RunId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::datasets::views::DatasetView;
use crate::extract::{AppFor, JsonOf, PathOf};
use crate::models::views::ModelView;
use crate::pictures::views::PictureView;
use crate::runs::views::RunView;

/// Whether every account sees a thing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sharing {
    shared: bool,
}

/// Lets every account see and train on a dataset, or no longer.
#[utoipa::path(
    put, path = "/api/v1/datasets/{dataset}/shared", tag = "datasets", request_body = Sharing,
    params(("dataset" = String, Path, format = "uuid")),
    responses((status = 200, description = "The dataset.", body = DatasetView), (status = 403, body = FailureBody, description = "It is somebody else's."), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn share_dataset(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
    JsonOf(Sharing { shared }): JsonOf<Sharing>,
) -> Result<Json<DatasetView>> {
    let library = app.library();
    let shared = app
        .work()
        .catalogue(move || library.share_dataset(id, shared));
    Ok(Json(shared.await?.into()))
}

/// Lets every account see a run and make models of its epochs, or no longer. Its dataset and the models that were made of it are
/// not shared with it.
#[utoipa::path(
    put, path = "/api/v1/runs/{run}/shared", tag = "runs", request_body = Sharing,
    params(("run" = String, Path, format = "uuid")),
    responses((status = 200, description = "The run.", body = RunView), (status = 403, body = FailureBody, description = "It is somebody else's."), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn share_run(
    AppFor(app): AppFor,
    PathOf(id): PathOf<RunId>,
    JsonOf(Sharing { shared }): JsonOf<Sharing>,
) -> Result<Json<RunView>> {
    let library = app.library();
    let share = move || library.share_run(id, shared);
    let run = app.work().catalogue(share).await?;
    review(&app, id).await?;
    Ok(Json(run.into()))
}

/// Has everybody who watches hear of a run's job what they may see of it now.
pub(crate) async fn review(app: &App, run: RunId) -> Result<()> {
    if let Ok(queue) = app.queue() {
        app.work().files(move || queue.review(run)).await??;
    }
    Ok(())
}

/// Lets every account see a model and draw with it, or no longer. Its run and its dataset are not shared with it.
#[utoipa::path(
    put, path = "/api/v1/models/{model}/shared", tag = "models", request_body = Sharing,
    params(("model" = String, Path, format = "uuid")),
    responses((status = 200, description = "The model.", body = ModelView), (status = 403, body = FailureBody, description = "It is somebody else's."), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn share_model(
    AppFor(app): AppFor,
    PathOf(id): PathOf<ModelId>,
    JsonOf(Sharing { shared }): JsonOf<Sharing>,
) -> Result<Json<ModelView>> {
    let library = app.library();
    let shared = app
        .work()
        .catalogue(move || library.share_model(id, shared));
    Ok(Json(shared.await?.into()))
}

/// Lets every account see a picture, or no longer.
#[utoipa::path(
    put, path = "/api/v1/pictures/{picture}/shared", tag = "pictures", request_body = Sharing,
    params(("picture" = String, Path, format = "uuid")),
    responses((status = 200, description = "The picture.", body = PictureView), (status = 403, body = FailureBody, description = "It is somebody else's."), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn share_picture(
    AppFor(app): AppFor,
    PathOf(id): PathOf<PictureId>,
    JsonOf(Sharing { shared }): JsonOf<Sharing>,
) -> Result<Json<PictureView>> {
    let library = app.library();
    let shared = app
        .work()
        .catalogue(move || library.share_picture(id, shared));
    Ok(Json(shared.await?.into()))
}

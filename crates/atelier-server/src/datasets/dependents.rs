//! What would be without its origin if a dataset were gone.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::DatasetId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::{AppFor, PathOf};
use crate::models::views::ModelView;
use crate::runs::views::RunView;

/// As many of each kind as are named.
const NAMED: u32 = 50;

/// What depends on a dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dependents {
    /// The newest runs that trained on it, at most 50.
    runs: Vec<RunView>,
    /// How many there are in all.
    run_total: u32,
    /// The newest models of such runs, at most 50.
    models: Vec<ModelView>,
    /// How many there are in all.
    model_total: u32,
}

/// The runs that trained on a dataset, and the models that were made of them. They stay when it is deleted.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/dependents", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid")),
    responses((status = 200, description = "What depends on it.", body = Dependents), (status = 404, body = FailureBody, description = "There is no such dataset."))
)]
pub(crate) async fn list_dependents(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
) -> Result<Json<Dependents>> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let id = Some(library.get_dataset(id)?.id);
        let models = library.page_of_models(false, id, (0, NAMED))?;
        Ok((library.page_of_runs(false, id, (0, NAMED))?, models))
    });
    let (runs, models) = found.await?;
    Ok(Json(Dependents {
        runs: runs.runs.into_iter().map(RunView::from).collect(),
        run_total: runs.total,
        models: models.models.into_iter().map(ModelView::from).collect(),
        model_total: models.total,
    }))
}

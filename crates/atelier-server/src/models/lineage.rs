//! Where a model comes from, proved by the content of every file.

use atelier_store::{Lineage, ModelId, Proof};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::views::ModelView;
use crate::answer::{FailureBody, Json, Result};
use crate::app::App;
use crate::extract::PathOf;
use crate::runs::views::RunView;

/// Where a model comes from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lineage)]
pub(crate) struct LineageView {
    model: ModelView,
    /// The run that wrote it; nothing for one that was imported.
    #[schema(required)]
    run: Option<RunView>,
    /// From the file to the pictures.
    proofs: Vec<ProofView>,
    /// Whether everything holds.
    is_proved: bool,
}

/// One thing that follows, or does not, from what the library has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Proof)]
pub(crate) struct ProofView {
    /// What was looked at, in words.
    what: String,
    /// What speaks against it; nothing when it holds.
    #[schema(required)]
    problem: Option<String>,
}

impl From<Lineage> for LineageView {
    fn from(lineage: Lineage) -> Self {
        let is_proved = lineage.is_proved();
        let proofs = lineage.proofs.into_iter();
        Self {
            model: lineage.model.into(),
            run: lineage.run.map(RunView::from),
            proofs: proofs
                .map(|Proof { what, problem }| ProofView { what, problem })
                .collect(),
            is_proved,
        }
    }
}

/// Follows a model back to its pictures, and reads every file on the way.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/lineage", tag = "models",
    params(("model" = String, Path, format = "uuid")),
    responses((status = 200, description = "What was found, also where something is wrong.", body = LineageView), (status = 404, body = FailureBody, description = "There is no such model."))
)]
pub(crate) async fn verify_model(
    State(app): State<App>,
    PathOf(id): PathOf<ModelId>,
) -> Result<Json<LineageView>> {
    let library = app.library();
    let lineage = app.work().files(move || library.verify_model(id));
    Ok(Json(lineage.await??.into()))
}

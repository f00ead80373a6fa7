//! Where a model comes from, proved by the content of every file.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{Lineage, ModelId, Proof, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use super::views::ModelView;
use crate::app::App;
use crate::extract::{AppFor, PathOf};
use crate::runs::views::RunView;

/// Where a model comes from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lineage)]
pub(crate) struct LineageView {
    model: ModelView,
    /// The run that wrote it; nothing for one that was imported, or whose run was removed for good.
    #[schema(required)]
    run: Option<RunView>,
    /// From the file to the pictures and the base.
    proofs: Vec<ProofView>,
    /// Refuted where one of them is; proved only where all are.
    verdict: VerdictView,
    /// Whether everything holds.
    is_proved: bool,
}

/// One thing that follows, or does not, from what the library has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Proof)]
pub(crate) struct ProofView {
    /// What was looked at, in words.
    what: String,
    /// What came of it.
    verdict: VerdictView,
    /// What speaks against it, or what is missing; nothing when it holds.
    #[schema(required)]
    problem: Option<String>,
}

/// What comes of a look: it holds, something speaks against it, or what would prove it is missing.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Verdict)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VerdictView {
    Proved,
    Refuted,
    NotProvable,
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Proved => Self::Proved,
            Verdict::Refuted => Self::Refuted,
            Verdict::NotProvable => Self::NotProvable,
        }
    }
}

impl From<Proof> for ProofView {
    fn from(proof: Proof) -> Self {
        Self {
            what: proof.what,
            verdict: proof.verdict.into(),
            problem: proof.problem,
        }
    }
}

impl From<Lineage> for LineageView {
    fn from(lineage: Lineage) -> Self {
        let (verdict, is_proved) = (lineage.verdict().into(), lineage.is_proved());
        let proofs = lineage.proofs.into_iter();
        Self {
            model: lineage.model.into(),
            run: lineage.run.map(RunView::from),
            proofs: proofs.map(ProofView::from).collect(),
            verdict,
            is_proved,
        }
    }
}

/// Follows a model back to its pictures and its base, and reads every file on the way.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/lineage", tag = "models",
    params(("model" = String, Path, format = "uuid")),
    responses((status = 200, description = "What was found, also where something is wrong.", body = LineageView), (status = 404, body = FailureBody, description = "There is no such model."), (status = 503, body = FailureBody, description = "As many models as are looked at the same time are being looked at."))
)]
pub(crate) async fn verify_model(
    AppFor(app): AppFor,
    PathOf(id): PathOf<ModelId>,
) -> Result<Json<LineageView>> {
    let question = (app.viewer().of_library(), id);
    let lineage = app.proofs().find(question, || look(&app, id)).await?;
    Ok(Json(lineage.into()))
}

async fn look(app: &App, id: ModelId) -> Result<Lineage> {
    let (library, planner) = (app.library(), app.planner().ok());
    let place = app.work().proof().await?;
    let lineage = place.run_while_awaited(move |given_up| match planner {
        Some(planner) => library.prove_model(id, Some(&|base| planner.base_hash(base)), given_up),
        None => library.prove_model(id, None, given_up),
    });
    Ok(lineage.await??)
}

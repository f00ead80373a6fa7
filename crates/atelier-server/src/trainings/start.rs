//! Trainings are planned, and started.

use axum::extract::State;

use super::views::PlannedView;
use super::wish::{TrainingRequest, plan};
use crate::answer::{FailureBody, Json, Result};
use crate::app::App;
use crate::extract::JsonOf;

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
    State(app): State<App>,
    JsonOf(wanted): JsonOf<TrainingRequest>,
) -> Result<Json<PlannedView>> {
    let planned = plan(&app, &wanted).await?;
    Ok(Json(planned.into()))
}

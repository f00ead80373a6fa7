//! Models are made of what runs wrote.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::RunId;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::ModelView;
use crate::extract::{AppFor, JsonOf};

/// Which adapter becomes a model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateModel {
    /// The run that wrote it.
    #[schema(value_type = String, format = "uuid")]
    run: RunId,
    /// After which epoch.
    epoch: usize,
    /// Its name, without `:`, `/` and `\`; made from the run's when absent.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
}

/// Makes a model of the adapter that a run wrote after an epoch.
#[utoipa::path(
    post, path = "/api/v1/models", tag = "models", request_body = CreateModel,
    responses((status = 201, description = "The model; `Location` is its address.", body = ModelView), (status = 400, body = FailureBody, description = "A value cannot be used, or the name is taken."), (status = 404, body = FailureBody, description = "There is no such run or checkpoint."))
)]
pub(crate) async fn create_model(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<CreateModel>,
) -> Result<impl IntoResponse> {
    let library = app.library();
    let CreateModel { run, epoch, name } = wanted;
    let create = move || library.create_model(run, epoch, name.as_deref());
    let made = ModelView::from(app.work().files(create).await??);
    let location = [(header::LOCATION, made.address())];
    Ok((StatusCode::CREATED, location, Json(made)))
}

//! Models are listed and read, get other names and strengths, go into the trash and come back.

use atelier_core::Category;
use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{AboutChange, DatasetId, ModelChange, ModelId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::ModelView;
use crate::extract::paging::{fifty, page};
use crate::extract::{AppFor, JsonOf, PathOf, QueryOf};
use crate::openapi::choices;

/// Which models are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ModelQuery {
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
    /// Only those whose runs trained on this dataset.
    #[param(value_type = Option<String>, format = "uuid")]
    dataset: Option<DatasetId>,
}

/// Some of the models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// Newest first.
    models: Vec<ModelView>,
    /// How many there are in all.
    total: u32,
    limit: u32,
    offset: u32,
}

/// The models, newest first.
#[utoipa::path(
    get, path = "/api/v1/models", tag = "models", params(ModelQuery),
    responses((status = 200, description = "Some of the models.", body = ModelList), (status = 400, body = FailureBody, description = "A value cannot be used."))
)]
pub(crate) async fn list_models(
    AppFor(app): AppFor,
    QueryOf(query): QueryOf<ModelQuery>,
) -> Result<Json<ModelList>> {
    let ModelQuery { limit, offset, .. } = query;
    let wanted = page(offset, limit)?;
    let library = app.library();
    let page = move || library.page_of_models(query.trash, query.dataset, wanted);
    let page = app.work().catalogue(page).await?;
    Ok(Json(ModelList {
        models: page.models.into_iter().map(ModelView::from).collect(),
        total: page.total,
        limit,
        offset,
    }))
}

/// A model, also one in the trash.
#[utoipa::path(
    get, path = "/api/v1/models/{model}", tag = "models",
    params(("model" = String, Path, format = "uuid")),
    responses((status = 200, description = "The model.", body = ModelView), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn get_model(
    AppFor(app): AppFor,
    PathOf(id): PathOf<ModelId>,
) -> Result<Json<ModelView>> {
    let library = app.library();
    let found = app.work().catalogue(move || library.get_model(id));
    Ok(Json(found.await?.into()))
}

/// What a model is called and how it is used from now on. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateModel {
    /// Another name, without `:`, `/` and `\`.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Another description.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// Another category.
    #[schema(schema_with = choices::category)]
    category: Option<Category>,
    /// Another trigger word.
    #[schema(max_length = 100)]
    trigger_word: Option<String>,
    /// Another strength.
    #[schema(minimum = 0.0, maximum = 1.5)]
    strength: Option<f32>,
    /// The adapter of another epoch of its run.
    epoch: Option<usize>,
}

impl From<UpdateModel> for ModelChange {
    fn from(wanted: UpdateModel) -> Self {
        Self {
            about: AboutChange {
                name: wanted.name,
                description: wanted.description,
                category: wanted.category,
                trigger_word: wanted.trigger_word,
            },
            strength: wanted.strength,
            epoch: wanted.epoch,
        }
    }
}

/// Gives a model another name, description, category, trigger word or strength, or the adapter of another epoch of its run.
#[utoipa::path(
    patch, path = "/api/v1/models/{model}", tag = "models", request_body = UpdateModel,
    params(("model" = String, Path, format = "uuid")),
    responses((status = 200, description = "The model.", body = ModelView), (status = 400, body = FailureBody, description = "A value cannot be used, or the name is taken."), (status = 404, body = FailureBody, description = "There is no such model or checkpoint."))
)]
pub(crate) async fn update_model(
    AppFor(app): AppFor,
    PathOf(id): PathOf<ModelId>,
    JsonOf(wanted): JsonOf<UpdateModel>,
) -> Result<Json<ModelView>> {
    let library = app.library();
    let update = move || library.update_model(id, wanted.into());
    Ok(Json(app.work().files(update).await??.into()))
}

/// Puts a model into the trash.
#[utoipa::path(
    delete, path = "/api/v1/models/{model}", tag = "models",
    params(("model" = String, Path, format = "uuid")),
    responses((status = 200, description = "The model, in the trash.", body = ModelView), (status = 400, body = FailureBody, description = "It is in the trash already."), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn delete_model(
    AppFor(app): AppFor,
    PathOf(id): PathOf<ModelId>,
) -> Result<Json<ModelView>> {
    let library = app.library();
    let deleted = app.work().catalogue(move || library.delete_model(id));
    Ok(Json(deleted.await?.into()))
}

/// Takes a model back from the trash; where another one has its name by now, with a number behind it.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/restore", tag = "models",
    params(("model" = String, Path, format = "uuid")),
    responses((status = 200, description = "The model.", body = ModelView), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn restore_model(
    AppFor(app): AppFor,
    PathOf(id): PathOf<ModelId>,
) -> Result<Json<ModelView>> {
    let library = app.library();
    let restored = app.work().catalogue(move || library.restore_model(id));
    Ok(Json(restored.await?.into()))
}

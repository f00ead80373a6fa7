//! Datasets come, get other names, go into the trash and come back.

use atelier_core::Category;
use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{About, AboutChange, DatasetId};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::DatasetView;
use crate::extract::paging::{fifty, page};
use crate::extract::{AppFor, JsonOf, PathOf, QueryOf};
use crate::openapi::choices;

/// Which datasets are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
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
}

/// Some of the datasets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetList {
    /// Newest change first.
    datasets: Vec<DatasetView>,
    /// How many there are in all.
    total: u32,
    limit: u32,
    offset: u32,
}

/// The datasets, newest change first.
#[utoipa::path(
    get, path = "/api/v1/datasets", tag = "datasets", params(ListQuery),
    responses((status = 200, description = "Some of the datasets.", body = DatasetList), (status = 400, body = FailureBody, description = "A value cannot be used."))
)]
pub(crate) async fn list_datasets(
    AppFor(app): AppFor,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<DatasetList>> {
    let ListQuery {
        limit,
        offset,
        trash,
    } = query;
    let wanted = page(offset, limit)?;
    let library = app.library();
    let page = move || library.page_of_datasets(trash, wanted);
    let page = app.work().catalogue(page).await?;
    Ok(Json(DatasetList {
        datasets: page.datasets.into_iter().map(DatasetView::from).collect(),
        total: page.total,
        limit,
        offset,
    }))
}

/// What a new dataset is called and what it is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateDataset {
    /// A name that no other dataset outside the trash has.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it is about, for people.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    description: String,
    /// What its pictures have in common.
    #[serde(default)]
    #[schema(schema_with = choices::category)]
    category: Category,
    /// The word that will call what is trained on it.
    #[serde(default)]
    #[schema(max_length = 100)]
    trigger_word: String,
}

/// Makes an empty dataset.
#[utoipa::path(
    post, path = "/api/v1/datasets", tag = "datasets", request_body = CreateDataset,
    responses((status = 201, description = "The dataset; `Location` is its address.", body = DatasetView), (status = 400, body = FailureBody, description = "A value cannot be used, or the name is taken."))
)]
pub(crate) async fn create_dataset(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<CreateDataset>,
) -> Result<impl IntoResponse> {
    let library = app.library();
    let about = About {
        name: wanted.name,
        description: wanted.description,
        category: wanted.category,
        trigger_word: wanted.trigger_word,
    };
    let made = app.work().catalogue(move || library.create_dataset(about));
    let made = made.await?;
    let location = format!("/api/v1/datasets/{}", made.id);
    let answer = Json(DatasetView::from(made));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], answer))
}

/// A dataset, also one in the trash.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid")),
    responses((status = 200, description = "The dataset.", body = DatasetView), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn get_dataset(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
) -> Result<Json<DatasetView>> {
    let library = app.library();
    let found = app.work().catalogue(move || library.get_dataset(id));
    Ok(Json(found.await?.into()))
}

/// What a dataset is called and what it is for from now on. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateDataset {
    /// Another name.
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
}

/// Gives a dataset another name, description, category or trigger word. Its versions stay.
#[utoipa::path(
    patch, path = "/api/v1/datasets/{dataset}", tag = "datasets", request_body = UpdateDataset,
    params(("dataset" = String, Path, format = "uuid")),
    responses((status = 200, description = "The dataset.", body = DatasetView), (status = 400, body = FailureBody, description = "A value cannot be used, or the name is taken."), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn update_dataset(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
    JsonOf(wanted): JsonOf<UpdateDataset>,
) -> Result<Json<DatasetView>> {
    let library = app.library();
    let change = AboutChange {
        name: wanted.name,
        description: wanted.description,
        category: wanted.category,
        trigger_word: wanted.trigger_word,
    };
    let updated = app.work();
    let updated = updated.catalogue(move || library.update_dataset(id, change));
    Ok(Json(updated.await?.into()))
}

/// Puts a dataset into the trash.
#[utoipa::path(
    delete, path = "/api/v1/datasets/{dataset}", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid")),
    responses((status = 200, description = "The dataset, in the trash.", body = DatasetView), (status = 400, body = FailureBody, description = "It is in the trash already."), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn delete_dataset(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
) -> Result<Json<DatasetView>> {
    let library = app.library();
    let deleted = app.work().catalogue(move || library.delete_dataset(id));
    Ok(Json(deleted.await?.into()))
}

/// Takes a dataset back from the trash; where another one has its name by now, with a number behind it.
#[utoipa::path(
    post, path = "/api/v1/datasets/{dataset}/restore", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid")),
    responses((status = 200, description = "The dataset.", body = DatasetView), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn restore_dataset(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
) -> Result<Json<DatasetView>> {
    let library = app.library();
    let restored = app.work().catalogue(move || library.restore_dataset(id));
    Ok(Json(restored.await?.into()))
}

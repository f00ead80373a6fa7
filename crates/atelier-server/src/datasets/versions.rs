//! What datasets were and are.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::DatasetId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::{DifferenceView, VersionAboutView, VersionView};
use crate::extract::paging::page;
use crate::extract::{AppFor, PathOf, QueryOf, VersionName};

/// Which versions are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionsQuery {
    /// How many, at most; all when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// How many to pass over.
    #[serde(default)]
    #[param(default = 0)]
    offset: u32,
}

/// Versions of a dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionList {
    /// Newest first.
    versions: Vec<VersionAboutView>,
    /// How many there are in all.
    total: u32,
}

/// The versions of a dataset, newest first.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/versions", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid"), VersionsQuery),
    responses((status = 200, description = "The versions.", body = VersionList), (status = 400, body = FailureBody, description = "A value cannot be used."), (status = 404, body = FailureBody, description = "There is no such dataset."))
)]
pub(crate) async fn list_versions(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
    QueryOf(VersionsQuery { limit, offset }): QueryOf<VersionsQuery>,
) -> Result<Json<VersionList>> {
    let wanted = match limit {
        Some(limit) => page(offset, limit)?,
        None => (offset, u32::MAX),
    };
    let library = app.library();
    let found = app.work();
    let found = found.catalogue(move || library.page_of_versions(id, wanted));
    let found = found.await?;
    let versions = found.versions.into_iter();
    Ok(Json(VersionList {
        versions: versions.map(VersionAboutView::from).collect(),
        total: found.total,
    }))
}

/// A version of a dataset with its images.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/versions/{version}", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid"), ("version" = String, Path, description = "A number from 1 on, or `latest`.", example = "latest")),
    responses((status = 200, description = "The version.", body = VersionView), (status = 404, body = FailureBody, description = "There is no such dataset or version."))
)]
pub(crate) async fn get_version(
    AppFor(app): AppFor,
    PathOf((id, VersionName(number))): PathOf<(DatasetId, VersionName)>,
) -> Result<Json<VersionView>> {
    let library = app.library();
    let version = app.work();
    let version = version.catalogue(move || library.get_version(id, number));
    Ok(Json(version.await?.into()))
}

/// Which versions to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// The older version; the one before the newer when absent.
    from: Option<u32>,
    /// The newer version; the newest when absent.
    to: Option<u32>,
}

/// What changed between two versions of a dataset.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/diff", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid"), DiffQuery),
    responses((status = 200, description = "What changed.", body = DifferenceView), (status = 404, body = FailureBody, description = "There is no such dataset or version."))
)]
pub(crate) async fn compare_versions(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
    QueryOf(DiffQuery { from, to }): QueryOf<DiffQuery>,
) -> Result<Json<DifferenceView>> {
    let library = app.library();
    let difference = app.work();
    let difference = difference.catalogue(move || library.compare_versions(id, from, to));
    Ok(Json(difference.await?.into()))
}

//! Drawn pictures are listed and read, go into the trash and come back.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{Error, JobId, Library, ModelId, PictureId, PicturePage};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::{PictureView, PictureWithRecipe};
use crate::extract::paging::{fifty, page};
use crate::extract::{AppFor, PathOf, QueryOf};

/// Which pictures are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PictureQuery {
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
    /// Only those that this job drew.
    #[param(value_type = Option<String>, format = "uuid")]
    job: Option<JobId>,
    /// Only those that this model took part in, whether it was asked for or the prompt named it.
    #[param(value_type = Option<String>, format = "uuid")]
    model: Option<ModelId>,
}

/// Some of the pictures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PictureList {
    /// The newest job's first, and those of a job in their order.
    pictures: Vec<PictureView>,
    /// How many there are in all.
    total: u32,
    limit: u32,
    offset: u32,
}

/// The drawn pictures: the newest job's first, and those of a job in their order.
#[utoipa::path(
    get, path = "/api/v1/pictures", tag = "pictures", params(PictureQuery),
    responses((status = 200, description = "Some of the pictures.", body = PictureList), (status = 400, body = FailureBody, description = "A value cannot be used."))
)]
pub(crate) async fn list_pictures(
    AppFor(app): AppFor,
    QueryOf(query): QueryOf<PictureQuery>,
) -> Result<Json<PictureList>> {
    let PictureQuery { limit, offset, .. } = query;
    let wanted = page(offset, limit)?;
    let library = app.library();
    let page = move || match (query.model, query.job) {
        (Some(model), job) => library.page_of_pictures_with((model, job), query.trash, wanted),
        (None, Some(job)) => of_job(&library, job, query.trash, wanted),
        (None, None) => library.page_of_pictures(query.trash, wanted),
    };
    let page = app.work().catalogue(page).await?;
    Ok(Json(PictureList {
        pictures: page.pictures.into_iter().map(PictureView::from).collect(),
        total: page.total,
        limit,
        offset,
    }))
}

/// A page of those of a job, which are few.
fn of_job(
    library: &Library,
    job: JobId,
    is_trash: bool,
    (offset, limit): (u32, u32),
) -> Result<PicturePage, Error> {
    let mut pictures = library.list_pictures_of(job)?;
    pictures.retain(|picture| picture.trashed_ms.is_some() == is_trash);
    let total = pictures.len() as u32;
    let wanted = pictures.into_iter().skip(offset as usize);
    Ok(PicturePage {
        pictures: wanted.take(limit as usize).collect(),
        total,
    })
}

/// A picture with what it was drawn from, also one in the trash.
#[utoipa::path(
    get, path = "/api/v1/pictures/{picture}", tag = "pictures",
    params(("picture" = String, Path, format = "uuid")),
    responses((status = 200, description = "The picture.", body = PictureWithRecipe), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn get_picture(
    AppFor(app): AppFor,
    PathOf(id): PathOf<PictureId>,
) -> Result<Json<PictureWithRecipe>> {
    let library = app.library();
    let found = app.work().catalogue(move || library.get_picture(id));
    Ok(Json(found.await?.into()))
}

/// Puts a picture into the trash.
#[utoipa::path(
    delete, path = "/api/v1/pictures/{picture}", tag = "pictures",
    params(("picture" = String, Path, format = "uuid")),
    responses((status = 200, description = "The picture, in the trash.", body = PictureView), (status = 400, body = FailureBody, description = "It is in the trash already."), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn delete_picture(
    AppFor(app): AppFor,
    PathOf(id): PathOf<PictureId>,
) -> Result<Json<PictureView>> {
    let library = app.library();
    let deleted = app.work().catalogue(move || library.delete_picture(id));
    Ok(Json(deleted.await?.into()))
}

/// Takes a picture back from the trash.
#[utoipa::path(
    post, path = "/api/v1/pictures/{picture}/restore", tag = "pictures",
    params(("picture" = String, Path, format = "uuid")),
    responses((status = 200, description = "The picture.", body = PictureView), (status = 404, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn restore_picture(
    AppFor(app): AppFor,
    PathOf(id): PathOf<PictureId>,
) -> Result<Json<PictureView>> {
    let library = app.library();
    let restored = app.work().catalogue(move || library.restore_picture(id));
    Ok(Json(restored.await?.into()))
}

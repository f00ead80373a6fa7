//! A drawn picture becomes an image of a dataset.

use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_store::{Addition, AdditionOutcome, DatasetId, Error, Library, PictureId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::datasets::views::{DatasetView, VersionAboutView};
use crate::extract::{AppFor, JsonOf, PathOf};

/// Which picture to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPicture {
    /// A drawn picture.
    #[schema(value_type = String, format = "uuid")]
    pub picture: PictureId,
    /// Its words.
    #[serde(default)]
    #[schema(max_length = 10_000)]
    pub caption: String,
}

/// What came of adding a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedPicture {
    dataset: DatasetView,
    /// The new version, or the newest where the dataset had the picture.
    version: VersionAboutView,
    /// The image that it is.
    #[schema(format = "uuid")]
    pub image: String,
    /// Whether it is a new one.
    is_new: bool,
}

/// Adds a drawn picture to a dataset, as one version. The picture itself stays.
#[utoipa::path(
    post, path = "/api/v1/datasets/{dataset}/images/from-picture", tag = "datasets", request_body = AddPicture,
    params(("dataset" = String, Path, format = "uuid")),
    responses((status = 200, description = "The image; also when the dataset had it.", body = AddedPicture), (status = 400, body = FailureBody, description = "A value cannot be used."), (status = 404, body = FailureBody, description = "There is no such dataset or picture."))
)]
pub(crate) async fn add_picture(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
    JsonOf(wanted): JsonOf<AddPicture>,
) -> Result<Json<AddedPicture>> {
    Ok(Json(copy(&app, id, wanted).await?))
}

/// Adds a copy of a drawn picture to a dataset.
pub async fn copy(app: &App, id: DatasetId, wanted: AddPicture) -> Result<AddedPicture> {
    let library = app.library();
    let picture = wanted.picture;
    let look = move || {
        library.get_dataset_to_change(id)?;
        library.get_picture(picture)
    };
    let picture = app.work().catalogue(look).await?;
    let pixels = u64::from(picture.width) * u64::from(picture.height);
    let (library, name) = (app.library(), super::file_name(&picture));
    let add = move || -> Result<AddedPicture> {
        let (version, outcome) = add(&library, id, (&picture.hash, name), wanted.caption)?;
        let (image, is_new) = match outcome {
            Some(AdditionOutcome::Added(image)) => (image, true),
            Some(AdditionOutcome::Present(image)) => (image, false),
            Some(AdditionOutcome::Refused(reason)) => return Err(Failure::invalid(reason)),
            None => return Err(Failure::internal("an addition without an outcome")),
        };
        Ok(AddedPicture {
            dataset: library.get_dataset(id)?.into(),
            version: version.about.into(),
            image: image.to_string(),
            is_new,
        })
    };
    app.work().decode(Some(pixels), add).await?
}

fn add(
    library: &Library,
    dataset: DatasetId,
    (hash, file_name): (&str, String),
    caption: String,
) -> Result<(Version, Option<AdditionOutcome>), Error> {
    let hold = library.blobs().hold()?;
    let image = library.keep_image(&hold, &file_name, &library.blobs().read(hash)?)?;
    let addition = Addition {
        image,
        file_name,
        caption,
        crop: None,
    };
    let change = Some("1 drawn picture added".to_owned());
    let (version, outcomes) = library.add_images(&hold, dataset, vec![addition], change)?;
    Ok((version, outcomes.into_iter().next()))
}

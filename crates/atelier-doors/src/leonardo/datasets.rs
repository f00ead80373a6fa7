//! Datasets: made, read, deleted, and filled with drawn pictures.

use atelier_server::door::{AddPicture, AppFor, Json, copy_picture};
use atelier_store::{About, Dataset, DatasetId, Error, Image, Library, PictureId};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::files::FileAddresses;
use super::refusal::{Refusal, Result};
use super::request::{Body, Id};
use super::shapes::time;

/// The other house lets any number of datasets have a name; so many are told apart here.
const SAME_NAMES: u32 = 1_000;

/// A dataset that is to be made.
#[derive(Debug, Deserialize)]
pub(super) struct CreateDataset {
    name: String,
    description: Option<String>,
}

/// Makes an empty dataset. Where another has the name, it gets a number behind it.
pub(super) async fn create_dataset(
    AppFor(app): AppFor,
    Body(wanted): Body<CreateDataset>,
) -> Result<Json<Value>> {
    let library = app.library();
    let made = app.work().catalogue(move || create(&library, &wanted));
    let id = made.await?.id.to_string();
    Ok(Json(json!({"insert_datasets_one": {"id": id}})))
}

fn create(library: &Library, wanted: &CreateDataset) -> Result<Dataset, Error> {
    let name = wanted.name.trim();
    let numbered = (2..=SAME_NAMES).map(|number| format!("{name} {number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    loop {
        let about = About {
            name: names.next().unwrap_or_default(),
            description: wanted.description.clone().unwrap_or_default(),
            ..About::default()
        };
        match library.create_dataset(about) {
            Err(Error::Exists { .. }) => {}
            done => return done,
        }
    }
}

/// A dataset with the images of its newest version.
pub(super) async fn get_dataset(
    AppFor(app): AppFor,
    Id(id): Id<DatasetId>,
    addresses: FileAddresses,
) -> Result<Json<Value>> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let dataset = present(&library, id)?;
        Ok((dataset, library.get_version(id, None)?.images))
    });
    let (dataset, images) = found.await?;
    let images = images.iter().map(|image| {
        let url = addresses.of_image(dataset.id, image.id);
        json!({"id": called(image), "url": url})
    });
    Ok(Json(json!({"datasets_by_pk": {
        "id": dataset.id.to_string(),
        "name": dataset.about.name,
        "description": dataset.about.description,
        "createdAt": time(dataset.created_ms),
        "updatedAt": time(dataset.changed_ms),
        "dataset_images": images.collect::<Vec<_>>(),
    }})))
}

/// The id under which an image was announced, which is the name of its file; its own where it came in another way.
pub(super) fn called(image: &Image) -> String {
    let stem = image.file_name.split('.').next().unwrap_or_default();
    let announced = Uuid::try_parse(stem).ok();
    announced.map_or_else(|| image.id.to_string(), |id| id.to_string())
}

/// The dataset, which is not in the trash.
pub(super) fn present(library: &Library, id: DatasetId) -> Result<Dataset, Error> {
    let dataset = library.get_dataset(id)?;
    if dataset.trashed_ms.is_none() {
        return Ok(dataset);
    }
    Err(Error::NotFound {
        what: "dataset",
        name: id.to_string(),
    })
}

/// Puts a dataset into the trash.
pub(super) async fn delete_dataset(
    AppFor(app): AppFor,
    Id(id): Id<DatasetId>,
) -> Result<Json<Value>> {
    let library = app.library();
    let deleted = app.work().catalogue(move || {
        present(&library, id)?;
        library.delete_dataset(id)
    });
    let id = deleted.await?.id.to_string();
    Ok(Json(json!({"delete_datasets_by_pk": {"id": id}})))
}

/// Which drawn picture to add.
#[derive(Debug, Deserialize)]
pub(super) struct AddGenerated {
    #[serde(rename = "generatedImageId")]
    picture: String,
}

/// Adds a drawn picture to a dataset.
pub(super) async fn add_generated(
    AppFor(app): AppFor,
    Id(id): Id<DatasetId>,
    Body(wanted): Body<AddGenerated>,
) -> Result<Json<Value>> {
    let picture = wanted.picture.parse::<PictureId>();
    let picture = picture.map_err(|_| Refusal::not_found("there is no such generated image"))?;
    let library = app.library();
    let found = app.work().catalogue(move || present(&library, id));
    found.await?;
    let caption = String::new();
    let added = copy_picture(&app, id, AddPicture { picture, caption }).await?;
    Ok(Json(
        json!({"uploadDatasetImageFromGen": {"id": added.image}}),
    ))
}

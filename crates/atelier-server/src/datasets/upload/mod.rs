//! Pictures come in: received into a folder of their own, unpacked, paired with their captions, decoded, and added as one
//! version. A file that cannot be used is told, and does not keep the others out.

pub(crate) mod begin;
pub(crate) mod keep;
pub(crate) mod single;

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_http::incoming::part::{Fate, Part, UploadOutcome};
use atelier_http::incoming::{archive, pair, receive};
use atelier_store::{AdditionOutcome, DatasetId};
use axum::extract::Request;
use serde::Serialize;
use utoipa::ToSchema;

use super::views::{DatasetView, VersionAboutView};
use crate::extract::{AppFor, PathOf};
use begin::{new_folder, open_form};

/// What a client sends.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it only describes the request")]
pub(crate) struct Upload {
    /// Pictures (PNG, JPEG, WebP, GIF, BMP), captions (`.txt` with the name of their picture), `crops.json`, and `.zip`
    /// archives of these, in any number. The fields may have any name; each needs a file name.
    #[schema(value_type = Vec<String>, format = Binary)]
    files: Vec<Vec<u8>>,
}

/// What came of an upload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Uploaded {
    dataset: DatasetView,
    /// The new version, or the newest where no picture came in.
    version: VersionAboutView,
    /// How many images came in.
    added: usize,
    /// Every file that was sent, those inside archives included, in their order.
    files: Vec<UploadedFile>,
}

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadedFile {
    /// Its name, without folders.
    file_name: String,
    /// The archive that it came in.
    #[schema(required)]
    archive: Option<String>,
    outcome: UploadOutcome,
    /// The image that it is.
    #[schema(required, format = "uuid")]
    image: Option<String>,
    /// Why it was ignored or refused.
    #[schema(required)]
    reason: Option<String>,
}

/// Adds pictures, as one version.
#[utoipa::path(
    post, path = "/api/v1/datasets/{dataset}/images", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid")),
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "What became of each file; also when all were refused.", body = Uploaded),
        (status = 400, body = FailureBody, description = "The body is not as expected, or the dataset is in the trash. Nothing is added."),
        (status = 404, body = FailureBody, description = "There is no such dataset."),
        (status = 408, body = FailureBody, description = "The body came too slowly. Nothing is added."),
        (status = 413, body = FailureBody, description = "The request is larger than is accepted. Nothing is added."),
        (status = 415, body = FailureBody, description = "The body is of another type."),
        (status = 503, body = FailureBody, description = "As many uploads as are taken at the same time are under way."),
        (status = 507, body = FailureBody, description = "The disk has too little room. Nothing is added.")
    )
)]
pub(crate) async fn add_images(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
    request: Request,
) -> Result<Json<Uploaded>> {
    let library = app.library();
    // Before anything of it comes in.
    let may_change = move || library.get_dataset_to_change(id);
    app.work().catalogue(may_change).await?;
    let form = open_form(&app, request).await?;
    let turn = app.upload_place().await?;
    let (folder, _interest) = new_folder(&app).await?;
    let received = receive::receive(app.limits(), form, &folder).await?;
    let parts = archive::unpack_all((app.limits(), &turn), received, &folder).await?;
    let (paired, parts) = turn.run(move || pair::pair(parts)).await?;
    let added = keep::keep(&app, (id, &folder), paired, parts).await?;
    turn.run(move || folder.close()).await?;
    Ok(Json(added))
}

impl From<Part> for UploadedFile {
    fn from(part: Part) -> Self {
        let (outcome, image, reason) = match part.fate {
            Fate::Used(outcome) => (outcome, None, None),
            Fate::Image(AdditionOutcome::Added(id)) => {
                (UploadOutcome::Added, Some(id.to_string()), None)
            }
            Fate::Image(AdditionOutcome::Present(id)) => {
                (UploadOutcome::Present, Some(id.to_string()), None)
            }
            Fate::Image(AdditionOutcome::Refused(reason)) | Fate::Refused(reason) => {
                (UploadOutcome::Refused, None, Some(reason))
            }
            Fate::Ignored(reason) => (UploadOutcome::Ignored, None, Some(reason.to_owned())),
            // Everything that lies there was looked at.
            Fate::Lies(_) => (UploadOutcome::Ignored, None, None),
        };
        Self {
            file_name: part.name,
            archive: part.archive,
            outcome,
            image,
            reason,
        }
    }
}

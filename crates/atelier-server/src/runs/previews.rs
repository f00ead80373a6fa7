//! What a run's checkpoints draw, epoch by epoch.

use atelier_http::answer::file::{FOR_EVER, KeptFile};
use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{EpochPreviews, Error, Library, Preview, Run, RunId};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::datasets::image_file::FileQuery;
use crate::extract::{AppFor, PathOf, QueryOf};
use crate::pictures::thumbnail::SideQuery;
use crate::thumbnails::{Original, answer};
use atelier_data::thumbnail::Part;

/// The previews of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunPreviews {
    /// The epochs after which previews are drawn; nothing where none are, or where it was not known when the run was made.
    planned_epochs: Vec<usize>,
    /// What they are drawn from.
    prompts: Vec<String>,
    /// Those that are there, by epoch, in order.
    epochs: Vec<EpochPreviewsView>,
}

/// The previews of an epoch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EpochPreviews)]
pub(crate) struct EpochPreviewsView {
    /// Finished epochs.
    epoch: usize,
    /// One for each prompt, in their order.
    previews: Vec<PreviewView>,
}

/// A picture that the adapter after an epoch drew at strength 1.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub(crate) struct PreviewView {
    /// Which of the epoch's it is, from 0.
    number: usize,
    /// What it was drawn from.
    prompt: String,
    /// Its seed; as text, since not every program keeps all digits of so large a number.
    seed: String,
    /// Width in pixels.
    width: u32,
    /// Height in pixels.
    height: u32,
    /// SHA-256 of the file.
    hash: String,
    /// Its length.
    size_bytes: u64,
}

impl RunPreviews {
    fn of(run: &Run, epochs: Vec<EpochPreviews>) -> Self {
        let config = &run.config;
        let every = config.preview_every.unwrap_or(0);
        let epochs = epochs.into_iter().map(|one| EpochPreviewsView {
            epoch: one.epoch,
            previews: one.previews.into_iter().map(PreviewView::from).collect(),
        });
        Self {
            planned_epochs: config.previewed_epochs(every),
            prompts: config.previewed(),
            epochs: epochs.collect(),
        }
    }
}

impl From<Preview> for PreviewView {
    fn from(preview: Preview) -> Self {
        Self {
            number: preview.number,
            prompt: preview.prompt,
            seed: preview.seed.to_string(),
            width: preview.width,
            height: preview.height,
            hash: preview.hash,
            size_bytes: preview.size_bytes,
        }
    }
}

/// Which preview is wanted.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct PreviewPath {
    run: RunId,
    epoch: usize,
    number: usize,
}

impl PreviewPath {
    fn get(self, library: &Library) -> Result<Preview, Error> {
        library.get_preview(self.run, self.epoch, self.number)
    }

    fn name(self) -> String {
        format!("preview-{:03}-{:02}.png", self.epoch, self.number)
    }
}

/// The previews of a run, by epoch.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/previews", tag = "runs",
    params(("run" = String, Path, format = "uuid")),
    responses((status = 200, description = "The previews.", body = RunPreviews), (status = 404, body = FailureBody, description = "There is no such run."))
)]
pub(crate) async fn list_previews(
    AppFor(app): AppFor,
    PathOf(id): PathOf<RunId>,
) -> Result<Json<RunPreviews>> {
    let library = app.library();
    let found = app.work().files(move || -> Result<RunPreviews> {
        let run = library.get_run(id)?;
        Ok(RunPreviews::of(&run, library.list_previews(id)?))
    });
    Ok(Json(found.await??))
}

/// The file of a preview, with its recipe inside.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/previews/{epoch}/{number}/file", tag = "runs",
    params(("run" = String, Path, format = "uuid"), ("epoch" = usize, Path), ("number" = usize, Path), FileQuery),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "image/*"),
        (status = 206, description = "The part that `Range` names.", body = Vec<u8>, content_type = "image/*"),
        (status = 304, description = "It is the one that the client has."),
        (status = 404, body = FailureBody, description = "There is no such preview."),
        (status = 416, body = FailureBody, description = "The file has no such part.")
    )
)]
pub(crate) async fn get_preview_file(
    AppFor(app): AppFor,
    PathOf(wanted): PathOf<PreviewPath>,
    QueryOf(query): QueryOf<FileQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let preview = app.work().files(move || wanted.get(&library)).await??;
    let file = KeptFile {
        path: preview.path,
        name: wanted.name(),
        hash: preview.hash,
        size_bytes: preview.size_bytes,
    };
    file.answer_picture(&asked, query.disposition()).await
}

/// A small JPEG of a preview.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/previews/{epoch}/{number}/thumbnail", tag = "runs",
    params(("run" = String, Path, format = "uuid"), ("epoch" = usize, Path), ("number" = usize, Path), SideQuery),
    responses(
        (status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "It is the one that the client has."),
        (status = 400, body = FailureBody, description = "A value cannot be used."),
        (status = 404, body = FailureBody, description = "There is no such preview.")
    )
)]
pub(crate) async fn get_preview_thumbnail(
    AppFor(app): AppFor,
    PathOf(wanted): PathOf<PreviewPath>,
    QueryOf(SideQuery { side }): QueryOf<SideQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let preview = app.work().files(move || wanted.get(&library)).await??;
    let original = Original {
        name: wanted.name(),
        hash: preview.hash,
        path: Some(preview.path),
        pixels: u64::from(preview.width) * u64::from(preview.height),
    };
    answer(&app, original, (Part::Whole, side), (&asked, FOR_EVER)).await
}

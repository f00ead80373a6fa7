//! Drawn pictures and images of datasets become start pictures.

use atelier_http::answer::{Failure, FailureBody, Result};
use atelier_store::{DatasetId, ImageId, PictureId};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::{StartPictureView, made};
use crate::extract::{AppFor, JsonOf};

/// A picture of the library: one that was drawn, or one of a dataset, whole and without its crop.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LibraryPicture {
    /// A drawn picture.
    #[schema(value_type = Option<String>, format = "uuid")]
    picture: Option<PictureId>,
    /// The dataset of `image`.
    #[schema(value_type = Option<String>, format = "uuid")]
    dataset: Option<DatasetId>,
    /// An image of `dataset`.
    #[schema(value_type = Option<String>, format = "uuid")]
    image: Option<ImageId>,
}

/// Keeps a picture of the library, so that drawings can start from it. What becomes of the picture itself is no matter then.
#[utoipa::path(
    post, path = "/api/v1/start-pictures/from-library", tag = "start pictures", request_body = LibraryPicture,
    responses(
        (status = 201, description = "The start picture; `Location` is its address.", body = StartPictureView),
        (status = 400, body = FailureBody, description = "A value cannot be used, or it is in the trash."),
        (status = 404, body = FailureBody, description = "There is no such picture.")
    )
)]
pub(crate) async fn copy_start_picture(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<LibraryPicture>,
) -> Result<impl IntoResponse> {
    let library = app.library();
    let copied = match (wanted.picture, wanted.dataset, wanted.image) {
        (Some(id), None, None) => {
            app.work()
                .catalogue(move || library.start_from_picture(id))
                .await?
        }
        (None, Some(dataset), Some(image)) => {
            let copy = move || library.start_from_image(dataset, image);
            app.work().catalogue(copy).await?
        }
        _ => {
            let message = "expected is either a `picture`, or a `dataset` and its `image`";
            return Err(Failure::invalid(message));
        }
    };
    Ok(made(copied))
}

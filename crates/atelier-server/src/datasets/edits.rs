//! Changes of captions and crops, and pictures that go: those of a request become one version.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::{CaptionEdit, DatasetId, Edit, Edits, ImageId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::{CropView, DatasetView, VersionView};
use crate::extract::json::LONG_BYTES;
use crate::extract::{AppFor, JsonOf, PathOf, QueryOf};

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditDataset {
    /// In their order. Together they change images at most 50,000 times; one for all counts for each image.
    edits: Vec<EditView>,
    /// The version that they were made to. When it is no longer the newest, nothing is changed.
    #[schema(minimum = 1)]
    expected_version: Option<u32>,
    /// What was done, for the list of versions; counted from the changes when absent.
    #[schema(min_length = 1, max_length = 200)]
    change: Option<String>,
}

/// One change, as an object with one field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Edit)]
pub(crate) enum EditView {
    /// Other words.
    SetCaption(SetCaption),
    /// Another square.
    SetCrop(SetCrop),
    /// Takes an image out; older versions keep it.
    Remove(RemoveImage),
    /// Words in front, before a comma.
    PrependCaption(TextEdit),
    /// Words behind, after a comma.
    AppendCaption(TextEdit),
    /// Takes out the parts between commas that are this.
    RemoveFromCaption(TextEdit),
    /// Puts other words in the place of some, wherever they stand.
    ReplaceInCaption(ReplaceEdit),
    /// The dataset's trigger word, where captions lack it.
    AddTrigger(Selection),
}

/// Other words for an image.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetCaption {
    #[schema(value_type = String, format = "uuid")]
    image: ImageId,
    /// Becomes one line.
    #[schema(max_length = 10_000)]
    caption: String,
}

/// Another square for an image.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetCrop {
    #[schema(value_type = String, format = "uuid")]
    image: ImageId,
    /// Inside the picture; `null` for the largest in the middle.
    crop: Option<CropView>,
}

/// An image to take out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveImage {
    #[schema(value_type = String, format = "uuid")]
    image: ImageId,
}

/// Words for several captions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextEdit {
    /// Which images; all when absent.
    #[schema(value_type = Option<Vec<String>>)]
    images: Option<Vec<ImageId>>,
    text: String,
}

/// Other words for some, in several captions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplaceEdit {
    /// Which images; all when absent.
    #[schema(value_type = Option<Vec<String>>)]
    images: Option<Vec<ImageId>>,
    old: String,
    new: String,
}

/// Several images.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    /// Which images; all when absent.
    #[schema(value_type = Option<Vec<String>>)]
    images: Option<Vec<ImageId>>,
}

/// How the answer is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EditQuery {
    /// With every image of the version; else its list of images is empty.
    #[serde(default = "yes")]
    #[param(default = true)]
    images: bool,
}

fn yes() -> bool {
    true
}

/// What came of changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EditedDataset {
    dataset: DatasetView,
    /// The new version, or the newest where nothing changed.
    version: VersionView,
}

/// Changes captions and crops and takes images out, as one version.
#[utoipa::path(
    post, path = "/api/v1/datasets/{dataset}/edits", tag = "datasets", request_body = EditDataset,
    params(("dataset" = String, Path, format = "uuid"), EditQuery),
    responses(
        (status = 200, description = "The dataset and its version.", body = EditedDataset),
        (status = 400, body = FailureBody, description = "A value cannot be used. Nothing is changed."),
        (status = 404, body = FailureBody, description = "There is no such dataset or image. Nothing is changed."),
        (status = 409, body = FailureBody, description = "There is a newer version than the expected one. Nothing is changed.")
    )
)]
pub(crate) async fn edit_dataset(
    AppFor(app): AppFor,
    PathOf(id): PathOf<DatasetId>,
    QueryOf(EditQuery { images }): QueryOf<EditQuery>,
    JsonOf(wanted): JsonOf<EditDataset, LONG_BYTES>,
) -> Result<Json<EditedDataset>> {
    app.check_disk()?;
    let library = app.library();
    let edits = Edits {
        edits: wanted.edits.into_iter().map(Edit::from).collect(),
        expected: wanted.expected_version,
        change: wanted.change,
    };
    let edited = app.work().catalogue(move || {
        let version = library.edit_dataset_as(id, edits)?;
        Ok((library.get_dataset(id)?, version))
    });
    let (dataset, mut version) = edited.await?;
    if !images {
        version.images.clear();
    }
    Ok(Json(EditedDataset {
        dataset: dataset.into(),
        version: version.into(),
    }))
}

impl From<EditView> for Edit {
    fn from(edit: EditView) -> Self {
        match edit {
            EditView::SetCaption(edit) => Self::SetCaption(edit.image, edit.caption),
            EditView::SetCrop(edit) => Self::SetCrop(edit.image, edit.crop.map(Into::into)),
            EditView::Remove(edit) => Self::Remove(edit.image),
            EditView::PrependCaption(TextEdit { images, text }) => {
                Self::EditCaptions(images, CaptionEdit::Prepend(text))
            }
            EditView::AppendCaption(TextEdit { images, text }) => {
                Self::EditCaptions(images, CaptionEdit::Append(text))
            }
            EditView::RemoveFromCaption(TextEdit { images, text }) => {
                Self::EditCaptions(images, CaptionEdit::Remove(text))
            }
            EditView::ReplaceInCaption(ReplaceEdit { images, old, new }) => {
                Self::EditCaptions(images, CaptionEdit::Replace { old, new })
            }
            EditView::AddTrigger(Selection { images }) => {
                Self::EditCaptions(images, CaptionEdit::AddTrigger)
            }
        }
    }
}

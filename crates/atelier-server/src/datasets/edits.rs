//! Changes of captions and crops, and pictures that go: those of a request become one version.

use atelier_store::{CaptionEdit, DatasetId, Edit, Edits, Error, ImageId, Library, Version};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::{CropView, DatasetView, VersionView};
use crate::answer::{Failure, FailureBody, Json, Result};
use crate::app::App;
use crate::extract::{JsonOf, PathOf};

/// Changes of images in a request, at most.
const MOST_EDITS: usize = 20_000;

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditDataset {
    /// In their order.
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
    params(("dataset" = String, Path, format = "uuid")),
    responses(
        (status = 200, description = "The dataset and its version.", body = EditedDataset),
        (status = 400, body = FailureBody, description = "A value cannot be used. Nothing is changed."),
        (status = 404, body = FailureBody, description = "There is no such dataset or image. Nothing is changed."),
        (status = 409, body = FailureBody, description = "There is a newer version than the expected one. Nothing is changed.")
    )
)]
pub(crate) async fn edit_dataset(
    State(app): State<App>,
    PathOf(id): PathOf<DatasetId>,
    JsonOf(wanted): JsonOf<EditDataset>,
) -> Result<Json<EditedDataset>> {
    let named = wanted.edits.iter().map(EditView::count);
    if named.sum::<usize>() > MOST_EDITS {
        let message = format!("the request has more than {MOST_EDITS} changes of images");
        return Err(Failure::invalid(message));
    }
    let library = app.library();
    let edited = app.work().catalogue(move || {
        let version = apply(&library, id, wanted)?;
        Ok((library.get_dataset(id)?, version))
    });
    let (dataset, version) = edited.await?;
    Ok(Json(EditedDataset {
        dataset: dataset.into(),
        version: version.into(),
    }))
}

fn apply(library: &Library, id: DatasetId, wanted: EditDataset) -> Result<Version, Error> {
    let mut expected = wanted.expected_version;
    let mut all = Vec::new();
    if wanted.edits.iter().any(EditView::is_for_all) {
        let newest = library.get_version(id, None)?;
        // All images are those that were seen here.
        expected = expected.or(Some(newest.about.number));
        all = newest.images.iter().map(|image| image.id).collect();
    }
    let edits = wanted.edits.into_iter();
    let edits = Edits {
        edits: edits.flat_map(|edit| edit.into_edits(&all)).collect(),
        expected,
        change: wanted.change,
    };
    library.edit_dataset_as(id, edits)
}

impl EditView {
    /// The images that it names, where it changes each in the same way; `None` when these are all.
    fn images(&self) -> Option<&[ImageId]> {
        match self {
            Self::SetCaption(SetCaption { image, .. })
            | Self::SetCrop(SetCrop { image, .. })
            | Self::Remove(RemoveImage { image }) => Some(std::slice::from_ref(image)),
            Self::PrependCaption(edit)
            | Self::AppendCaption(edit)
            | Self::RemoveFromCaption(edit) => edit.images.as_deref(),
            Self::ReplaceInCaption(edit) => edit.images.as_deref(),
            Self::AddTrigger(edit) => edit.images.as_deref(),
        }
    }

    fn is_for_all(&self) -> bool {
        self.images().is_none()
    }

    fn count(&self) -> usize {
        self.images().map_or(1, <[_]>::len)
    }

    fn into_edits(self, all: &[ImageId]) -> Vec<Edit> {
        let images = self.images().unwrap_or(all).to_vec();
        let edit = match self {
            Self::SetCaption(edit) => return vec![Edit::SetCaption(edit.image, edit.caption)],
            Self::SetCrop(edit) => {
                return vec![Edit::SetCrop(edit.image, edit.crop.map(Into::into))];
            }
            Self::Remove(edit) => return vec![Edit::Remove(edit.image)],
            Self::PrependCaption(edit) => CaptionEdit::Prepend(edit.text),
            Self::AppendCaption(edit) => CaptionEdit::Append(edit.text),
            Self::RemoveFromCaption(edit) => CaptionEdit::Remove(edit.text),
            Self::ReplaceInCaption(ReplaceEdit { old, new, .. }) => {
                CaptionEdit::Replace { old, new }
            }
            Self::AddTrigger(_) => CaptionEdit::AddTrigger,
        };
        let edits = images.into_iter();
        edits
            .map(|image| Edit::EditCaption(image, edit.clone()))
            .collect()
    }
}

//! How datasets and what belongs to them look in answers.

use atelier_core::{Category, Crop};
use atelier_store::{Dataset, Difference, Image, ImageChange, Version, VersionAbout};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::openapi::choices;

/// A dataset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dataset)]
pub(crate) struct DatasetView {
    #[schema(format = "uuid")]
    id: String,
    /// No other dataset outside the trash has it.
    name: String,
    /// What it is about, for people.
    description: String,
    /// What its pictures have in common.
    #[schema(schema_with = choices::category)]
    category: Category,
    /// The word that will call what is trained on it; may be empty.
    trigger_word: String,
    /// When it was made, in milliseconds since the Unix epoch.
    created_ms: i64,
    /// When its newest version was made.
    changed_ms: i64,
    /// When it was put into the trash.
    #[schema(required)]
    trashed_ms: Option<i64>,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    #[schema(required)]
    owner: Option<String>,
    /// Whether every account sees it.
    shared: bool,
    /// The number of its newest version, from 1.
    version: u32,
    /// The hash of that version.
    hash: String,
    /// How many images that version has.
    image_count: u32,
    /// The first of these.
    #[schema(required, format = "uuid")]
    cover: Option<String>,
}

impl From<Dataset> for DatasetView {
    fn from(dataset: Dataset) -> Self {
        let about = dataset.about;
        Self {
            id: dataset.id.to_string(),
            name: about.name,
            description: about.description,
            category: about.category,
            trigger_word: about.trigger_word,
            created_ms: dataset.created_ms,
            changed_ms: dataset.changed_ms,
            trashed_ms: dataset.trashed_ms,
            owner: dataset.owner,
            shared: dataset.is_shared,
            version: dataset.version,
            hash: dataset.hash,
            image_count: dataset.image_count,
            cover: dataset.cover.map(|id| id.to_string()),
        }
    }
}

/// A square of a picture, in pixels of the upright picture, counted from its upper left corner.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Crop)]
pub(crate) struct CropView {
    /// The first column.
    left: u32,
    /// The first row.
    top: u32,
    /// Width and height.
    #[schema(minimum = 1)]
    side: u32,
}

impl From<Crop> for CropView {
    fn from(Crop { left, top, side }: Crop) -> Self {
        Self { left, top, side }
    }
}

impl From<CropView> for Crop {
    fn from(CropView { left, top, side }: CropView) -> Self {
        Self { left, top, side }
    }
}

/// An image of a version: its file, its words, its square.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Image)]
pub(crate) struct ImageView {
    /// The same through all versions, whatever is done to it.
    #[schema(format = "uuid")]
    id: String,
    /// The name that its file has in folders.
    file_name: String,
    /// SHA-256 of its file.
    hash: String,
    /// The length of its file.
    size_bytes: u64,
    /// Width of the upright picture in pixels.
    width: u32,
    /// Height of the upright picture in pixels.
    height: u32,
    /// Its words on one line.
    caption: String,
    /// The square to train on; without one the largest in the middle.
    #[schema(required)]
    crop: Option<CropView>,
}

impl From<Image> for ImageView {
    fn from(image: Image) -> Self {
        Self {
            id: image.id.to_string(),
            file_name: image.file_name,
            hash: image.blob,
            size_bytes: image.size_bytes,
            width: image.width,
            height: image.height,
            caption: image.caption,
            crop: image.crop.map(CropView::from),
        }
    }
}

/// A version without its images.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VersionAbout)]
pub(crate) struct VersionAboutView {
    /// From 1; 1 is the empty dataset.
    number: u32,
    /// Of contents, captions and crops, as a training computes it from a folder.
    hash: String,
    /// What was done, in words.
    change: String,
    /// When it was made, in milliseconds since the Unix epoch.
    created_ms: i64,
    /// How many images it has.
    image_count: u32,
}

impl From<VersionAbout> for VersionAboutView {
    fn from(about: VersionAbout) -> Self {
        Self {
            number: about.number,
            hash: about.hash,
            change: about.change,
            created_ms: about.created_ms,
            image_count: about.image_count,
        }
    }
}

/// A version with its images.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Version)]
pub(crate) struct VersionView {
    /// Of which dataset.
    #[schema(format = "uuid")]
    dataset: String,
    #[serde(flatten)]
    about: VersionAboutView,
    /// Its images, in the order in which they were added.
    images: Vec<ImageView>,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            dataset: version.dataset.to_string(),
            about: version.about.into(),
            images: version.images.into_iter().map(ImageView::from).collect(),
        }
    }
}

/// What changed from an older version to a newer one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Difference)]
pub(crate) struct DifferenceView {
    /// The number of the older version.
    from: u32,
    /// The number of the newer version.
    to: u32,
    /// Images that came.
    added: Vec<ImageView>,
    /// Images that went.
    removed: Vec<ImageView>,
    /// Images whose words or squares are others.
    changed: Vec<ImageChangeView>,
}

/// How an image changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImageChange)]
pub(crate) struct ImageChangeView {
    #[schema(format = "uuid")]
    id: String,
    /// The name of its file.
    file_name: String,
    /// Its words, where they changed.
    #[schema(required)]
    caption: Option<CaptionChange>,
    /// Its square, where it changed.
    #[schema(required)]
    crop: Option<CropChange>,
}

/// The words of an image before and after.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CaptionChange {
    before: String,
    after: String,
}

/// The square of an image before and after.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CropChange {
    #[schema(required)]
    before: Option<CropView>,
    #[schema(required)]
    after: Option<CropView>,
}

impl From<Difference> for DifferenceView {
    fn from(difference: Difference) -> Self {
        let views = |images: Vec<Image>| images.into_iter().map(ImageView::from).collect();
        let changed = difference.changed.into_iter();
        Self {
            from: difference.from,
            to: difference.to,
            added: views(difference.added),
            removed: views(difference.removed),
            changed: changed.map(ImageChangeView::from).collect(),
        }
    }
}

impl From<ImageChange> for ImageChangeView {
    fn from(change: ImageChange) -> Self {
        Self {
            id: change.id.to_string(),
            file_name: change.file_name,
            caption: change
                .caption
                .map(|[before, after]| CaptionChange { before, after }),
            crop: change.crop.map(|crops| {
                let [before, after] = crops.map(|crop| crop.map(CropView::from));
                CropChange { before, after }
            }),
        }
    }
}

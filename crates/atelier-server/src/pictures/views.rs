//! How drawn pictures look in answers.

use atelier_store::Picture;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A drawn picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Picture)]
pub(crate) struct PictureView {
    #[schema(format = "uuid")]
    id: String,
    /// The job that drew it, unless that was removed.
    #[schema(required, format = "uuid")]
    job: Option<String>,
    /// Its place among the pictures of the job, from 0.
    position: u32,
    /// SHA-256 of its file.
    hash: String,
    /// The file's length.
    size_bytes: u64,
    /// Width in pixels.
    width: u32,
    /// Height in pixels.
    height: u32,
    /// The seed that it was drawn from.
    seed: u64,
    /// Its digits, for programs that round large numbers.
    seed_text: String,
    /// When it came into the library, in milliseconds since the Unix epoch.
    created_ms: i64,
    /// When it was put into the trash.
    #[schema(required)]
    trashed_ms: Option<i64>,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    #[schema(required)]
    owner: Option<String>,
    /// Whether every account sees it.
    shared: bool,
}

impl From<Picture> for PictureView {
    fn from(picture: Picture) -> Self {
        Self {
            id: picture.id.to_string(),
            job: picture.job.map(|id| id.to_string()),
            position: picture.position,
            hash: picture.hash,
            size_bytes: picture.size_bytes,
            width: picture.width,
            height: picture.height,
            seed: picture.seed.0,
            seed_text: picture.seed.to_string(),
            created_ms: picture.created_ms,
            trashed_ms: picture.trashed_ms,
            owner: picture.owner,
            shared: picture.is_shared,
        }
    }
}

/// A picture with what it was drawn from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PictureWithRecipe {
    #[serde(flatten)]
    picture: PictureView,
    /// What it was drawn from, as its file says too.
    #[schema(value_type = Object)]
    recipe: Value,
}

impl From<Picture> for PictureWithRecipe {
    fn from(mut picture: Picture) -> Self {
        Self {
            recipe: picture.recipe.take(),
            picture: picture.into(),
        }
    }
}

//! What a dataset was at one time.

use atelier_core::Crop;
use atelier_data::dataset_version;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;

use super::get;
use crate::error::{Error, Result};
use crate::library::{DatasetId, ImageId, Library};

/// A picture of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The same through all versions, whatever is done to it.
    pub id: ImageId,
    /// The name that its file has in folders.
    pub file_name: String,
    /// SHA-256 of its file.
    pub blob: String,
    /// The length of its file.
    pub size_bytes: u64,
    /// Width of the upright picture in pixels.
    pub width: u32,
    /// Height of the upright picture in pixels.
    pub height: u32,
    /// Its words on one line, without the trigger word unless they were given with it.
    pub caption: String,
    /// The square to train on; the middle one when absent.
    pub crop: Option<Crop>,
    /// The row that holds this, unless it is new.
    #[serde(skip)]
    pub(super) row: Option<i64>,
}

/// A version without its pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionAbout {
    /// From 1; 1 is the empty dataset.
    pub number: u32,
    /// Of contents, captions and crops, as a training computes it from a folder.
    pub hash: String,
    /// What was done, in words.
    pub change: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// How many pictures it has.
    pub images: u32,
}

/// A version with its pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Of which dataset.
    pub dataset: DatasetId,
    /// Its number and hash.
    #[serde(flatten)]
    pub about: VersionAbout,
    /// Its pictures, in the order in which they were added.
    pub pictures: Vec<Image>,
}

const SELECT: &str = "
SELECT number, hash, change, created_ms, (SELECT count(*) FROM version_image i WHERE i.version = v.id) AS images
FROM dataset_version v WHERE dataset = ?1";
const SELECT_IMAGES: &str = "
SELECT i.id AS row, i.image, i.file_name, i.blob, b.size_bytes, b.width, b.height, i.caption, i.crop_left, i.crop_top, i.crop_side
FROM dataset_version v JOIN version_image p ON p.version = v.id JOIN image i ON i.id = p.row JOIN blob b ON b.hash = i.blob
WHERE v.dataset = ? AND v.number = ? ORDER BY p.position";

impl VersionAbout {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get("number")?,
            hash: row.get("hash")?,
            change: row.get("change")?,
            created_ms: row.get("created_ms")?,
            images: row.get("images")?,
        })
    }
}

impl Image {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let side: Option<u32> = row.get("crop_side")?;
        let crop = |side| -> rusqlite::Result<Crop> {
            Ok(Crop {
                left: row.get("crop_left")?,
                top: row.get("crop_top")?,
                side,
            })
        };
        Ok(Self {
            id: row.get("image")?,
            file_name: row.get("file_name")?,
            blob: row.get("blob")?,
            size_bytes: row.get("size_bytes")?,
            width: row.get("width")?,
            height: row.get("height")?,
            caption: row.get("caption")?,
            crop: side.map(crop).transpose()?,
            row: Some(row.get("row")?),
        })
    }
}

impl Version {
    /// The hash of what the version holds, which its row says too.
    pub(crate) fn computed_hash(&self) -> String {
        hash_of(&self.pictures)
    }
}

impl Library {
    /// Every version of a dataset, newest first.
    pub fn list_versions(&self, dataset: DatasetId) -> Result<Vec<VersionAbout>> {
        self.read(|view| {
            get(view, dataset)?;
            let query = format!("{SELECT} ORDER BY number DESC");
            let mut statement = view.prepare_cached(&query)?;
            let rows = statement.query_map([dataset], VersionAbout::from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A version of a dataset, the newest unless `number` says another.
    pub fn get_version(&self, dataset: DatasetId, number: Option<u32>) -> Result<Version> {
        self.read(|view| {
            let newest = get(view, dataset)?.version;
            version(view, dataset, number.unwrap_or(newest))
        })
    }
}

/// A version of a dataset.
pub(super) fn version(view: &Transaction<'_>, dataset: DatasetId, number: u32) -> Result<Version> {
    let query = format!("{SELECT} AND number = ?2");
    let about = view.query_row(&query, params![dataset, number], VersionAbout::from_row);
    let about = about.optional()?;
    let about = about
        .ok_or_else(|| Error::not_found("version", format!("{number} of dataset {dataset}")))?;
    let mut statement = view.prepare_cached(SELECT_IMAGES)?;
    let pictures = statement.query_map(params![dataset, number], Image::from_row)?;
    Ok(Version {
        dataset,
        about,
        pictures: pictures.collect::<rusqlite::Result<_>>()?,
    })
}

fn hash_of(pictures: &[Image]) -> String {
    dataset_version(pictures.iter().map(|image| {
        let Image {
            blob,
            caption,
            crop,
            ..
        } = image;
        (blob.as_str(), caption.as_str(), *crop)
    }))
}

/// Makes the next version of a dataset, with these pictures.
pub(super) fn insert(
    change: &Transaction<'_>,
    dataset: DatasetId,
    pictures: &[Image],
    (words, now_ms): (&str, i64),
) -> Result<u32> {
    let newest = "SELECT coalesce(max(number), 0) FROM dataset_version WHERE dataset = ?";
    let newest: u32 = change.query_row(newest, [dataset], |row| row.get(0))?;
    let hash = hash_of(pictures);
    change.execute(
        "INSERT INTO dataset_version (dataset, number, hash, change, created_ms) VALUES (?, ?, ?, ?, ?)",
        params![dataset, newest + 1, hash, words, now_ms],
    )?;
    let version = change.last_insert_rowid();
    let mut place = change
        .prepare_cached("INSERT INTO version_image (version, position, row) VALUES (?, ?, ?)")?;
    for (position, image) in pictures.iter().enumerate() {
        let row = image
            .row
            .map_or_else(|| insert_image(change, dataset, image), Ok)?;
        place.execute(params![version, position as u32, row])?;
    }
    Ok(newest + 1)
}

fn insert_image(
    change: &Transaction<'_>,
    dataset: DatasetId,
    image: &Image,
) -> rusqlite::Result<i64> {
    let mut blob = change.prepare_cached(
        "INSERT INTO blob (hash, size_bytes, width, height) VALUES (?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET width = excluded.width, height = excluded.height",
    )?;
    blob.execute(params![
        image.blob,
        image.size_bytes,
        image.width,
        image.height
    ])?;
    let mut row = change.prepare_cached(
        "INSERT INTO image (dataset, image, file_name, blob, caption, crop_left, crop_top, crop_side) \
         VALUES (:dataset, :image, :file_name, :blob, :caption, :left, :top, :side)",
    )?;
    row.insert(named_params! {
        ":dataset": dataset, ":image": image.id, ":file_name": image.file_name, ":blob": image.blob,
        ":caption": image.caption, ":left": image.crop.map(|crop| crop.left),
        ":top": image.crop.map(|crop| crop.top), ":side": image.crop.map(|crop| crop.side),
    })
}

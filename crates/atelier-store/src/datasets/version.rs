//! What a dataset was at one time.

use atelier_core::Crop;
use atelier_data::dataset_version;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;

use super::get;
use crate::error::{Error, Result};
use crate::library::{Ask, DatasetId, ImageId, Library};

/// A picture of a version: its file, its words, its square.
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

/// A version without its images.
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
    /// How many images it has.
    pub image_count: u32,
}

/// Some of the versions of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionPage {
    /// Those of the page, newest first.
    pub versions: Vec<VersionAbout>,
    /// How many there are on all pages.
    pub total: u32,
}

/// A version with its images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Of which dataset.
    pub dataset: DatasetId,
    /// Its number and hash.
    #[serde(flatten)]
    pub about: VersionAbout,
    /// Its images, in the order in which they were added.
    pub images: Vec<Image>,
}

/// Positions are counted from 0 and never changed, so that the last one tells how many there are.
const SELECT: &str = "
SELECT number, hash, change, created_ms, (SELECT coalesce(max(position) + 1, 0) FROM version_image i WHERE i.version = v.id) AS image_count
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
            image_count: row.get("image_count")?,
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

    /// A page of the versions of a dataset, newest first.
    pub fn page_of_versions(
        &self,
        dataset: DatasetId,
        (offset, limit): (u32, u32),
    ) -> Result<VersionPage> {
        self.read(|view| {
            let total = get(view, dataset)?.version;
            let query = format!("{SELECT} ORDER BY number DESC LIMIT ?2 OFFSET ?3");
            let mut statement = view.prepare_cached(&query)?;
            let rows = statement.query_map(params![dataset, limit, offset], |row| {
                VersionAbout::from_row(row)
            })?;
            Ok(VersionPage {
                versions: rows.collect::<rusqlite::Result<_>>()?,
                total,
            })
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

const SELECT_IMAGE: &str = "
SELECT i.id AS row, i.image, i.file_name, i.blob, b.size_bytes, b.width, b.height, i.caption, i.crop_left, i.crop_top, i.crop_side
FROM image i JOIN blob b ON b.hash = i.blob WHERE i.dataset = ?1 AND i.image = ?2";

impl Library {
    /// An image as it is in a version, or where `number` says none as it was last, whether or not the newest version has it.
    pub fn get_image(
        &self,
        dataset: DatasetId,
        image: ImageId,
        number: Option<u32>,
    ) -> Result<Image> {
        self.read(|view| {
            let found = match number {
                // An image is given another row when it changes, and never an old one again.
                None => {
                    let query = format!("{SELECT_IMAGE} ORDER BY i.id DESC LIMIT 1");
                    view.ask(&query, params![dataset, image], Image::from_row)
                }
                Some(number) => {
                    let query = format!(
                        "{SELECT_IMAGE} AND i.id IN (SELECT p.row FROM version_image p JOIN dataset_version v \
                         ON v.id = p.version WHERE v.dataset = ?1 AND v.number = ?3)"
                    );
                    view.ask(&query, params![dataset, image, number], Image::from_row)
                }
            };
            if let Some(found) = found.optional()? {
                return Ok(found);
            }
            get(view, dataset)?;
            Err(Error::not_found("image", image))
        })
    }
}

/// A version of a dataset.
pub(crate) fn version(view: &Transaction<'_>, dataset: DatasetId, number: u32) -> Result<Version> {
    let query = format!("{SELECT} AND number = ?2");
    let about = view.ask(&query, params![dataset, number], VersionAbout::from_row);
    let about = about.optional()?;
    let Some(about) = about else {
        let dataset = get(view, dataset)?;
        return Err(Error::NoVersion {
            dataset: dataset.about.name,
            number,
            newest: dataset.version,
        });
    };
    let mut statement = view.prepare_cached(SELECT_IMAGES)?;
    let images = statement.query_map(params![dataset, number], Image::from_row)?;
    Ok(Version {
        dataset,
        about,
        images: images.collect::<rusqlite::Result<_>>()?,
    })
}

/// The hash over contents, captions and crops, as a training computes it.
pub(crate) fn hash_of(images: &[Image]) -> String {
    dataset_version(images.iter().map(|image| {
        let Image {
            blob,
            caption,
            crop,
            ..
        } = image;
        (blob.as_str(), caption.as_str(), *crop)
    }))
}

/// Makes the next version of a dataset, with these images.
pub(super) fn insert(
    change: &Transaction<'_>,
    dataset: DatasetId,
    images: &[Image],
    (words, now_ms): (&str, i64),
) -> Result<u32> {
    let newest = "SELECT coalesce(max(number), 0) FROM dataset_version WHERE dataset = ?";
    let newest: u32 = change.ask(newest, [dataset], |row| row.get(0))?;
    let hash = hash_of(images);
    change.execute(
        "INSERT INTO main.dataset_version (dataset, number, hash, change, created_ms) VALUES (?, ?, ?, ?, ?)",
        params![dataset, newest + 1, hash, words, now_ms],
    )?;
    let version = change.last_insert_rowid();
    let mut place = change
        .prepare_cached("INSERT INTO version_image (version, position, row) VALUES (?, ?, ?)")?;
    for (position, image) in images.iter().enumerate() {
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
        "INSERT INTO main.image (dataset, image, file_name, blob, caption, crop_left, crop_top, crop_side) \
         VALUES (:dataset, :image, :file_name, :blob, :caption, :left, :top, :side)",
    )?;
    row.insert(named_params! {
        ":dataset": dataset, ":image": image.id, ":file_name": image.file_name, ":blob": image.blob,
        ":caption": image.caption, ":left": image.crop.map(|crop| crop.left),
        ":top": image.crop.map(|crop| crop.top), ":side": image.crop.map(|crop| crop.side),
    })
}

/// Names every version whose images are not what its hash says.
pub(crate) fn hash_problems(view: &Transaction<'_>, problems: &mut Vec<String>) -> Result<()> {
    let mut statement = view.prepare_cached(
        "SELECT v.dataset, v.number, d.name FROM dataset_version v JOIN dataset d ON d.id = v.dataset ORDER BY v.id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))
    })?;
    for row in rows {
        let (dataset, number, name) = row?;
        let found = version(view, dataset, number)?;
        if hash_of(&found.images) != found.about.hash {
            problems.push(format!(
                "version {number} of dataset `{name}` is not what its hash says"
            ));
        }
    }
    Ok(())
}

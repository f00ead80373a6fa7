//! Datasets: named pictures with captions and crops. Every change of these makes a version, and versions are never changed.

mod additions;
mod caption;
mod caption_edit;
mod difference;
mod edit;
mod editor;
mod file_name;
mod folder;
mod folder_files;
mod used_words;
mod version;

use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;

use crate::about::{About, AboutChange, come_back};
use crate::error::{Error, Result};
use crate::library::{Ask, DatasetId, ImageId, Library, check_own, name_key};

pub use additions::{Addition, AdditionOutcome};
pub use caption::MAX_CAPTION_CHARS;
pub use caption_edit::CaptionEdit;
pub use difference::{Difference, ImageChange};
pub use edit::{Edit, Edits, MAX_CHANGES, NewImage};
pub use folder::{Exported, Imported};
pub use folder_files::{FolderContent, FolderFile};
pub use version::{Image, Version, VersionAbout, VersionPage};
pub(crate) use version::{hash_of, hash_problems, version};

/// A dataset as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// Its name and purpose.
    #[serde(flatten)]
    pub about: About,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When its newest version was made.
    pub changed_ms: i64,
    /// When it was put into the trash.
    pub trashed_ms: Option<i64>,
    /// The number of its newest version, from 1.
    pub version: u32,
    /// The hash of that version.
    pub hash: String,
    /// How many images that version has.
    pub image_count: u32,
    /// The first of these images.
    pub cover: Option<ImageId>,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    #[serde(skip)]
    pub owner: Option<String>,
    /// Whether every account sees it.
    #[serde(skip)]
    pub is_shared: bool,
}

/// Some of the datasets, in the order of lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetPage {
    /// Those of the page.
    pub datasets: Vec<Dataset>,
    /// How many there are on all pages.
    pub total: u32,
}

const SELECT: &str = "
SELECT d.id, d.name, d.description, d.category, d.trigger_word, d.created_ms, v.created_ms AS changed_ms, d.trashed_ms,
  d.shared, (SELECT a.name FROM account a WHERE a.id = d.owner) AS owner_name,
  v.number, v.hash, (SELECT coalesce(max(position) + 1, 0) FROM version_image i WHERE i.version = v.id) AS image_count,
  (SELECT i.image FROM version_image p JOIN image i ON i.id = p.row WHERE p.version = v.id ORDER BY p.position LIMIT 1) AS cover
FROM dataset d JOIN dataset_version v
  ON v.dataset = d.id AND v.number = (SELECT max(number) FROM dataset_version WHERE dataset = d.id)";

impl Dataset {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            about: About::from_row(row)?,
            created_ms: row.get("created_ms")?,
            changed_ms: row.get("changed_ms")?,
            trashed_ms: row.get("trashed_ms")?,
            version: row.get("number")?,
            hash: row.get("hash")?,
            image_count: row.get("image_count")?,
            cover: row.get("cover")?,
            owner: row.get("owner_name")?,
            is_shared: row.get("shared")?,
        })
    }
}

impl Library {
    /// Makes an empty dataset.
    pub fn create_dataset(&self, about: About) -> Result<Dataset> {
        let (about, now_ms) = (about.checked()?, self.now_ms());
        self.write(move |change| {
            let id = create(change, &about, now_ms)?;
            get(change, id)
        })
    }

    /// Gives a dataset another name or purpose. Its versions stay.
    pub fn update_dataset(&self, id: DatasetId, new: AboutChange) -> Result<Dataset> {
        self.write(move |change| {
            let about = new.over(get_to_change(change, id)?.about).checked()?;
            update_row(&about, change, id)?;
            get(change, id)
        })
    }

    /// The dataset with this id outside the trash, which whoever asks may change.
    ///
    /// # Errors
    /// When it is somebody else's.
    pub fn get_dataset_to_change(&self, id: DatasetId) -> Result<Dataset> {
        self.read(|view| get_to_change(view, id))
    }

    /// The datasets outside the trash, newest change first.
    pub fn list_datasets(&self) -> Result<Vec<Dataset>> {
        self.datasets_where("d.trashed_ms IS NULL")
    }

    /// The datasets in the trash, newest change first.
    pub fn list_deleted_datasets(&self) -> Result<Vec<Dataset>> {
        self.datasets_where("d.trashed_ms IS NOT NULL")
    }

    /// A page of the datasets outside the trash, or with `is_trash` of those in it, newest change first.
    pub fn page_of_datasets(
        &self,
        is_trash: bool,
        (offset, limit): (u32, u32),
    ) -> Result<DatasetPage> {
        let condition = format!("trashed_ms IS {}NULL", if is_trash { "NOT " } else { "" });
        let count = format!("SELECT count(*) FROM dataset WHERE {condition}");
        let query = format!(
            "{SELECT} WHERE d.{condition} ORDER BY changed_ms DESC, d.id DESC LIMIT ? OFFSET ?"
        );
        self.read(|view| {
            let mut statement = view.prepare_cached(&query)?;
            let rows = statement.query_map([limit, offset], Dataset::from_row)?;
            Ok(DatasetPage {
                datasets: rows.collect::<rusqlite::Result<_>>()?,
                total: view.ask(&count, [], |row| row.get(0))?,
            })
        })
    }

    fn datasets_where(&self, condition: &str) -> Result<Vec<Dataset>> {
        let query = format!("{SELECT} WHERE {condition} ORDER BY changed_ms DESC, d.id DESC");
        self.read(|view| {
            let mut statement = view.prepare_cached(&query)?;
            let rows = statement.query_map([], Dataset::from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The dataset with this id, also in the trash.
    pub fn get_dataset(&self, id: DatasetId) -> Result<Dataset> {
        self.read(|view| get(view, id))
    }

    /// The dataset with this name outside the trash, else the one with this id.
    pub fn find_dataset(&self, name: &str) -> Result<Dataset> {
        self.read(|view| {
            let name = name.trim();
            // Older programs kept names apart that are the same today.
            let query = format!(
                "{SELECT} WHERE (d.name = ?1 OR d.name_key = ?2) AND d.trashed_ms IS NULL \
                 ORDER BY d.name = ?1 COLLATE BINARY DESC LIMIT 1"
            );
            let found = view.ask(&query, [name, &name_key(name)], Dataset::from_row);
            match (found.optional()?, name.parse()) {
                (Some(found), _) => Ok(found),
                (None, Ok(id)) => get(view, id),
                (None, Err(_)) => Err(Error::not_found("dataset", name)),
            }
        })
    }

    /// Puts a dataset into the trash, from where it can be taken back until it is emptied.
    pub fn delete_dataset(&self, id: DatasetId) -> Result<Dataset> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            get_to_change(change, id)?;
            let trash = "UPDATE main.dataset SET trashed_ms = ? WHERE id = ?";
            change.execute(trash, params![now_ms, id])?;
            get(change, id)
        })
    }

    /// Takes a dataset back from the trash; where another one has its name by now, with a number behind it.
    pub fn restore_dataset(&self, id: DatasetId) -> Result<Dataset> {
        self.write(move |change| {
            let dataset = get_own(change, id)?;
            come_back(
                change,
                ("dataset", &id),
                &dataset.about.name,
                dataset.trashed_ms,
            )?;
            get(change, id)
        })
    }
}

/// Makes an empty dataset; its first version is that.
fn create(change: &Transaction<'_>, about: &About, now_ms: i64) -> Result<DatasetId> {
    let id = DatasetId::new();
    insert_row(about, change, id, now_ms)?;
    version::insert(change, id, &[], ("created", now_ms))?;
    Ok(id)
}

/// The dataset with this id.
fn get(view: &Transaction<'_>, id: DatasetId) -> Result<Dataset> {
    let query = format!("{SELECT} WHERE d.id = ?");
    let found = view.ask(&query, [id], Dataset::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("dataset", id))
}

/// The dataset with this id, which whoever asks may change.
fn get_own(view: &Transaction<'_>, id: DatasetId) -> Result<Dataset> {
    let dataset = get(view, id)?;
    check_own(view, ("dataset", "dataset"), &id, &dataset.about.name)?;
    Ok(dataset)
}

/// The same, unless it is in the trash.
pub(crate) fn get_to_change(view: &Transaction<'_>, id: DatasetId) -> Result<Dataset> {
    get_own(view, id)?;
    get_to_use(view, id)
}

/// The dataset with this id, unless it is in the trash.
pub(crate) fn get_to_use(view: &Transaction<'_>, id: DatasetId) -> Result<Dataset> {
    let dataset = get(view, id)?;
    if dataset.trashed_ms.is_some() {
        let (what, name) = ("dataset", dataset.about.name);
        return Err(Error::Trashed { what, name });
    }
    Ok(dataset)
}

/// Writes the row of a new dataset.
fn insert_row(about: &About, change: &Transaction<'_>, id: DatasetId, now_ms: i64) -> Result<()> {
    let inserted = change.execute(
        "INSERT INTO main.dataset (id, name, description, category, trigger_word, created_ms, owner) \
         VALUES (:id, :name, :description, :category, :trigger_word, :now_ms, viewer())",
        named_params! {
            ":id": id, ":name": about.name, ":description": about.description,
            ":category": about.category.name(), ":trigger_word": about.trigger_word, ":now_ms": now_ms,
        },
    );
    inserted
        .map(drop)
        .map_err(|error| Error::taken("dataset", &about.name, error))
}

/// Writes it over what the dataset's row says.
fn update_row(about: &About, change: &Transaction<'_>, id: DatasetId) -> Result<()> {
    let updated = change.execute(
        "UPDATE main.dataset SET name = :name, description = :description, category = :category, \
         trigger_word = :trigger_word WHERE id = :id",
        named_params! {
            ":id": id, ":name": about.name, ":description": about.description,
            ":category": about.category.name(), ":trigger_word": about.trigger_word,
        },
    );
    updated
        .map(drop)
        .map_err(|error| Error::taken("dataset", &about.name, error))
}

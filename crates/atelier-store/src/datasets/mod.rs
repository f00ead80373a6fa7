//! Datasets: named pictures with captions and crops. Every change makes a version, and versions are never changed.

mod difference;
mod edit;
mod folder;
mod version;

use atelier_core::Category;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::library::{DatasetId, Library};

pub use difference::{Difference, ImageChange};
pub use edit::{Edit, NewImage, PictureError};
pub use folder::{Exported, Imported};
pub use version::{Image, Version, VersionAbout};

/// Longest name.
const MAX_NAME_CHARS: usize = 200;
/// Longest description.
const MAX_DESCRIPTION_CHARS: usize = 10_000;
/// Longest trigger word.
const MAX_TRIGGER_CHARS: usize = 100;

/// What a dataset is called and what it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its name, which no other dataset outside the trash has.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// What its pictures have in common.
    pub category: Category,
    /// The word that will call what is trained on it; may be empty.
    pub trigger_word: String,
}

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
    /// Pictures in that version.
    pub images: u32,
}

const SELECT: &str = "
SELECT d.id, d.name, d.description, d.category, d.trigger_word, d.created_ms, v.created_ms AS changed_ms, d.trashed_ms,
  v.number, v.hash, (SELECT count(*) FROM version_image i WHERE i.version = v.id) AS images
FROM dataset d JOIN dataset_version v
  ON v.dataset = d.id AND v.number = (SELECT max(number) FROM dataset_version WHERE dataset = d.id)";

impl Dataset {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let category: String = row.get("category")?;
        Ok(Self {
            id: row.get("id")?,
            about: About {
                name: row.get("name")?,
                description: row.get("description")?,
                // A word that this program does not know cannot come from it: the table has only known ones.
                category: category.parse().unwrap_or_default(),
                trigger_word: row.get("trigger_word")?,
            },
            created_ms: row.get("created_ms")?,
            changed_ms: row.get("changed_ms")?,
            trashed_ms: row.get("trashed_ms")?,
            version: row.get("number")?,
            hash: row.get("hash")?,
            images: row.get("images")?,
        })
    }
}

impl About {
    /// The same without spaces around the words.
    ///
    /// # Errors
    /// When something is too long, or cannot stand in one line.
    fn checked(self) -> Result<Self> {
        let about = Self {
            name: self.name.trim().to_owned(),
            description: self.description.trim().to_owned(),
            trigger_word: self.trigger_word.trim().to_owned(),
            ..self
        };
        let limits = [
            ("name", &about.name, MAX_NAME_CHARS),
            ("trigger word", &about.trigger_word, MAX_TRIGGER_CHARS),
            ("description", &about.description, MAX_DESCRIPTION_CHARS),
        ];
        for (what, text, most) in limits {
            let is_line = what != "description";
            let breaks = |c: char| c.is_control() && (is_line || !matches!(c, '\n' | '\t'));
            let problem = if what == "name" && text.is_empty() {
                "it is empty".to_owned()
            } else if text.chars().count() > most {
                format!("it has more than {most} characters")
            } else if text.contains(breaks) {
                "it has control characters".to_owned()
            } else {
                continue;
            };
            let value = text.chars().take(most).collect();
            return Err(Error::Invalid {
                what,
                value,
                problem,
            });
        }
        Ok(about)
    }
}

impl Library {
    /// Makes an empty dataset.
    pub fn create_dataset(&self, about: About) -> Result<Dataset> {
        let (about, now_ms, id) = (about.checked()?, self.now_ms(), DatasetId::new());
        self.write(move |change| {
            insert(change, id, &about, now_ms)
                .map_err(|error| Error::taken("dataset", &about.name, error))?;
            version::insert(change, id, &[], ("created", now_ms))?;
            get(change, id)
        })
    }

    /// Gives a dataset another name or purpose. Its versions stay.
    pub fn update_dataset(&self, id: DatasetId, about: About) -> Result<Dataset> {
        let about = about.checked()?;
        self.write(move |change| {
            let updated = change.execute(
                "UPDATE dataset SET name = :name, description = :description, category = :category, \
                 trigger_word = :trigger_word WHERE id = :id",
                named_params! {
                    ":id": id, ":name": about.name, ":description": about.description,
                    ":category": about.category.name(), ":trigger_word": about.trigger_word,
                },
            );
            updated.map_err(|error| Error::taken("dataset", &about.name, error))?;
            get(change, id)
        })
    }

    /// The datasets outside the trash, newest change first.
    pub fn list_datasets(&self) -> Result<Vec<Dataset>> {
        self.datasets_where("d.trashed_ms IS NULL")
    }

    /// The datasets in the trash, newest change first.
    pub fn list_trashed_datasets(&self) -> Result<Vec<Dataset>> {
        self.datasets_where("d.trashed_ms IS NOT NULL")
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

    /// The dataset with this name outside the trash, or with this id.
    pub fn find_dataset(&self, name: &str) -> Result<Dataset> {
        if let Ok(id) = name.parse() {
            return self.get_dataset(id);
        }
        self.read(|view| {
            let query = format!("{SELECT} WHERE d.name = ? AND d.trashed_ms IS NULL");
            let found = view.query_row(&query, [name.trim()], Dataset::from_row);
            let found = found.optional()?;
            found.ok_or_else(|| Error::not_found("dataset", name))
        })
    }

    /// Puts a dataset into the trash, from where it can be taken back until it is emptied.
    pub fn trash_dataset(&self, id: DatasetId) -> Result<Dataset> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            change.execute(
                "UPDATE dataset SET trashed_ms = ? WHERE id = ? AND trashed_ms IS NULL",
                params![now_ms, id],
            )?;
            get(change, id)
        })
    }

    /// Takes a dataset back from the trash.
    ///
    /// # Errors
    /// When another one has its name by now.
    pub fn restore_dataset(&self, id: DatasetId) -> Result<Dataset> {
        self.write(move |change| {
            let dataset = get(change, id)?;
            let restored =
                change.execute("UPDATE dataset SET trashed_ms = NULL WHERE id = ?", [id]);
            restored.map_err(|error| Error::taken("dataset", &dataset.about.name, error))?;
            get(change, id)
        })
    }
}

fn insert(
    change: &Transaction<'_>,
    id: DatasetId,
    about: &About,
    now_ms: i64,
) -> rusqlite::Result<usize> {
    change.execute(
        "INSERT INTO dataset (id, name, description, category, trigger_word, created_ms) \
         VALUES (:id, :name, :description, :category, :trigger_word, :now_ms)",
        named_params! {
            ":id": id, ":name": about.name, ":description": about.description,
            ":category": about.category.name(), ":trigger_word": about.trigger_word, ":now_ms": now_ms,
        },
    )
}

/// The dataset with this id.
fn get(view: &Transaction<'_>, id: DatasetId) -> Result<Dataset> {
    let query = format!("{SELECT} WHERE d.id = ?");
    let found = view.query_row(&query, [id], Dataset::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("dataset", id))
}

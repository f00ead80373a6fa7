//! What a dataset is called and what it is for.

use atelier_core::Category;
use rusqlite::types::Type;
use rusqlite::{Row, Transaction, named_params};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::library::DatasetId;

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

/// What becomes of it; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AboutChange {
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Another category.
    pub category: Option<Category>,
    /// Another trigger word.
    pub trigger_word: Option<String>,
}

impl AboutChange {
    /// The changed words.
    pub fn over(self, about: About) -> About {
        About {
            name: self.name.unwrap_or(about.name),
            description: self.description.unwrap_or(about.description),
            category: self.category.unwrap_or(about.category),
            trigger_word: self.trigger_word.unwrap_or(about.trigger_word),
        }
    }
}

impl About {
    /// The same without spaces around the words.
    ///
    /// # Errors
    /// When something is too long, or cannot stand in one line.
    pub(super) fn checked(self) -> Result<Self> {
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
            let value: String = text.chars().take(most).collect();
            return Err(Error::invalid(what, value, problem));
        }
        Ok(about)
    }

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let category: String = row.get("category")?;
        let category = category.parse().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
        })?;
        Ok(Self {
            name: row.get("name")?,
            description: row.get("description")?,
            category,
            trigger_word: row.get("trigger_word")?,
        })
    }

    /// Writes the row of a new dataset.
    pub(super) fn insert(
        &self,
        change: &Transaction<'_>,
        id: DatasetId,
        now_ms: i64,
    ) -> Result<()> {
        let inserted = change.execute(
            "INSERT INTO dataset (id, name, description, category, trigger_word, created_ms) \
             VALUES (:id, :name, :description, :category, :trigger_word, :now_ms)",
            named_params! {
                ":id": id, ":name": self.name, ":description": self.description,
                ":category": self.category.name(), ":trigger_word": self.trigger_word, ":now_ms": now_ms,
            },
        );
        inserted
            .map(drop)
            .map_err(|error| Error::taken("dataset", &self.name, error))
    }

    /// Writes it over what the dataset's row says.
    pub(super) fn update(&self, change: &Transaction<'_>, id: DatasetId) -> Result<()> {
        let updated = change.execute(
            "UPDATE dataset SET name = :name, description = :description, category = :category, \
             trigger_word = :trigger_word WHERE id = :id",
            named_params! {
                ":id": id, ":name": self.name, ":description": self.description,
                ":category": self.category.name(), ":trigger_word": self.trigger_word,
            },
        );
        updated
            .map(drop)
            .map_err(|error| Error::taken("dataset", &self.name, error))
    }
}

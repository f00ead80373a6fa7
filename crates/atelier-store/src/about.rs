//! What a dataset, or a model that was trained on it, is called and what it is for.

use atelier_core::{Category, TrainConfig};
use rusqlite::types::Type;
use rusqlite::{Row, ToSql, Transaction, params};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::library::{Ask as _, composed, is_format, name_key};

/// Longest name.
const MAX_NAME_CHARS: usize = 200;
/// Characters that are left for a number behind a name.
const NUMBER_CHARS: usize = 12;
/// Longest description.
const MAX_DESCRIPTION_CHARS: usize = 10_000;
/// What messages call the word.
const TRIGGER_WORD: &str = "trigger word";

/// What a dataset or a model is called and what it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its name, which no other of its kind outside the trash has.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// What its pictures have in common.
    pub category: Category,
    /// The word that calls what is trained; may be empty.
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
    pub(crate) fn checked(self) -> Result<Self> {
        let about = Self {
            name: composed(self.name.trim()),
            description: self.description.trim().to_owned(),
            trigger_word: self.trigger_word.trim().to_owned(),
            ..self
        };
        let limits = [
            ("name", &about.name, MAX_NAME_CHARS),
            (
                TRIGGER_WORD,
                &about.trigger_word,
                TrainConfig::MOST_TRIGGER_CHARS,
            ),
            ("description", &about.description, MAX_DESCRIPTION_CHARS),
        ];
        for (what, text, most) in limits {
            if let Some(problem) = text_problem(what, text, most) {
                let value: String = text.chars().take(most).collect();
                return Err(Error::invalid(what, value, problem));
            }
        }
        Ok(about)
    }

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
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
}

/// Why a text cannot be the trigger word, if it cannot.
pub(crate) fn trigger_problem(text: &str) -> Option<String> {
    text_problem(TRIGGER_WORD, text.trim(), TrainConfig::MOST_TRIGGER_CHARS)
}

/// Why a text cannot be this part of [`About`], if it cannot.
fn text_problem(what: &str, text: &str, most: usize) -> Option<String> {
    let is_line = what != "description";
    let breaks = |c: char| c.is_control() && (is_line || !matches!(c, '\n' | '\t'));
    let problem = if what == "name" && text.is_empty() {
        "it is empty".to_owned()
    } else if text.chars().count() > most {
        format!("it has more than {most} characters")
    } else if text.contains(breaks) {
        "it has control characters".to_owned()
    } else if what == "name" && text.contains(is_format) {
        "it has characters that nobody sees".to_owned()
    } else {
        return None;
    };
    Some(problem)
}

/// The name of a run, a model, an account or a token, which is written before a colon, and as the name of a file.
///
/// # Errors
/// When it is empty, too long, or has characters that mean something there.
pub(crate) fn checked_handle(what: &'static str, name: &str) -> Result<String> {
    let name = composed(name.trim());
    let problem = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.chars().count() > MAX_NAME_CHARS {
        format!("it has more than {MAX_NAME_CHARS} characters")
    } else if name.contains(|c: char| c.is_control() || matches!(c, ':' | '/' | '\\')) {
        "it must not have `:`, `/`, `\\` or control characters".to_owned()
    } else if name.starts_with('.') {
        "it must not begin with a dot".to_owned()
    } else if name.contains(is_format) {
        "it has characters that nobody sees".to_owned()
    } else {
        return Ok(name);
    };
    let value: String = name.chars().take(MAX_NAME_CHARS).collect();
    Err(Error::invalid(what, value, problem))
}

/// A name as the beginning of another one that [`checked_handle`] takes.
pub(crate) fn plain_handle(name: &str) -> String {
    let plain = |c: char| {
        if c.is_control() || is_format(c) || matches!(c, ':' | '/' | '\\') {
            '-'
        } else {
            c
        }
    };
    let name = name.trim_start_matches(|c: char| c == '.' || c.is_whitespace());
    let cut = name.chars().take(MAX_NAME_CHARS - NUMBER_CHARS);
    cut.map(plain).collect::<String>().trim().to_owned()
}

/// The name itself, or with the first number that makes it one that nothing in this table has outside the trash.
pub(crate) fn free_name(view: &Transaction<'_>, table: &str, name: &str) -> Result<String> {
    let taken =
        format!("SELECT count(*) FROM main.{table} WHERE name_key = ? AND trashed_ms IS NULL");
    let short: String = name.chars().take(MAX_NAME_CHARS - NUMBER_CHARS).collect();
    let numbered = (2_u32..).map(|number| format!("{} {number}", short.trim_end()));
    first_free(std::iter::once(name.to_owned()).chain(numbered), |name| {
        Ok(view.ask(&taken, [name_key(name)], |row| row.get::<_, u32>(0))? > 0)
    })
}

/// Takes a row of this table back from the trash, under a name that nothing else has outside of it.
pub(crate) fn come_back(
    change: &Transaction<'_>,
    (table, id): (&str, &dyn ToSql),
    name: &str,
    trashed_ms: Option<i64>,
) -> Result<()> {
    if trashed_ms.is_none() {
        return Ok(());
    }
    let free = free_name(change, table, name)?;
    // One after the other: the key of a name follows it, and must be there before the row is.
    if free != name {
        let rename = format!("UPDATE main.{table} SET name = ? WHERE id = ?");
        change.execute(&rename, params![free, id])?;
    }
    let restore = format!("UPDATE main.{table} SET trashed_ms = NULL WHERE id = ?");
    change.execute(&restore, [id])?;
    Ok(())
}

/// The first of these names that is not taken.
pub(crate) fn first_free(
    mut names: impl Iterator<Item = String>,
    is_taken: impl Fn(&str) -> Result<bool>,
) -> Result<String> {
    loop {
        let name = names.next().unwrap_or_default();
        if !is_taken(&name)? {
            return Ok(name);
        }
    }
}

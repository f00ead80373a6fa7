//! Which bases stand for words of other houses, whose clients name models that are not here.

use atelier_core::DoorWord;
use rusqlite::params;

use crate::error::Result;
use crate::jobs::unreadable;
use crate::library::Library;

/// A word, and the base that stands for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DoorMapping {
    /// What kind of word it is.
    pub kind: DoorWord,
    /// The word.
    pub name: String,
    /// The name of the base; the usual one where there is none.
    pub base: Option<String>,
}

impl Library {
    /// The words that a base was set for, by kind and name.
    pub fn list_door_mappings(&self) -> Result<Vec<DoorMapping>> {
        let mut mappings = self.read(|view| {
            let query = "SELECT kind, name, base FROM door_mapping";
            let mut statement = view.prepare_cached(query)?;
            let rows = statement.query_map([], |row| {
                let kind: String = row.get("kind")?;
                Ok(DoorMapping {
                    kind: kind.parse().map_err(unreadable)?,
                    name: row.get("name")?,
                    base: row.get("base")?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })?;
        mappings.sort();
        Ok(mappings)
    }

    /// Sets the bases of words, all or none; words that are not named stay as they are.
    pub fn set_door_mappings(&self, mappings: Vec<DoorMapping>) -> Result<()> {
        self.write(move |change| {
            for DoorMapping { kind, name, base } in &mappings {
                match base {
                    Some(base) => change.execute(
                        "INSERT INTO door_mapping (kind, name, base) VALUES (?, ?, ?) \
                         ON CONFLICT DO UPDATE SET base = excluded.base",
                        params![kind.name(), name, base],
                    )?,
                    None => change.execute(
                        "DELETE FROM door_mapping WHERE kind = ? AND name = ?",
                        params![kind.name(), name],
                    )?,
                };
            }
            Ok(())
        })
    }
}

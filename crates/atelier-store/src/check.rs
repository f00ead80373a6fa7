//! Whether the catalogue is sound, and every file is what it says.

use std::path::PathBuf;

use rusqlite::Transaction;
use serde::Serialize;

use crate::error::Result;
use crate::library::{DatasetId, Library};
use crate::trash::named;

/// Problems of the database itself that are listed.
const MOST_DATABASE_PROBLEMS: usize = 20;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Datasets, those in the trash too.
    pub datasets: u64,
    /// Versions of them.
    pub versions: u64,
    /// Files that the catalogue names.
    pub files: u64,
    /// Their size together.
    pub size_bytes: u64,
    /// What is wrong, in words; empty when all is well.
    pub problems: Vec<String>,
    /// Files that nothing names. They take room and do no harm; emptying the trash removes those of ours.
    pub unnamed: Vec<PathBuf>,
}

impl Library {
    /// Reads the whole catalogue and every file, which takes as long as reading them takes.
    pub fn check(&self) -> Result<Checked> {
        // Until the end, so that no file is removed between its row and the look at it.
        let _hold = self.blobs().hold()?;
        let (mut checked, blobs) = self.read(|view| {
            let mut checked = Checked {
                datasets: count(view, "dataset")?,
                versions: count(view, "dataset_version")?,
                ..Checked::default()
            };
            checked.problems.extend(of_database(view)?);
            let mut statement = view.prepare("SELECT hash, size_bytes FROM blob ORDER BY hash")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let blobs = rows.collect::<rusqlite::Result<Vec<(String, u64)>>>()?;
            checked.unnamed = self.blobs().unnamed(&named(view)?)?;
            Ok((checked, blobs))
        })?;
        for (hash, size_bytes) in blobs {
            checked.files += 1;
            checked.size_bytes += size_bytes;
            if let Some(problem) = self.blobs().problem(&hash, size_bytes) {
                checked
                    .problems
                    .push(format!("the file `{hash}` {problem}"));
            }
        }
        checked.problems.extend(self.versions_with_other_hashes()?);
        Ok(checked)
    }

    fn versions_with_other_hashes(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        let mut datasets = self.list_datasets()?;
        datasets.extend(self.list_trashed_datasets()?);
        for dataset in datasets {
            let id: DatasetId = dataset.id;
            for about in self.list_versions(id)? {
                let version = self.get_version(id, Some(about.number))?;
                if version.computed_hash() != about.hash {
                    let (number, name) = (about.number, &dataset.about.name);
                    problems.push(format!(
                        "version {number} of dataset `{name}` is not what its hash says"
                    ));
                }
            }
        }
        Ok(problems)
    }
}

fn count(view: &Transaction<'_>, table: &str) -> Result<u64> {
    let query = format!("SELECT count(*) FROM {table}");
    Ok(view.query_row(&query, [], |row| row.get(0))?)
}

fn of_database(view: &Transaction<'_>) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let check = format!("PRAGMA integrity_check({MOST_DATABASE_PROBLEMS})");
    let mut statement = view.prepare(&check)?;
    for row in statement.query_map([], |row| row.get::<_, String>(0))? {
        let words = row?;
        if words != "ok" {
            problems.push(format!("the database: {words}"));
        }
    }
    let mut statement = view.prepare("PRAGMA foreign_key_check")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?))
    })?;
    for row in rows.take(MOST_DATABASE_PROBLEMS) {
        let (table, other) = row?;
        problems.push(format!(
            "a row of `{table}` names one of `{other}` that is not there"
        ));
    }
    Ok(problems)
}

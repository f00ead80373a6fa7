//! What was deleted waits in the trash for a while. Then its rows go, and the files that no other row names.

use std::collections::HashSet;

use rusqlite::Transaction;
use serde::Serialize;

use crate::blobs::Swept;
use crate::error::Result;
use crate::library::Library;
use crate::{kept, start_pictures};

/// How long something stays in the trash.
pub const TRASH_DAYS: i64 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What holds of a dataset on which no job of the queue trains.
const NO_OPEN_TRAINING: &str = "NOT EXISTS (SELECT 1 FROM run r JOIN job j ON j.run = r.id \
     WHERE r.dataset = dataset.id AND j.state IN ('queued', 'running', 'paused'))";
/// What holds of a model with which no job of the queue draws.
const NO_OPEN_DRAWING: &str = "NOT EXISTS (SELECT 1 FROM job j, json_each(j.request, '$.models') used \
     WHERE j.state IN ('queued', 'running', 'paused') AND json_extract(used.value, '$.model') = model.id)";

/// What [`Library::empty_trash`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Emptied {
    /// Datasets.
    pub datasets: usize,
    /// Runs, with their folders.
    pub runs: usize,
    /// Models.
    pub models: usize,
    /// Drawn pictures.
    pub pictures: usize,
    /// Start pictures that no drawing needs any more.
    pub start_pictures: usize,
    /// Files that nothing names any more; none when another process was adding some, so that the next call removes them.
    pub files: Option<u64>,
    /// Their size together.
    pub size_bytes: u64,
}

impl Library {
    /// Removes for good what has been in the trash for `days`, and every file that nothing names any more. Datasets that jobs of
    /// the queue train on and models that they draw with stay until these are over.
    pub fn empty_trash(&self, days: i64) -> Result<Emptied> {
        let now_ms = self.now_ms();
        let before_ms = now_ms - days * DAY_MS;
        let removed = self.write(move |change| {
            let delete = |table: &str, needed: &str| {
                let delete = format!("DELETE FROM {table} WHERE trashed_ms <= ? AND {needed}");
                change.execute(&delete, [before_ms])
            };
            let mut emptied = Emptied {
                models: delete("model", NO_OPEN_DRAWING)?,
                pictures: delete("picture", "TRUE")?,
                // Their jobs go with them.
                runs: delete("run", "TRUE")?,
                datasets: delete("dataset", NO_OPEN_TRAINING)?,
                ..Emptied::default()
            };
            emptied.start_pictures = start_pictures::sweep(change, before_ms, now_ms)?;
            Ok(emptied)
        })?;
        self.sweep_run_folders()?;
        self.sweep_job_folders(before_ms)?;
        // Rows of files go only while nobody is about to name them again.
        let swept = self.blobs().sweep(|| {
            self.write(|change| {
                let delete = "DELETE FROM blob WHERE hash NOT IN (SELECT blob FROM image) \
                              AND hash NOT IN (SELECT blob FROM model) AND hash NOT IN (SELECT blob FROM picture) \
                              AND hash NOT IN (SELECT blob FROM start_picture)";
                change.execute(delete, [])?;
                named(change)
            })
        })?;
        kept::sweep_thumbnails(self.home(), &self.read(named)?);
        Ok(Emptied {
            files: swept.map(|Swept { files, .. }| files),
            size_bytes: swept.map_or(0, |Swept { size_bytes, .. }| size_bytes),
            ..removed
        })
    }
}

/// The files that the catalogue names.
pub(crate) fn named(view: &Transaction<'_>) -> Result<HashSet<String>> {
    let mut statement = view.prepare_cached("SELECT hash FROM blob")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

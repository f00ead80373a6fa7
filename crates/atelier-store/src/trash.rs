//! What was deleted waits in the trash for a while. Then its rows go, and the files that no other row names.

use std::collections::HashSet;

use atelier_core::JobKind;
use rusqlite::{Params, Transaction, params};
use serde::Serialize;

use crate::blobs::{Named, Swept};
use crate::error::Result;
use crate::library::Library;
use crate::start_pictures;
use crate::unnamed::Unnamed;

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
    /// Removes for good what has been in the trash for `days`, with the files that nothing else names, and files and folders that
    /// nothing has named since they were first seen so long ago. Datasets that jobs of the queue train on and models that they draw
    /// with stay until these are over.
    pub fn empty_trash(&self, days: i64) -> Result<Emptied> {
        let now_ms = self.now_ms();
        let before_ms = now_ms - days * DAY_MS;
        let mut unnamed = Unnamed::open(self.home(), now_ms, days * DAY_MS);
        // While it is known which jobs ended before.
        self.sweep_job_folders(before_ms, &mut unnamed)?;
        // These were in no trash.
        let ended_ms = now_ms - days.max(TRASH_DAYS) * DAY_MS;
        let (removed, runs) = self.write(move |change| {
            let delete = |table: &str, needed: &str| {
                let delete = format!("DELETE FROM {table} WHERE trashed_ms <= ? AND {needed}");
                change.execute(&delete, [before_ms])
            };
            let mut emptied = Emptied {
                models: delete("model", NO_OPEN_DRAWING)?,
                pictures: delete("picture", "TRUE")?,
                datasets: delete("dataset", NO_OPEN_TRAINING)?,
                ..Emptied::default()
            };
            // Their jobs go with them.
            let runs = "DELETE FROM run WHERE trashed_ms <= ? RETURNING id";
            let runs = texts(change, runs, [before_ms])?;
            emptied.runs = runs.len();
            // Of what failed or was cancelled, what it would be tried again with goes now, too.
            change.execute(
                "DELETE FROM job WHERE kind = ? AND ended_ms <= ? AND state NOT IN ('queued', 'running', 'paused') \
                 AND NOT EXISTS (SELECT 1 FROM picture p WHERE p.job = job.id)",
                params![JobKind::Generation.name(), ended_ms],
            )?;
            emptied.start_pictures = start_pictures::sweep(change, before_ms, now_ms)?;
            Ok((emptied, runs))
        })?;
        self.sweep_run_folders(&runs, &mut unnamed)?;
        // Rows of files go only while nobody is about to name them again.
        let swept = self.blobs().sweep(&mut unnamed, || {
            self.write(|change| {
                let delete = "DELETE FROM blob WHERE hash NOT IN (SELECT blob FROM image) \
                              AND hash NOT IN (SELECT blob FROM model) AND hash NOT IN (SELECT blob FROM picture) \
                              AND hash NOT IN (SELECT blob FROM start_picture) RETURNING hash";
                let gone = texts(change, delete, [])?;
                let kept = named(change)?;
                Ok(Named { kept, gone })
            })
        })?;
        unnamed.keep(swept.is_some())?;
        let hashes = self.read(named)?;
        atelier_kept::sweep_thumbnails(self.home(), |hash| hashes.contains(hash));
        Ok(Emptied {
            files: swept.map(|Swept { files, .. }| files),
            size_bytes: swept.map_or(0, |Swept { size_bytes, .. }| size_bytes),
            ..removed
        })
    }
}

/// The files that the catalogue names.
pub(crate) fn named(view: &Transaction<'_>) -> Result<HashSet<String>> {
    texts(view, "SELECT hash FROM blob", [])
}

/// The texts that a statement gives.
fn texts(view: &Transaction<'_>, statement: &str, values: impl Params) -> Result<HashSet<String>> {
    let mut statement = view.prepare_cached(statement)?;
    let rows = statement.query_map(values, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

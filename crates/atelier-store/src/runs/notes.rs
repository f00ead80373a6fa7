//! What a run has to tell, as the trainer keeps it in the run's folder: `docs/reference/on-disk.md` describes the file.

use std::path::Path;

use serde::Deserialize;

use crate::error::Result;
use crate::library::{Library, RunId};

/// The file.
const FILE: &str = "notes.json";
/// The version of its layout that is read.
const VERSION: u32 = 1;

/// What is read of it.
#[derive(Debug, Deserialize)]
struct Notes {
    version: u32,
    notes: Vec<String>,
}

impl Library {
    /// What a person should know of a run, in the order in which it arose. Nothing where it left no notes, or none that can be
    /// read.
    pub fn list_run_notes(&self, run: RunId) -> Result<Vec<String>> {
        Ok(read(&self.get_run(run)?.folder).unwrap_or_default())
    }
}

fn read(run: &Path) -> Option<Vec<String>> {
    let text = fs_err::read(run.join(FILE)).ok()?;
    let read: Notes = serde_json::from_slice(&text).ok()?;
    (read.version == VERSION).then_some(read.notes)
}

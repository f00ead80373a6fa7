//! Connections that only read, kept for the next one who reads.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::Transaction;

use super::Viewer;
use super::connection::{Line, line_to_read};
use super::still::Still;
use crate::error::{Error, Result};

/// Connections that are kept while nobody reads.
const KEPT: usize = 8;

/// The connections that nobody uses: those that show everything, and those that show a part.
pub(super) struct Readers {
    whole: Mutex<Vec<Line>>,
    partial: Mutex<Vec<Line>>,
    path: PathBuf,
    /// What the catalogue was, where nothing can be written beside it.
    still: Option<Still>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, still: Option<Still>) -> Self {
        Self {
            whole: Mutex::default(),
            partial: Mutex::default(),
            path,
            still,
        }
    }

    /// Runs `work` on what was there at one moment and may be seen.
    pub(super) fn read<T>(
        &self,
        viewer: Viewer,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let read = self.read_as(viewer, work);
        match self.still {
            // What was read may be half of what was there before, and half of what came.
            Some(still) if !still.holds(&self.path) => {
                let path = self.path.clone();
                Err(Error::Busy { path })
            }
            _ => read,
        }
    }

    fn read_as<T>(
        &self,
        viewer: Viewer,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let is_partial = !viewer.sees_all();
        let kept = if is_partial {
            &self.partial
        } else {
            &self.whole
        };
        let idle = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        let line = idle().pop();
        let kinds = (self.still.is_some(), is_partial);
        let mut line = line.map_or_else(|| line_to_read(&self.path, kinds), Ok)?;
        line.told.set(viewer);
        let transaction = line.connection.transaction()?;
        let value = work(&transaction)?;
        transaction.finish()?;
        let mut idle = idle();
        if idle.len() < KEPT {
            idle.push(line);
        }
        Ok(value)
    }
}

//! Connections that only read, kept for the next one who reads.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction};

use super::connection::open_to_read;
use crate::error::Result;

/// Connections that are kept while nobody reads.
const KEPT: usize = 8;

/// The connections that nobody uses.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    path: PathBuf,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            idle: Mutex::default(),
            path,
        }
    }

    /// Runs `work` on what was there at one moment.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut connection = kept.map_or_else(|| open_to_read(&self.path), Ok)?;
        let transaction = connection.transaction()?;
        let value = work(&transaction)?;
        transaction.finish()?;
        let mut idle = idle();
        if idle.len() < KEPT {
            idle.push(connection);
        }
        Ok(value)
    }
}

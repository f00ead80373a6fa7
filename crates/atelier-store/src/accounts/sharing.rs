//! Things that every account sees. Nothing else is shared with them: a model without its run, a run without its dataset. What is
//! in the trash is seen by nobody else, and is shared again when it is taken back.

use std::fmt::Display;

use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::error::{Error, Result};
use crate::library::{Ask, DatasetId, Library, ModelId, PictureId, RunId, check_own};
use crate::{datasets, models, pictures, runs};

impl Library {
    /// Lets every account see a dataset, or no longer.
    ///
    /// # Errors
    /// When it is somebody else's, or is to be shared from the trash.
    pub fn share_dataset(&self, id: DatasetId, is_shared: bool) -> Result<datasets::Dataset> {
        self.write(move |change| share(change, ("dataset", "name"), id, is_shared))?;
        self.get_dataset(id)
    }

    /// Lets every account see a run and its jobs, or no longer.
    ///
    /// # Errors
    /// When it is somebody else's, or is to be shared from the trash.
    pub fn share_run(&self, id: RunId, is_shared: bool) -> Result<runs::Run> {
        self.write(move |change| {
            share(change, ("run", "name"), id, is_shared)?;
            let jobs = "UPDATE main.job SET shared = ? WHERE run = ?";
            Ok(change.execute(jobs, params![is_shared, id])?)
        })?;
        self.get_run(id)
    }

    /// Lets every account see and use a model, or no longer.
    ///
    /// # Errors
    /// When it is somebody else's, or is to be shared from the trash.
    pub fn share_model(&self, id: ModelId, is_shared: bool) -> Result<models::Model> {
        self.write(move |change| share(change, ("model", "name"), id, is_shared))?;
        self.get_model(id)
    }

    /// Lets every account see a picture, or no longer.
    ///
    /// # Errors
    /// When it is somebody else's, or is to be shared from the trash.
    pub fn share_picture(&self, id: PictureId, is_shared: bool) -> Result<pictures::Picture> {
        self.write(move |change| share(change, ("picture", "id"), id, is_shared))?;
        self.get_picture(id)
    }
}

/// Shares a row of a table, whose column says what messages call it, or no longer.
fn share(
    change: &Transaction<'_>,
    (table, called): (&'static str, &str),
    id: impl ToSql + Display + Copy,
    is_shared: bool,
) -> Result<()> {
    let query = format!("SELECT {called}, trashed_ms IS NOT NULL FROM {table} WHERE id = ?");
    let found = change.ask(&query, [id], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
    });
    let found = found.optional()?;
    let (name, is_trashed) = found.ok_or_else(|| Error::not_found(table, id))?;
    check_own(change, (table, table), &id, &name)?;
    if is_shared && is_trashed {
        return Err(Error::Trashed { what: table, name });
    }
    let share = format!("UPDATE main.{table} SET shared = ? WHERE id = ?");
    change.execute(&share, params![is_shared, id])?;
    Ok(())
}

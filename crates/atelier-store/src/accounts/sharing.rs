//! Things that every account sees. Nothing else is shared with them: a model without its run, a run without its dataset.

use rusqlite::params;

use crate::error::Result;
use crate::library::{DatasetId, Library, ModelId, PictureId, RunId};
use crate::{datasets, models, pictures, runs};

impl Library {
    /// Lets every account see a dataset, or no longer.
    ///
    /// # Errors
    /// When it is somebody else's.
    pub fn share_dataset(&self, id: DatasetId, is_shared: bool) -> Result<datasets::Dataset> {
        self.write(move |change| {
            datasets::get_to_change(change, id)?;
            let share = "UPDATE main.dataset SET shared = ? WHERE id = ?";
            change.execute(share, params![is_shared, id])?;
            datasets::get_to_use(change, id)
        })
    }

    /// Lets every account see a run and its jobs, or no longer.
    ///
    /// # Errors
    /// When it is somebody else's.
    pub fn share_run(&self, id: RunId, is_shared: bool) -> Result<runs::Run> {
        self.write(move |change| {
            runs::get_to_change(change, id)?;
            let share = "UPDATE main.run SET shared = ? WHERE id = ?";
            change.execute(share, params![is_shared, id])?;
            let jobs = "UPDATE main.job SET shared = ? WHERE run = ?";
            Ok(change.execute(jobs, params![is_shared, id])?)
        })?;
        self.get_run(id)
    }

    /// Lets every account see and use a model, or no longer.
    ///
    /// # Errors
    /// When it is somebody else's.
    pub fn share_model(&self, id: ModelId, is_shared: bool) -> Result<models::Model> {
        self.write(move |change| {
            models::get_to_change(change, id)?;
            let share = "UPDATE main.model SET shared = ? WHERE id = ?";
            change.execute(share, params![is_shared, id])?;
            models::get_to_change(change, id)
        })
    }

    /// Lets every account see a picture, or no longer.
    ///
    /// # Errors
    /// When it is somebody else's.
    pub fn share_picture(&self, id: PictureId, is_shared: bool) -> Result<pictures::Picture> {
        self.write(move |change| {
            pictures::get_own(change, id)?;
            let share = "UPDATE main.picture SET shared = ? WHERE id = ?";
            change.execute(share, params![is_shared, id])?;
            pictures::get_own(change, id)
        })
    }
}

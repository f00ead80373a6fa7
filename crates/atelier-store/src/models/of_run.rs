//! The one model that comes of a run by itself, however often and by however many its end is noticed.

use atelier_core::RunState;
use rusqlite::{OptionalExtension as _, Transaction};

use super::adapter::{Adapter, insert};
use super::promised::promised;
use super::{Model, NewModel, checked, get};
use crate::about::{About, free_name};
use crate::blobs::Hold;
use crate::error::{Error, Result};
use crate::jobs;
use crate::library::{Ask, Library, ModelId, RunId};
use crate::runs::{Checkpoint, Run, checkpoint_at, get_to_change, written_by};

/// A run's newest adapter, among the library's files, about to become a model.
pub(crate) struct Prepared {
    run: RunId,
    new: NewModel,
    adapter: Adapter,
}

impl Library {
    /// The model that the end of the run made before, also when it is in the trash by now; else one of its newest adapter. Models
    /// that a user made of the run do not stand for it.
    ///
    /// # Errors
    /// When the run has no checkpoint, or the newest is damaged.
    pub fn model_of_run(&self, run: RunId) -> Result<Model> {
        let hold = self.blobs().hold()?;
        let prepared = self.prepare_model(&hold, run)?;
        let now_ms = self.now_ms();
        let model = self.write(move |change| prepared.publish(change, now_ms));
        drop(hold);
        model
    }

    /// The run that a model comes from, and what it has of an epoch.
    ///
    /// # Errors
    /// When the model comes from no run of this library, or the run has no such checkpoint.
    pub fn model_checkpoint(&self, model: &Model, epoch: usize) -> Result<(Run, Checkpoint)> {
        let Some(run) = model.run else {
            let problem = "it comes from no run of this library, so that it has no other epochs";
            return Err(Error::invalid("model", &model.about.name, problem));
        };
        let run = self.get_run(run)?;
        let checkpoint = checkpoint_at(&run, epoch)?;
        Ok((run, checkpoint))
    }

    /// The checkpoint whose adapter has this content, where a run has noted it and still has it.
    pub fn find_checkpoint(&self, hash: &str) -> Result<Option<(Run, Checkpoint)>> {
        let Some((run, epoch)) = self.read(|view| written_by(view, hash))? else {
            return Ok(None);
        };
        let run = self.get_run(run)?;
        // Of an epoch that was trained again, the file may be another one.
        let found = checkpoint_at(&run, epoch).ok();
        let found = found.filter(|checkpoint| checkpoint.hash == hash);
        Ok(found.map(|checkpoint| (run, checkpoint)))
    }

    /// The model that a run's end made, in the trash too.
    ///
    /// # Errors
    /// When the library cannot be read.
    pub fn find_result(&self, run: RunId) -> Result<Option<Model>> {
        self.read(|view| {
            let made = result_of(view, run)?;
            made.map(|made| get(view, made)).transpose()
        })
    }

    /// Makes the model of a run that is completed and has none, as one that was cancelled after its last step. Nothing comes of one
    /// whose checkpoints are gone.
    ///
    /// # Errors
    /// When it is not completed, is in the trash, is somebody else's, has a job in the queue, or its newest checkpoint is damaged.
    pub fn make_result(&self, run: RunId) -> Result<Option<Model>> {
        self.read(|view| {
            let Run { name, state, .. } = get_to_change(view, run)?;
            if let Some(job) = jobs::open_of_run(view, run)? {
                let job = job.to_string();
                return Err(Error::RunQueued { name, job });
            }
            if state == RunState::Completed {
                return Ok(());
            }
            let problem = "it is not completed, and has no last epoch to make a model of";
            Err(Error::invalid("run", &name, problem))
        })?;
        if self.list_checkpoints(run)?.is_empty() {
            return Ok(None);
        }
        self.model_of_run(run).map(Some)
    }

    pub(crate) fn prepare_model(&self, hold: &Hold, run: RunId) -> Result<Prepared> {
        let run = self.get_run(run)?;
        let epochs = self.list_checkpoints(run.id)?;
        let newest = epochs.last().ok_or_else(|| Error::NoCheckpoint {
            run: run.name.clone(),
            epoch: run.config.epochs,
            has: Vec::new(),
        })?;
        Ok(Prepared {
            run: run.id,
            new: about_of_run(&run, run.name.clone())?,
            adapter: self.keep_checkpoint(hold, &run, newest.epoch)?,
        })
    }
}

impl Prepared {
    pub(crate) fn publish(self, change: &Transaction<'_>, now_ms: i64) -> Result<Model> {
        let Self {
            run,
            mut new,
            adapter,
        } = self;
        if let Some(made) = result_of(change, run)? {
            return get(change, made);
        }
        new.about.name = free_name(change, "model", &new.about.name)?;
        let (id, number) = match promised(change, run)? {
            Some((id, number)) => (id, Some(number)),
            None => (ModelId::new(), None),
        };
        let model = insert(change, (id, number), (&new, &adapter), now_ms)?;
        let result = "UPDATE main.model SET is_result = 1, owner = (SELECT r.owner FROM run r WHERE r.id = model.run) WHERE id = ?";
        change.execute(result, [id])?;
        Ok(model)
    }
}

/// The model that the end of a run made.
fn result_of(view: &Transaction<'_>, run: RunId) -> Result<Option<ModelId>> {
    let query = "SELECT id FROM model WHERE run = ? AND is_result = 1";
    let made = view.ask(query, [run], |row| row.get::<_, ModelId>(0));
    Ok(made.optional()?)
}

/// What the model of a run is called and made for.
pub(super) fn about_of_run(run: &Run, name: String) -> Result<NewModel> {
    let about = About {
        name,
        description: String::new(),
        category: run.config.category,
        trigger_word: run.config.trigger.clone(),
    };
    Ok(NewModel {
        about: checked(about)?,
        strength: None,
        base: run.base.clone(),
        base_hash: Some(run.base_hash.clone()),
    })
}

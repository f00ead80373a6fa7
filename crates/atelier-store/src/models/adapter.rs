//! The adapter file of a model that is about to be made, and the row that names it.

use rusqlite::{Transaction, named_params, params};

use super::{Model, NewModel, USUAL_STRENGTH, get};
use crate::blobs::Hold;
use crate::error::{Error, Result};
use crate::library::{Library, ModelId, RunId};
use crate::runs::{Checkpoint, Run, checkpoint_at, record};

/// The adapter file of a model that is about to be made.
pub(super) struct Adapter {
    pub(super) hash: String,
    pub(super) size_bytes: u64,
    pub(super) origin: Option<(RunId, usize)>,
    /// What it was copied from, which the catalogue may not have noted yet.
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Library {
    /// Copies the adapter of a checkpoint to the library's files.
    pub(super) fn keep_checkpoint(&self, hold: &Hold, run: &Run, epoch: usize) -> Result<Adapter> {
        let checkpoint = checkpoint_at(run, epoch)?;
        let (hash, size_bytes) = self.blobs().put_file(hold, &checkpoint.path)?;
        if hash != checkpoint.hash {
            let file = format!("{} after epoch {epoch}", run.name);
            let problem = "its content is not what the run wrote";
            return Err(Error::invalid("adapter", file, problem));
        }
        Ok(Adapter {
            hash,
            size_bytes,
            origin: Some((run.id, epoch)),
            checkpoint: Some(checkpoint),
        })
    }
}

impl Adapter {
    /// Takes note of the file, and of the checkpoint where its run has not said yet that it is there.
    pub(super) fn note(&self, change: &Transaction<'_>) -> Result<()> {
        let insert = "INSERT INTO blob (hash, size_bytes) VALUES (?, ?) ON CONFLICT DO NOTHING";
        change.execute(insert, params![self.hash, self.size_bytes])?;
        if let (Some((run, _)), Some(checkpoint)) = (self.origin, &self.checkpoint) {
            record(change, run, std::slice::from_ref(checkpoint))?;
        }
        Ok(())
    }
}

/// Takes note of a model, with the number that was promised or the next one.
pub(super) fn insert(
    change: &Transaction<'_>,
    (id, number): (ModelId, Option<u32>),
    (new, adapter): (&NewModel, &Adapter),
    now_ms: i64,
) -> Result<Model> {
    adapter.note(change)?;
    let inserted = change.execute(
        "INSERT INTO main.model (number, id, name, description, category, trigger_word, strength, blob, run, epoch, base, \
           base_hash, created_ms, origin_run, origin_dataset, origin_version, origin_hash, owner) \
         SELECT :number, :id, :name, :description, :category, :trigger_word, :strength, :blob, :run, :epoch, :base, \
           :base_hash, :now_ms, r.name, r.dataset_name, r.dataset_version, r.dataset_hash, viewer() \
         FROM (SELECT 1) LEFT JOIN run r ON r.id = :run",
        named_params! {
            ":number": number, ":id": id, ":name": new.about.name, ":description": new.about.description,
            ":category": new.about.category.name(), ":trigger_word": new.about.trigger_word,
            ":strength": new.strength.unwrap_or(USUAL_STRENGTH), ":blob": adapter.hash,
            ":run": adapter.origin.map(|(run, _)| run), ":epoch": adapter.origin.map(|(_, epoch)| epoch as u64),
            ":base": new.base, ":base_hash": new.base_hash, ":now_ms": now_ms,
        },
    );
    inserted.map_err(|error| Error::taken("model", &new.about.name, error))?;
    get(change, id)
}

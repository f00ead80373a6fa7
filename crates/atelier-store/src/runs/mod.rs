//! Runs: trainings of versions of datasets. The catalogue knows what a run is made from and how far it is; its files lie in a
//! folder of its own, which the trainer writes.

mod checkpoint;
mod folder;
mod notes;
mod page;
mod preview;
mod sitting;

use std::collections::BTreeMap;
use std::path::PathBuf;

use atelier_core::{RunState, SettingOrigin, TrainConfig};
use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;

use crate::about::{checked_handle, come_back, first_free, free_name, plain_handle};
use crate::datasets;
use crate::error::{Error, Result};
use crate::jobs;
use crate::library::{Ask, DatasetId, Library, ModelId, RunId, check_own, name_key};
use crate::models;

pub use checkpoint::{Checkpoint, Losses};
pub(crate) use checkpoint::{
    FOLDER as CHECKPOINTS, Noted, STATE, checkpoint_at, noted, record, recorded, written_by,
    written_files,
};
pub(crate) use folder::{FOLDER, unnamed_folders};
pub use page::RunPage;
pub use preview::{EpochPreviews, Preview};
pub(crate) use sitting::is_in_use;
pub use sitting::{RunEnd, Sitting, Spent};

/// What a run is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its name; made from the dataset's when absent.
    pub name: Option<String>,
    /// The dataset.
    pub dataset: DatasetId,
    /// Which version of it.
    pub version: u32,
    /// The word by which the base is found again.
    pub base: String,
    /// The base's hash.
    pub base_hash: String,
    /// The settings.
    pub config: TrainConfig,
    /// Where each of them comes from.
    pub origins: BTreeMap<String, SettingOrigin>,
    /// Steps that it will have.
    pub total_steps: u64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its id, which is the name of its folder.
    pub id: RunId,
    /// Its name, which no other run outside the trash has.
    pub name: String,
    /// The dataset, unless it was removed for good or may not be seen.
    pub dataset: Option<DatasetId>,
    /// What the dataset was called when the run was made.
    pub dataset_name: String,
    /// The number of the version that is trained on.
    pub dataset_version: u32,
    /// The hash of that version.
    pub dataset_hash: String,
    /// The word by which the base is found again.
    pub base: String,
    /// What the base's hash was.
    pub base_hash: String,
    /// The settings.
    pub config: TrainConfig,
    /// Where each of them comes from; nothing where that was not noted.
    pub origins: BTreeMap<String, SettingOrigin>,
    /// Where it stands.
    pub state: RunState,
    /// Finished and saved steps; while it is trained, finished ones.
    pub done_steps: u64,
    /// Steps that it has altogether.
    pub total_steps: u64,
    /// Loss of the last of these steps.
    pub loss: Option<f32>,
    /// Seconds spent in training steps so far.
    pub training_secs: f64,
    /// Steps that were made in them; more than are done where a process was killed, since some were made again.
    pub trained_steps: u64,
    /// Seconds spent drawing previews so far.
    pub preview_secs: f64,
    /// How many pictures were drawn in them.
    pub preview_pictures: u64,
    /// Why it failed, in words.
    pub problem: Option<String>,
    /// Pictures that it left out on purpose, in words; known when it is completed.
    pub skipped: Vec<String>,
    /// The newest model that was made of it.
    pub model: Option<ModelId>,
    /// Whether its end made a model, which may be in the trash by now. One that was cancelled after its last step is completed
    /// and has none.
    pub has_result: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When something was last heard of it.
    pub changed_ms: i64,
    /// When it was put into the trash.
    pub trashed_ms: Option<i64>,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    #[serde(skip)]
    pub owner: Option<String>,
    /// Whether every account sees it.
    #[serde(skip)]
    pub is_shared: bool,
    /// Where its files lie.
    #[serde(skip)]
    pub folder: PathBuf,
}

const SELECT: &str = "
SELECT r.*, (SELECT m.id FROM model m WHERE m.run = r.id AND m.trashed_ms IS NULL ORDER BY m.number DESC LIMIT 1) AS model,
  EXISTS (SELECT 1 FROM main.model m WHERE m.run = r.id AND m.is_result = 1) AS has_result,
  (SELECT d.id FROM dataset d WHERE d.id = r.dataset) AS seen_dataset,
  (SELECT a.name FROM account a WHERE a.id = r.owner) AS owner_name
FROM run r";

impl Library {
    /// Takes note of a run that will be trained.
    ///
    /// # Errors
    /// When there is no such version, or another run has the name.
    pub fn create_run(&self, new: NewRun) -> Result<Run> {
        let (id, now_ms) = (RunId::new(), self.now_ms());
        let new = Checked::of(new)?;
        self.write(move |change| new.insert(change, id, now_ms))?;
        self.get_run(id)
    }

    /// Whether a new run can be called that.
    ///
    /// # Errors
    /// When it cannot, for a run of anybody's that has the name too.
    pub fn check_run_name(&self, name: &str) -> Result<()> {
        let name = checked_handle("name of a run", name)?;
        if self.read(|view| free_name(view, "run", &name))? == name {
            return Ok(());
        }
        Err(Error::Exists { what: "run", name })
    }

    /// The run with this id, also in the trash.
    pub fn get_run(&self, id: RunId) -> Result<Run> {
        let run = self.read(|view| get(view, id))?;
        Ok(self.as_it_is(run))
    }

    /// The run with this name outside the trash, else the one with this id.
    pub fn find_run(&self, name: &str) -> Result<Run> {
        let run = self.read(|view| {
            let query = format!("{SELECT} WHERE r.name_key = ? AND r.trashed_ms IS NULL");
            let found = view.ask(&query, [name_key(name.trim())], Run::from_row);
            match (found.optional()?, name.trim().parse()) {
                (Some(found), _) => Ok(found),
                (None, Ok(id)) => get(view, id),
                (None, Err(_)) => Err(Error::not_found("run", name)),
            }
        })?;
        Ok(self.as_it_is(run))
    }

    /// The runs outside the trash, or with `is_trash` those in it, newest first.
    pub fn list_runs(&self, is_trash: bool) -> Result<Vec<Run>> {
        let condition = if is_trash { "IS NOT NULL" } else { "IS NULL" };
        self.runs_where(&format!("r.trashed_ms {condition}"), [])
    }

    /// The runs that trained on a dataset, newest first.
    pub fn list_runs_of(&self, dataset: DatasetId) -> Result<Vec<Run>> {
        self.runs_where("r.trashed_ms IS NULL AND r.dataset = ?", [dataset])
    }

    fn runs_where(&self, condition: &str, params: impl rusqlite::Params) -> Result<Vec<Run>> {
        let query = format!("{SELECT} WHERE {condition} ORDER BY r.created_ms DESC, r.id DESC");
        let runs = self.read(|view| {
            let mut statement = view.prepare_cached(&query)?;
            let rows = statement.query_map(params, Run::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })?;
        Ok(runs.into_iter().map(|run| self.as_it_is(run)).collect())
    }

    /// Puts a run into the trash. Models that were made of it stay.
    ///
    /// # Errors
    /// When a process works on it, or a job of it is in the queue.
    pub fn delete_run(&self, id: RunId) -> Result<Run> {
        let run = self.get_run(id)?;
        // Until the row is changed, so that nobody begins to train it meanwhile.
        let seat = run
            .folder
            .exists()
            .then(|| sitting::seat(&run))
            .transpose()?;
        let now_ms = self.now_ms();
        self.write(move |change| {
            let name = get_to_change(change, id)?.name;
            if let Some(job) = jobs::open_of_run(change, id)? {
                let job = job.to_string();
                return Err(Error::RunQueued { name, job });
            }
            let trash = "UPDATE main.run SET trashed_ms = ? WHERE id = ?";
            Ok(change.execute(trash, params![now_ms, id])?)
        })?;
        drop(seat);
        self.get_run(id)
    }

    /// Takes a run back from the trash; where another one has its name by now, with a number behind it.
    pub fn restore_run(&self, id: RunId) -> Result<Run> {
        self.write(move |change| {
            let run = get_own(change, id)?;
            come_back(change, ("run", &id), &run.name, run.trashed_ms)?;
            Ok(())
        })?;
        self.get_run(id)
    }

    /// What a row says, corrected by what the folder shows: a run whose process is gone is no longer trained.
    pub(crate) fn as_it_is(&self, mut run: Run) -> Run {
        run.folder = self.run_folder(run.id);
        if run.state == RunState::Running && !sitting::is_held(&run.folder) {
            run.state = RunState::Stopped;
            let newest = checkpoint::newest_step(&run.folder);
            run.done_steps = newest.unwrap_or(0);
        }
        run
    }
}

/// A new run whose name and settings can be kept.
pub(crate) struct Checked {
    new: NewRun,
    config: String,
    origins: String,
}

impl Checked {
    pub(crate) fn of(mut new: NewRun) -> Result<Self> {
        let config = serde_json::to_string(&new.config).map_err(std::io::Error::other)?;
        let origins = serde_json::to_string(&new.origins).map_err(std::io::Error::other)?;
        let name = new.name.as_deref();
        new.name = name
            .map(|name| checked_handle("name of a run", name))
            .transpose()?;
        Ok(Self {
            new,
            config,
            origins,
        })
    }

    pub(crate) fn insert(self, change: &Transaction<'_>, id: RunId, now_ms: i64) -> Result<()> {
        let Self {
            new,
            config,
            origins,
        } = self;
        let dataset = datasets::get_to_use(change, new.dataset)?;
        let version = datasets::version(change, new.dataset, new.version)?;
        let name = match new.name {
            Some(name) => name,
            None => next_name(change, &dataset.about.name)?,
        };
        let inserted = change.execute(
            "INSERT INTO main.run (id, name, dataset, dataset_name, dataset_version, dataset_hash, base, base_hash, config, \
               state, done_steps, total_steps, training_secs, created_ms, changed_ms, owner, \
               origins) \
             VALUES (:id, :name, :dataset, :dataset_name, :version, :hash, :base, :base_hash, :config, \
               :state, 0, :total, 0, :now_ms, :now_ms, viewer(), :origins)",
            named_params! {
                ":id": id, ":name": name, ":dataset": new.dataset, ":dataset_name": dataset.about.name,
                ":version": new.version, ":hash": version.about.hash, ":base": new.base,
                ":base_hash": new.base_hash, ":config": config, ":state": RunState::Waiting.name(),
                ":total": new.total_steps, ":now_ms": now_ms, ":origins": origins,
            },
        );
        inserted.map_err(|error| Error::taken("run", &name, error))?;
        models::promise(change, id)
    }
}

impl Run {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get("state")?;
        let (config, skipped): (String, String) = (row.get("config")?, row.get("skipped")?);
        let origins: String = row.get("origins")?;
        let (done_steps, trained_steps): (u64, u64) =
            (row.get("done_steps")?, row.get("trained_steps")?);
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            dataset: row.get("seen_dataset")?,
            dataset_name: row.get("dataset_name")?,
            dataset_version: row.get("dataset_version")?,
            dataset_hash: row.get("dataset_hash")?,
            base: row.get("base")?,
            base_hash: row.get("base_hash")?,
            config: serde_json::from_str(&config).map_err(unreadable)?,
            origins: serde_json::from_str(&origins).map_err(unreadable)?,
            state: state.parse().map_err(unreadable)?,
            done_steps,
            total_steps: row.get("total_steps")?,
            loss: row.get("loss")?,
            training_secs: row.get("training_secs")?,
            // A process of an older program counts only those that are done.
            trained_steps: trained_steps.max(done_steps),
            preview_secs: row.get("preview_secs")?,
            preview_pictures: row.get("preview_pictures")?,
            problem: row.get("problem")?,
            skipped: serde_json::from_str(&skipped).map_err(unreadable)?,
            model: row.get("model")?,
            has_result: row.get("has_result")?,
            created_ms: row.get("created_ms")?,
            changed_ms: row.get("changed_ms")?,
            trashed_ms: row.get("trashed_ms")?,
            owner: row.get("owner_name")?,
            is_shared: row.get("shared")?,
            folder: PathBuf::new(),
        })
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

/// The run with this id, as its row says.
pub(crate) fn get(view: &Transaction<'_>, id: RunId) -> Result<Run> {
    let query = format!("{SELECT} WHERE r.id = ?");
    let found = view.ask(&query, [id], Run::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("run", id))
}

/// The run with this id, which whoever asks may change.
pub(crate) fn get_own(view: &Transaction<'_>, id: RunId) -> Result<Run> {
    let run = get(view, id)?;
    check_own(view, ("run", "run"), &id, &run.name)?;
    Ok(run)
}

/// The same, unless it is in the trash.
pub(crate) fn get_to_change(view: &Transaction<'_>, id: RunId) -> Result<Run> {
    let run = get_own(view, id)?;
    if run.trashed_ms.is_some() {
        let (what, name) = ("run", run.name);
        return Err(Error::Trashed { what, name });
    }
    Ok(run)
}

/// Whether there is a run of this id, also in the trash.
pub(crate) fn is_run(view: &Transaction<'_>, id: RunId) -> Result<bool> {
    let query = "SELECT count(*) FROM main.run WHERE id = ?";
    Ok(view.ask(query, [id], |row| row.get(0))?)
}

/// `faces-1`, or with the next number that no run has had.
fn next_name(view: &Transaction<'_>, dataset: &str) -> Result<String> {
    let stem = plain_handle(dataset);
    let taken = "SELECT count(*) FROM main.run WHERE name_key = ?";
    first_free((1_u32..).map(|number| format!("{stem}-{number}")), |name| {
        Ok(view.ask(taken, [name_key(name)], |row| row.get::<_, u32>(0))? > 0)
    })
}

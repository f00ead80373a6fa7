//! Fine-tuned models: adapters with what is needed to use them, and where they come from.

mod adapter;
mod adapter_about;
mod lineage;
mod of_run;
mod page;
mod promised;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use atelier_core::AdapterUse;
use atelier_weights::{Error as WeightsError, atomic};
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;

use crate::about::{About, AboutChange, checked_handle, come_back, free_name};
use crate::error::{Error, Result};
use crate::jobs::unreadable;
use crate::library::{Ask, DatasetId, Library, ModelId, RunId, check_own, name_key};
use crate::runs::{self, Run, written_by};

use adapter::{Adapter, insert};
pub use adapter_about::adapter_about;
pub(crate) use lineage::lineage_problems;
pub use lineage::{BaseLookup, Lineage, Proof, Verdict};
use of_run::about_of_run;
pub use page::ModelPage;
pub(crate) use promised::promise;
pub use promised::{ModelCall, PromisedModel};

/// The strength of a model about which nothing is known.
const USUAL_STRENGTH: f32 = 0.8;

/// A fine-tuned model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Its id.
    pub id: ModelId,
    /// Its number, for programs that call models by whole numbers.
    pub number: u32,
    /// Its name and purpose.
    #[serde(flatten)]
    pub about: About,
    /// Prompts that show what it learned: those that its run was previewed with, else those of its category.
    #[serde(skip)]
    pub preview_prompts: Vec<String>,
    /// The strength at which it is used where nobody says another, 0 to 1.5.
    pub strength: f32,
    /// SHA-256 of the adapter file.
    pub hash: String,
    /// Its length.
    pub size_bytes: u64,
    /// The run that it comes from, unless it was removed for good or may not be seen.
    pub run: Option<RunId>,
    /// What the run is or was called; nothing for a model that was imported.
    pub run_name: Option<String>,
    /// After which epoch of the run it was taken.
    pub epoch: Option<usize>,
    /// The dataset that the run trained on.
    pub dataset: Option<DatasetId>,
    /// What the dataset was called then.
    pub dataset_name: Option<String>,
    /// The number of the version that was trained on.
    pub dataset_version: Option<u32>,
    /// The hash of that version.
    pub dataset_hash: Option<String>,
    /// The word by which its base is found.
    pub base: String,
    /// What the base's hash was.
    pub base_hash: Option<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it was put into the trash.
    pub trashed_ms: Option<i64>,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    #[serde(skip)]
    pub owner: Option<String>,
    /// Whether every account sees it.
    #[serde(skip)]
    pub is_shared: bool,
}

/// An adapter file from elsewhere, as a model.
#[derive(Debug, Clone, PartialEq)]
pub struct NewModel {
    /// Its name and purpose.
    pub about: About,
    /// The strength at which it is used where nobody says another.
    pub strength: Option<f32>,
    /// The word by which its base is found.
    pub base: String,
    /// The base's hash, where it is known.
    pub base_hash: Option<String>,
}

/// What becomes of a model; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelChange {
    /// Another name or purpose.
    pub about: AboutChange,
    /// Another strength.
    pub strength: Option<f32>,
    /// The adapter of another epoch of its run.
    pub epoch: Option<usize>,
}

const SELECT: &str = "
SELECT m.*, b.size_bytes, r.id AS seen_run, coalesce(r.name, m.origin_run) AS run_name,
  (SELECT d.id FROM dataset d WHERE d.id = r.dataset) AS dataset,
  (SELECT a.name FROM account a WHERE a.id = m.owner) AS owner_name,
  coalesce(r.dataset_name, m.origin_dataset) AS dataset_name,
  coalesce(r.dataset_version, m.origin_version) AS dataset_version,
  coalesce(r.dataset_hash, m.origin_hash) AS dataset_hash,
  json_extract(r.config, '$.preview_prompts') AS previewed
FROM model m JOIN blob b ON b.hash = m.blob LEFT JOIN run r ON r.id = m.run";

impl Library {
    /// Makes a model of a run's adapter after an epoch, called after the run where no name is given.
    ///
    /// # Errors
    /// When the run is in the trash, has no such checkpoint or it is damaged, or another model has the name.
    pub fn create_model(&self, run: RunId, epoch: usize, name: Option<&str>) -> Result<Model> {
        let present = |run: Run| match run.trashed_ms {
            None => Ok(run),
            Some(_) => Err(Error::Trashed {
                what: "run",
                name: run.name,
            }),
        };
        let run = present(self.get_run(run)?)?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.read(|view| free_name(view, "model", &run.name))?,
        };
        let new = about_of_run(&run, name)?;
        let hold = self.blobs().hold()?;
        let adapter = self.keep_checkpoint(&hold, &run, epoch)?;
        let (id, now_ms) = (ModelId::new(), self.now_ms());
        let model = self.write(move |change| {
            // Copying took its time: the run may be in the trash or out of sight by now.
            present(runs::get(change, run.id)?)?;
            insert(change, (id, None), (&new, &adapter), now_ms)
        });
        drop(hold);
        model
    }

    /// Makes a model of an adapter file, which is copied. One that a run of the library wrote is known by its content.
    ///
    /// # Errors
    /// When the file cannot be read, or another model has the name.
    pub fn import_model(&self, new: NewModel, file: &Path) -> Result<Model> {
        let new = NewModel {
            about: checked(new.about)?,
            strength: new.strength.map(checked_strength).transpose()?,
            ..new
        };
        let hold = self.blobs().hold()?;
        let (hash, size_bytes) = self.blobs().put_file(&hold, file)?;
        let adapter = Adapter {
            origin: self.read(|view| written_by(view, &hash))?,
            checkpoint: None,
            hash,
            size_bytes,
        };
        let model = self.insert_model(new, adapter);
        drop(hold);
        model
    }

    fn insert_model(&self, new: NewModel, adapter: Adapter) -> Result<Model> {
        let (id, now_ms) = (ModelId::new(), self.now_ms());
        self.write(move |change| insert(change, (id, None), (&new, &adapter), now_ms))
    }

    /// Gives a model another name, purpose, strength, or the adapter of another epoch of its run.
    ///
    /// # Errors
    /// When another model has the name, the strength lies outside 0 to 1.5, or there is no such checkpoint.
    pub fn update_model(&self, id: ModelId, new: ModelChange) -> Result<Model> {
        let strength = new.strength.map(checked_strength).transpose()?;
        let hold = self.blobs().hold()?;
        let adapter = new.epoch.map(|epoch| {
            let (run, _) = self.model_checkpoint(&self.get_model(id)?, epoch)?;
            self.keep_checkpoint(&hold, &run, epoch)
        });
        let adapter = adapter.transpose()?;
        let updated = self.write(move |change| {
            let model = get_to_change(change, id)?;
            let about = checked(new.about.over(model.about))?;
            let updated = change.execute(
                "UPDATE main.model SET name = :name, description = :description, category = :category, \
                   trigger_word = :trigger_word, strength = coalesce(:strength, strength) WHERE id = :id",
                named_params! {
                    ":id": id, ":name": about.name, ":description": about.description,
                    ":category": about.category.name(), ":trigger_word": about.trigger_word, ":strength": strength,
                },
            );
            updated.map_err(|error| Error::taken("model", &about.name, error))?;
            if let Some(adapter) = adapter {
                adapter.note(change)?;
                let epoch = adapter.origin.map(|(_, epoch)| epoch as u64);
                let other = "UPDATE main.model SET blob = ?, epoch = ? WHERE id = ?";
                change.execute(other, params![adapter.hash, epoch, id])?;
            }
            get(change, id)
        });
        drop(hold);
        updated
    }

    /// The model with this id, also in the trash.
    pub fn get_model(&self, id: ModelId) -> Result<Model> {
        self.read(|view| get(view, id))
    }

    /// The model with this name outside the trash, else the one with this id.
    pub fn find_model(&self, name: &str) -> Result<Model> {
        self.read(|view| {
            let query = format!("{SELECT} WHERE m.name_key = ? AND m.trashed_ms IS NULL");
            let found = view.ask(&query, [name_key(name.trim())], Model::from_row);
            match (found.optional()?, name.trim().parse()) {
                (Some(found), _) => Ok(found),
                (None, Ok(id)) => get(view, id),
                (None, Err(_)) => Err(Error::not_found("model", name)),
            }
        })
    }

    /// The models outside the trash, or with `is_trash` those in it, newest first.
    pub fn list_models(&self, is_trash: bool) -> Result<Vec<Model>> {
        let condition = if is_trash { "IS NOT NULL" } else { "IS NULL" };
        self.models_where(&format!("m.trashed_ms {condition}"), [])
    }

    /// The models that were made of a run.
    pub fn list_models_of(&self, run: RunId) -> Result<Vec<Model>> {
        self.models_where("m.trashed_ms IS NULL AND m.run = ?", [run])
    }

    /// The models whose runs trained on a dataset.
    pub fn list_models_on(&self, dataset: DatasetId) -> Result<Vec<Model>> {
        self.models_where("m.trashed_ms IS NULL AND r.dataset = ?", [dataset])
    }

    fn models_where(&self, condition: &str, params: impl rusqlite::Params) -> Result<Vec<Model>> {
        let query = format!("{SELECT} WHERE {condition} ORDER BY m.number DESC");
        self.read(|view| {
            let mut statement = view.prepare_cached(&query)?;
            let rows = statement.query_map(params, Model::from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The adapter file of a model, inside the library. It is never changed; copy it with [`Self::export_model`].
    pub fn model_file(&self, model: &Model) -> PathBuf {
        self.blobs().path(&model.hash)
    }

    /// Copies the adapter file of a model to a new place.
    ///
    /// # Errors
    /// When there is something at `to`, or the library's file is damaged.
    pub fn export_model(&self, id: ModelId, to: &Path) -> Result<Model> {
        let model = self.get_model(id)?;
        let taken = || {
            let to = to.display().to_string();
            Error::invalid("file", to, "it exists already; give a new one")
        };
        if to.symlink_metadata().is_ok() {
            return Err(taken());
        }
        let bytes = self.blobs().read(&model.hash)?;
        if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs_err::create_dir_all(folder)?;
        }
        let written = atomic::write_new_file(to, |temporary| {
            atomic::write_file(temporary, |out| out.write_all(&bytes))
        });
        written.map_err(|error| match error {
            // Somebody was quicker.
            WeightsError::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists => taken(),
            error => error.into(),
        })?;
        Ok(model)
    }

    /// Puts a model into the trash, from where it can be taken back until it is emptied.
    pub fn delete_model(&self, id: ModelId) -> Result<Model> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            get_to_change(change, id)?;
            let trash = "UPDATE main.model SET trashed_ms = ? WHERE id = ?";
            change.execute(trash, params![now_ms, id])?;
            get(change, id)
        })
    }

    /// Takes a model back from the trash; where another one has its name by now, with a number behind it.
    pub fn restore_model(&self, id: ModelId) -> Result<Model> {
        self.write(move |change| {
            let model = get_own(change, id)?;
            come_back(change, ("model", &id), &model.about.name, model.trashed_ms)?;
            get(change, id)
        })
    }
}

impl Model {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let epoch: Option<u64> = row.get("epoch")?;
        let about = About::from_row(row)?;
        Ok(Self {
            id: row.get("id")?,
            number: row.get("number")?,
            preview_prompts: preview_prompts(row, &about)?,
            about,
            strength: row.get("strength")?,
            hash: row.get("blob")?,
            size_bytes: row.get("size_bytes")?,
            run: row.get("seen_run")?,
            run_name: row.get("run_name")?,
            epoch: epoch.map(|epoch| epoch as usize),
            dataset: row.get("dataset")?,
            dataset_name: row.get("dataset_name")?,
            dataset_version: row.get("dataset_version")?,
            dataset_hash: row.get("dataset_hash")?,
            base: row.get("base")?,
            base_hash: row.get("base_hash")?,
            created_ms: row.get("created_ms")?,
            trashed_ms: row.get("trashed_ms")?,
            owner: row.get("owner_name")?,
            is_shared: row.get("shared")?,
        })
    }
}

fn preview_prompts(row: &Row<'_>, about: &About) -> rusqlite::Result<Vec<String>> {
    let own: Option<String> = row.get("previewed")?;
    let own = own.map(|own| serde_json::from_str::<Vec<String>>(&own).map_err(unreadable));
    let own = own.transpose()?.filter(|own| !own.is_empty());
    Ok(own.unwrap_or_else(|| about.category.preview_prompts(&about.trigger_word)))
}

fn checked(about: About) -> Result<About> {
    let name = checked_handle("name of a model", &about.name)?;
    About { name, ..about }.checked()
}

fn checked_strength(strength: f32) -> Result<f32> {
    if AdapterUse::STRENGTHS.contains(&strength) {
        return Ok(strength);
    }
    let problem = "it must lie between 0 and 1.5";
    Err(Error::invalid("strength", strength.to_string(), problem))
}

/// The model with this id.
fn get(view: &Transaction<'_>, id: ModelId) -> Result<Model> {
    let query = format!("{SELECT} WHERE m.id = ?");
    let found = view.ask(&query, [id], Model::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("model", id))
}

/// The model with this id, which whoever asks may change.
fn get_own(view: &Transaction<'_>, id: ModelId) -> Result<Model> {
    let model = get(view, id)?;
    check_own(view, ("model", "model"), &id, &model.about.name)?;
    Ok(model)
}

/// The same, unless it is in the trash.
pub(crate) fn get_to_change(view: &Transaction<'_>, id: ModelId) -> Result<Model> {
    let model = get_own(view, id)?;
    if model.trashed_ms.is_some() {
        let (what, name) = ("model", model.about.name);
        return Err(Error::Trashed { what, name });
    }
    Ok(model)
}

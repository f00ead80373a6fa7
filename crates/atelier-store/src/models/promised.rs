//! Models that are there, and those that runs will become: both are called by the same id and number, since these are promised
//! when a run is made.

use rusqlite::{OptionalExtension as _, ToSql, Transaction, params};

use super::{Model, SELECT};
use crate::error::{Error, Result};
use crate::jobs;
use crate::library::{Ask, Library, ModelId, RunId};
use crate::runs::{self, Run};

/// How a model is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelCall {
    /// By its id.
    Id(ModelId),
    /// By its number.
    Number(u32),
    /// By the run that it comes from.
    Run(RunId),
}

/// A model, or what will become one.
#[derive(Debug, Clone, PartialEq)]
pub struct PromisedModel {
    /// The id that it has or will have.
    pub id: ModelId,
    /// The number that it has or will have.
    pub number: u32,
    /// The model, once it is there.
    pub model: Option<Model>,
    /// The run that it comes from.
    pub run: Option<Run>,
    /// Whether a job of the run is in the queue.
    pub is_queued: bool,
    /// Whether the newest job of the run was cancelled, or is about to be.
    pub is_given_up: bool,
}

/// What a run was promised.
struct Promise {
    run: RunId,
    id: ModelId,
    number: u32,
}

impl Library {
    /// The model of this id or number, or the run that will become it.
    ///
    /// # Errors
    /// When there is none, or the model or the run is in the trash.
    pub fn get_promised_model(&self, call: ModelCall) -> Result<PromisedModel> {
        let found = self.read(|view| match call {
            ModelCall::Id(id) => found(view, "id", "model_id", &id),
            ModelCall::Number(number) => found(view, "number", "model_number", &number),
            ModelCall::Run(run) => promised_to(view, "id", &run),
        })?;
        let found = found.ok_or_else(|| match call {
            ModelCall::Id(id) => Error::not_found("model", id),
            ModelCall::Number(number) => Error::not_found("model", number),
            ModelCall::Run(run) => Error::not_found("run", run),
        })?;
        Ok(self.with_folder(found))
    }

    /// What will be models or could not become any, newest first: the runs outside the trash whose end has made no model.
    pub fn list_promised_models(&self) -> Result<Vec<PromisedModel>> {
        let query = "SELECT id, model_id, model_number FROM run r WHERE trashed_ms IS NULL AND model_id IS NOT NULL \
                     AND NOT EXISTS (SELECT 1 FROM model m WHERE m.run = r.id AND m.is_result = 1) ORDER BY created_ms DESC, id DESC";
        let promised = self.read(|view| {
            let mut statement = view.prepare_cached(query)?;
            let rows = statement.query_map([], Promise::from_row)?;
            let promises = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let promised = promises.into_iter();
            promised
                .map(|promise| of_run(view, &promise))
                .collect::<Result<Vec<_>>>()
        })?;
        let promised = promised.into_iter().flatten();
        Ok(promised.map(|one| self.with_folder(one)).collect())
    }

    fn with_folder(&self, promised: PromisedModel) -> PromisedModel {
        let run = promised.run.map(|run| self.as_it_is(run));
        PromisedModel { run, ..promised }
    }
}

impl Promise {
    fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run: row.get("id")?,
            id: row.get("model_id")?,
            number: row.get("model_number")?,
        })
    }
}

fn found(
    view: &Transaction<'_>,
    model_column: &str,
    run_column: &str,
    value: &dyn ToSql,
) -> Result<Option<PromisedModel>> {
    let query = format!("{SELECT} WHERE m.{model_column} = ?");
    let model = view.ask(&query, [value], Model::from_row).optional()?;
    if let Some(model) = model {
        let run = model.run.map(|run| runs::get(view, run)).transpose()?;
        return Ok(model.trashed_ms.is_none().then_some(PromisedModel {
            id: model.id,
            number: model.number,
            model: Some(model),
            run,
            is_queued: false,
            is_given_up: false,
        }));
    }
    promised_to(view, run_column, value)
}

/// What a run is promised to become.
fn promised_to(
    view: &Transaction<'_>,
    column: &str,
    value: &dyn ToSql,
) -> Result<Option<PromisedModel>> {
    let query = format!(
        "SELECT id, model_id, model_number FROM run WHERE model_id IS NOT NULL AND {column} = ? AND trashed_ms IS NULL"
    );
    let promise = view.ask(&query, [value], Promise::from_row);
    match promise.optional()? {
        Some(promise) => of_run(view, &promise),
        None => Ok(None),
    }
}

/// What a run is promised to become, or became; nothing when that was deleted.
fn of_run(view: &Transaction<'_>, promise: &Promise) -> Result<Option<PromisedModel>> {
    let query = format!("{SELECT} WHERE m.run = ? AND m.is_result = 1");
    let model = view.ask(&query, [promise.run], Model::from_row);
    let model = model.optional()?;
    if model
        .as_ref()
        .is_some_and(|model| model.trashed_ms.is_some())
    {
        return Ok(None);
    }
    Ok(Some(PromisedModel {
        id: promise.id,
        number: promise.number,
        model,
        run: Some(runs::get(view, promise.run)?),
        is_queued: jobs::open_of_run(view, promise.run)?.is_some(),
        is_given_up: jobs::is_given_up(view, promise.run)?,
    }))
}

/// Promises a run an id and a number that no model has had.
pub(crate) fn promise(change: &Transaction<'_>, run: RunId) -> Result<()> {
    let next = "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'model'";
    if change.execute(next, [])? == 0 {
        let first = "INSERT INTO sqlite_sequence (name, seq) VALUES ('model', 1)";
        change.execute(first, [])?;
    }
    let promise = "UPDATE main.run SET model_id = ?, \
                   model_number = (SELECT seq FROM sqlite_sequence WHERE name = 'model') WHERE id = ?";
    change.execute(promise, params![ModelId::new(), run])?;
    Ok(())
}

/// What a run was promised.
pub(super) fn promised(view: &Transaction<'_>, run: RunId) -> Result<Option<(ModelId, u32)>> {
    let query = "SELECT id, model_id, model_number FROM run WHERE id = ? AND model_id IS NOT NULL";
    let promise = view.ask(query, [run], Promise::from_row).optional()?;
    Ok(promise.map(|Promise { id, number, .. }| (id, number)))
}

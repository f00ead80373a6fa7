//! What is trained here: the other house has two kinds, elements with numbers and custom models with ids. Here each is a model
//! of the library, or the run that will become it.

use std::collections::HashMap;

use atelier_core::{BaseKind, Category, DoorWord, RunState, TrainConfig};
use atelier_jobs::Queue;
use atelier_server::door::{App, Failure, TrainingRequest, mapped_base, start_training};
use atelier_store::{About, DatasetId, Error, Library, ModelCall, PromisedModel, Run};
use serde_json::{Map, Value, json};

use super::datasets::present;
use super::refusal::{Refusal, Result};
use crate::ending::end;

/// Runs have names like files; so many are told apart.
const SAME_NAMES: u32 = 1_000;
/// A name that leaves room for a number.
const NAME_CHARS: usize = 180;
/// A trigger word that is made of a name.
const WORD_CHARS: usize = 40;
/// What the clients fill in where their user gives no name.
const NO_NAME: &str = "placeholder";

/// A model, or what will become one, with what the answers of both kinds tell.
#[derive(Debug)]
pub(super) struct FineTuned {
    pub(super) id: String,
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) category: Category,
    pub(super) trigger: String,
    pub(super) base: String,
    /// The strength at which it is used where nobody says another.
    pub(super) strength: Option<f32>,
    pub(super) created_ms: i64,
    pub(super) changed_ms: i64,
    /// `PENDING`, `COMPLETE` or `FAILED`.
    pub(super) status: &'static str,
    /// The settings of its training.
    pub(super) config: Option<TrainConfig>,
    /// How far its training is, in this house's words.
    pub(super) training: Value,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    pub(super) owner: Option<String>,
}

/// Whether something is there or coming; nothing for what was there and is gone, and for what was cancelled.
pub(super) fn status(promised: &PromisedModel) -> Option<&'static str> {
    if promised.model.is_some() {
        return Some("COMPLETE");
    }
    let state = promised.run.as_ref()?.state;
    match (promised.is_queued, state) {
        (true, _) => (!promised.is_given_up).then_some("PENDING"),
        // By a command of the terminal.
        (false, RunState::Running) => Some("PENDING"),
        (false, RunState::Completed) => None,
        (false, RunState::Waiting | RunState::Stopped | RunState::Failed) => {
            (!promised.is_given_up).then_some("FAILED")
        }
    }
}

impl FineTuned {
    fn of(promised: PromisedModel) -> Option<Self> {
        let status = status(&promised)?;
        let PromisedModel { model, run, .. } = promised;
        let (id, number) = (promised.id.to_string(), promised.number);
        let training = run.as_ref().map_or(Value::Null, training);
        let times = run.as_ref().map(|run| [run.created_ms, run.changed_ms]);
        Some(match (model, run) {
            (Some(model), run) => Self {
                id,
                number,
                name: model.about.name,
                description: model.about.description,
                category: model.about.category,
                trigger: model.about.trigger_word,
                base: model.base,
                strength: Some(model.strength),
                created_ms: times.map_or(model.created_ms, |[created_ms, _]| created_ms),
                changed_ms: times.map_or(model.created_ms, |[_, changed_ms]| {
                    changed_ms.max(model.created_ms)
                }),
                status,
                config: run.map(|run| run.config),
                training,
                owner: model.owner,
            },
            (None, Some(run)) => Self {
                id,
                number,
                name: run.name,
                description: String::new(),
                category: run.config.category,
                trigger: run.config.trigger.clone(),
                base: run.base,
                strength: None,
                created_ms: run.created_ms,
                changed_ms: run.changed_ms,
                status,
                config: Some(run.config),
                training,
                owner: run.owner,
            },
            (None, None) => return None,
        })
    }
}

fn training(run: &Run) -> Value {
    json!({
        "run": run.id.to_string(),
        "state": run.state,
        "done_steps": run.done_steps,
        "total_steps": run.total_steps,
        "loss": run.loss,
        "problem": run.problem,
    })
}

/// What is called so.
pub(super) async fn get(app: &App, call: ModelCall) -> Result<FineTuned> {
    let library = app.library();
    let found = app.work();
    let found = found.catalogue(move || library.get_promised_model(call));
    let found = FineTuned::of(found.await?);
    found.ok_or_else(gone)
}

/// What was there or coming is not any more.
pub(super) fn gone() -> Refusal {
    let message = "there is no such model any more; it was deleted, or its training cancelled";
    Refusal::not_found(message)
}

/// What belongs to whoever asks, who may see more than that.
pub(super) async fn list_own(app: &App) -> Result<Vec<FineTuned>> {
    let mut found = list(app).await?;
    let own = app.account().map(|account| &account.name);
    found.retain(|one| one.owner.as_ref() == own);
    Ok(found)
}

/// Everything outside the trash: first what is being trained or failed, then models, the newest first.
pub(super) async fn list(app: &App) -> Result<Vec<FineTuned>> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let mut all = library.list_promised_models()?;
        let models = library.list_models(false)?.into_iter();
        all.extend(models.map(|model| PromisedModel {
            id: model.id,
            number: model.number,
            model: Some(model),
            run: None,
            is_queued: false,
            is_given_up: false,
        }));
        Ok(all)
    });
    let found = found.await?.into_iter();
    Ok(found.filter_map(FineTuned::of).collect())
}

/// Kinds of the bases that there are, by their names.
pub(super) async fn kinds(app: &App) -> Result<HashMap<String, (BaseKind, usize)>> {
    let planner = app.planner()?;
    let bases = app.work().files(move || planner.list_bases()).await?;
    let bases = bases.map_err(Failure::from)?.into_iter();
    let kinds = bases.map(|base| (base.name, (base.kind, base.native_size)));
    Ok(kinds.collect())
}

/// A training that is wanted.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) dataset: String,
    pub(super) name: Option<String>,
    pub(super) trigger: Option<String>,
    /// The dataset's where there is none.
    pub(super) category: Option<Category>,
    /// The version of the base.
    pub(super) version: Option<String>,
    /// Settings by their names here.
    pub(super) settings: Map<String, Value>,
}

/// Starts a training, and says what it will become.
pub(super) async fn train(app: &App, wish: Wish) -> Result<FineTuned> {
    let dataset = wish.dataset.parse::<DatasetId>();
    let dataset = dataset.map_err(|_| Refusal::not_found("there is no such dataset"))?;
    let mut settings = wish.settings;
    if let Some(category) = wish.category {
        settings.insert("category".to_owned(), json!(category));
    }
    let (library, planner) = (app.library(), app.planner()?);
    let look = move || -> Result<(About, Option<String>)> {
        let about = present(&library, dataset)?.about;
        let version = wish.version.as_deref();
        let version = version.map(|version| (DoorWord::SdVersion, version));
        let base = mapped_base(&library, &planner, version.as_slice())?;
        Ok((about, base))
    };
    let (about, base) = app.work().files(look).await??;
    let name = name_of(wish.name.as_deref());
    let given = wish.trigger.as_deref().map_or("", str::trim);
    if !given.is_empty() {
        settings.insert("trigger".to_owned(), json!(given));
    } else if about.trigger_word.is_empty() {
        let names = [name.as_deref().unwrap_or_default(), &about.name];
        let word = names.into_iter().find_map(word_of).ok_or_else(|| {
            let message =
                "`instance_prompt` is empty, and the name has no letters to make a trigger word of";
            Refusal::invalid(message)
        });
        settings.insert("trigger".to_owned(), json!(word?));
    }
    let numbered = |name| (2..=SAME_NAMES).map(move |number| format!("{name} {number}"));
    let others = name.clone().into_iter().flat_map(numbered);
    let request = TrainingRequest {
        dataset,
        version: None,
        base,
        name,
        settings,
    };
    let (_, run) = start_training(app, request, others).await?;
    get(app, ModelCall::Run(run.id)).await
}

/// A name that a run may have; nothing where none is given, so that it follows from the dataset's.
fn name_of(wanted: Option<&str>) -> Option<String> {
    let plain = |c: char| {
        if c.is_control() || matches!(c, ':' | '/' | '\\') {
            '-'
        } else {
            c
        }
    };
    let wanted = wanted.unwrap_or_default().trim().trim_start_matches('.');
    let name: String = wanted.chars().take(NAME_CHARS).map(plain).collect();
    let name = name.trim().to_owned();
    (!name.is_empty() && name != NO_NAME).then_some(name)
}

/// A trigger word made of a name, for trainings that say none: its letters and digits. One without digits gets one, since bases
/// know words, and a trigger word should be none of them. Nothing where there are no letters.
fn word_of(name: &str) -> Option<String> {
    let plain = name.chars().filter(|c| c.is_alphanumeric());
    let word: String = plain.take(WORD_CHARS).collect();
    if !word.contains(char::is_alphabetic) {
        return None;
    }
    let has_digits = word.contains(char::is_numeric);
    Some(if has_digits { word } else { word + "V1" })
}

/// Puts a model into the trash; ends the training of what is none yet.
pub(super) async fn delete(app: &App, call: ModelCall) -> Result<FineTuned> {
    let found = get(app, call).await?;
    let (library, queue) = (app.library(), app.queue()?);
    let delete = move || delete_now(&library, &queue, call);
    app.work().files(delete).await??;
    Ok(found)
}

fn delete_now(library: &Library, queue: &Queue, call: ModelCall) -> Result<()> {
    let PromisedModel {
        model,
        run,
        is_queued,
        ..
    } = library.get_promised_model(call)?;
    match (model, run) {
        (Some(model), _) => drop(library.delete_model(model.id)?),
        (None, Some(run)) => {
            let is_ended = match library.find_open_job_of(run.id)? {
                Some(job) => end(queue, job.id)?,
                None => !is_queued,
            };
            if !is_ended {
                // It came to its own end just now, so that there may be a model.
                return delete_now(library, queue, call);
            }
            match library.delete_run(run.id) {
                // Its worker stops within a step; what is left of it has failed then.
                Ok(_) | Err(Error::RunInUse { .. } | Error::RunQueued { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        (None, None) => {}
    }
    Ok(())
}

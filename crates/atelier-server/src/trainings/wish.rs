//! From a request to the training that somebody thinks of. Everything that is wrong with its settings is told together.

use std::collections::BTreeMap;

use atelier_core::{
    ErrorCode, PlannedTraining, SettingOrigin, TrainConfig, TrainingPictures, TrainingWish,
};
use atelier_http::answer::{Failure, Result};
use atelier_store::{Dataset, DatasetId, NewRun};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::bases::known;
use super::settings::{SomeSettings, defaults, exact};
use crate::app::App;

/// More keys than any settings have; their problems would be many.
const MOST_KEYS: usize = 100;
/// More values than any settings have, those in lists with them.
const MOST_VALUES: usize = 1_000;
/// Names that are told have so many characters at most.
const NAME_CHARS: usize = 100;

/// What to train on what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingRequest {
    /// The dataset.
    #[schema(value_type = String, format = "uuid")]
    pub dataset: DatasetId,
    /// Which version of it; the newest when absent.
    #[schema(minimum = 1)]
    pub version: Option<u32>,
    /// The name of the base; the usual one when absent.
    pub base: Option<String>,
    /// What the run will be called; made from the dataset's name when absent.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What is given. Category and trigger word are the dataset's where they are not.
    #[serde(default)]
    #[schema(value_type = SomeSettings)]
    pub settings: Map<String, Value>,
}

/// What a training will be, and on which version of which dataset.
pub(super) struct Planned {
    pub(super) dataset: Dataset,
    pub(super) version: u32,
    pub(super) pictures: usize,
    pub(super) training: PlannedTraining,
}

impl Planned {
    /// What the queue is to know.
    ///
    /// # Errors
    /// When the trigger word is refused.
    pub(super) fn training_job(&self) -> Result<atelier_jobs::TrainingRequest> {
        let mut findings = self.training.trigger_word.iter();
        if let Some(refused) = findings.find(|finding| finding.level == "refused") {
            let message = format!("the trigger word is refused: {}", refused.message);
            return Err(Failure::invalid(message));
        }
        Ok(atelier_jobs::TrainingRequest {
            memory_bytes: Some(self.training.memory_bytes),
            ..atelier_jobs::TrainingRequest::default()
        })
    }

    /// The run that will be trained.
    pub(super) fn into_run(self, name: Option<String>) -> NewRun {
        NewRun {
            name,
            dataset: self.dataset.id,
            version: self.version,
            base: self.training.base,
            base_hash: self.training.base_hash,
            config: self.training.config,
            origins: self.training.origins,
            total_steps: self.training.total_steps,
        }
    }
}

/// Plans it.
pub(super) async fn plan(app: &App, wanted: &TrainingRequest) -> Result<Planned> {
    let planner = app.planner()?;
    let (library, id, number) = (app.library(), wanted.dataset, wanted.version);
    let found = app.work().catalogue(move || {
        let dataset = library.get_dataset(id)?;
        let version = library.get_version(id, number)?;
        Ok((dataset, version, library.used_trigger_words(Some(id))?))
    });
    let (dataset, version, used_words) = found.await?;
    let (version, images) = (version.about, version.images);
    if dataset.trashed_ms.is_some() {
        let (what, name) = ("dataset", dataset.about.name);
        return Err(atelier_store::Error::Trashed { what, name }.into());
    }
    let (config, given) = read(&wanted.settings, &dataset)?;
    if version.image_count == 0 {
        let (number, name) = (version.number, dataset.about.name);
        let message = format!("version {number} of dataset `{name}` has no pictures");
        return Err(Failure::new(ErrorCode::DatasetEmpty, message));
    }
    let base = wanted.base.clone();
    let sides = images
        .iter()
        .map(|one| [one.width, one.height].map(u64::from));
    let pictures = TrainingPictures::of_sides(sides);
    let plan = move || -> Result<PlannedTraining> {
        let wish = TrainingWish {
            base: known(&planner, base.as_deref())?.name,
            pictures,
            config,
            given,
            used_words,
        };
        Ok(planner.plan_training(&wish)?)
    };
    let training = app.work().files(plan).await??;
    Ok(Planned {
        version: version.number,
        pictures: pictures.count,
        dataset,
        training,
    })
}

/// Settings, and who gave which.
type Given = (TrainConfig, BTreeMap<String, SettingOrigin>);

/// Reads what is given, over what the dataset is for.
fn read(settings: &Map<String, Value>, dataset: &Dataset) -> Result<Given> {
    if settings.len() > MOST_KEYS {
        let message = format!("there are more than {MOST_KEYS} settings");
        return Err(Failure::invalid(message));
    }
    if settings.values().map(count).sum::<usize>() > MOST_VALUES {
        let message = format!("the settings have more than {MOST_VALUES} values");
        return Err(Failure::invalid(message));
    }
    let about = &dataset.about;
    let mut all = defaults();
    let mut given = BTreeMap::from([("category".to_owned(), SettingOrigin::Dataset)]);
    all.insert("category".to_owned(), json!(about.category));
    if !about.trigger_word.is_empty() {
        given.insert("trigger".to_owned(), SettingOrigin::Dataset);
        all.insert("trigger".to_owned(), json!(about.trigger_word));
    }
    let mut problems = Vec::new();
    for (name, value) in settings {
        let value = match exact(name, value) {
            Ok(value) => value,
            Err(error) => {
                problems.push(format!("`{name}`: {error}"));
                continue;
            }
        };
        if let Some(problem) = problem(name, &value) {
            problems.push(problem);
        } else {
            given.insert(name.clone(), SettingOrigin::Request);
            all.insert(name.clone(), value.into_owned());
        }
    }
    let config = TrainConfig::deserialize(Value::Object(all)).map_err(Failure::internal)?;
    problems.extend(config.problems());
    if problems.is_empty() {
        return Ok((config, given));
    }
    let message = format!("the settings cannot be used: {}", problems.join("; "));
    Err(Failure::invalid(message).with_details(json!({"problems": problems})))
}

/// A value, and those in it.
fn count(value: &Value) -> usize {
    let inner: usize = match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(values) => values.values().map(count).sum(),
        _ => 0,
    };
    1 + inner
}

/// Why a setting cannot be read.
fn problem(name: &str, value: &Value) -> Option<String> {
    let names = TrainConfig::SETTINGS.iter().map(|setting| setting.name);
    if !names.clone().any(|known| known == name) {
        let name: String = name.chars().take(NAME_CHARS).collect();
        let names = names.collect::<Vec<_>>().join("`, `");
        return Some(format!("`{name}` is no setting; there are `{names}`"));
    }
    let alone = TrainConfig::deserialize(json!({name: value})).err()?;
    let told: String = alone.to_string().chars().take(3 * NAME_CHARS).collect();
    Some(format!("`{name}`: {told}"))
}

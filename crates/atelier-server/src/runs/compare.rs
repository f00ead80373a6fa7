//! Runs side by side: which settings and which pictures differ.

use atelier_core::TrainConfig;
use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_store::{Difference, Error, Library, Run, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::views::RunView;
use crate::datasets::views::DifferenceView;
use crate::extract::{AppFor, QueryOf};

/// How many runs are compared.
const COUNT: std::ops::RangeInclusive<usize> = 2..=5;

/// Which runs to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CompareQuery {
    /// The ids of 2 to 5 runs, with commas between them.
    ids: String,
}

/// Runs side by side.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComparedRuns {
    /// In the order in which they were named.
    runs: Vec<RunView>,
    /// The settings that are not the same in all.
    settings: Vec<SettingDifference>,
    /// For each run after the first, how its pictures differ from those of the first.
    datasets: Vec<DatasetDifference>,
}

/// A setting that is not the same in all runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingDifference {
    /// Its name in requests.
    name: &'static str,
    /// What stands beside its field.
    label: &'static str,
    /// What it is in each run, in their order.
    values: Vec<Value>,
}

/// How what a run trained on differs from what the first one trained on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetDifference {
    #[schema(format = "uuid")]
    run: String,
    /// Whether pictures, captions and crops are the same.
    is_same: bool,
    /// What changed, where both trained on versions of the same dataset.
    #[schema(required)]
    difference: Option<DifferenceView>,
}

/// Runs side by side: which settings and which pictures differ.
#[utoipa::path(
    get, path = "/api/v1/runs/compare", tag = "runs", params(CompareQuery),
    responses((status = 200, description = "The differences.", body = ComparedRuns), (status = 400, body = FailureBody, description = "These are no ids, too few or too many."), (status = 404, body = FailureBody, description = "There is no such run."))
)]
pub(crate) async fn compare_runs(
    AppFor(app): AppFor,
    QueryOf(CompareQuery { ids }): QueryOf<CompareQuery>,
) -> Result<Json<ComparedRuns>> {
    let ids = ids_of(&ids)?;
    let library = app.library();
    let compared = app.work().catalogue(move || compare(&library, &ids));
    Ok(Json(compared.await?))
}

fn ids_of(words: &str) -> Result<Vec<RunId>> {
    let few = words.split(',').take(COUNT.end() + 1);
    let ids = few.map(|word| word.trim().parse::<RunId>());
    let ids = ids.collect::<Result<Vec<_>, Error>>()?;
    let is_twice = |at: usize| ids[..at].contains(&ids[at]);
    if !COUNT.contains(&ids.len()) || (1..ids.len()).any(is_twice) {
        let message = "ids: expected are those of 2 to 5 different runs, with commas between them";
        return Err(Failure::invalid(message));
    }
    Ok(ids)
}

fn compare(library: &Library, ids: &[RunId]) -> Result<ComparedRuns, Error> {
    let runs = ids.iter().map(|id| library.get_run(*id));
    let runs = runs.collect::<Result<Vec<_>, Error>>()?;
    let datasets = runs.iter().skip(1).map(|run| {
        let difference = difference(library, &runs[0], run)?;
        Ok(DatasetDifference {
            run: run.id.to_string(),
            is_same: run.dataset_hash == runs[0].dataset_hash,
            difference: difference.map(DifferenceView::from),
        })
    });
    Ok(ComparedRuns {
        datasets: datasets.collect::<Result<_, Error>>()?,
        settings: settings(&runs),
        runs: runs.into_iter().map(RunView::from).collect(),
    })
}

fn difference(library: &Library, first: &Run, other: &Run) -> Result<Option<Difference>, Error> {
    let Some(dataset) = first.dataset.filter(|_| first.dataset == other.dataset) else {
        return Ok(None);
    };
    let (from, to) = (first.dataset_version, other.dataset_version);
    let found = library.compare_versions(dataset, Some(from), Some(to));
    found.map(Some)
}

fn settings(runs: &[Run]) -> Vec<SettingDifference> {
    let configs = runs.iter().map(|run| serde_json::to_value(&run.config));
    let configs: Vec<_> = configs.map(Result::unwrap_or_default).collect();
    let all = TrainConfig::SETTINGS.iter().map(|about| SettingDifference {
        name: about.name,
        label: about.label,
        values: configs
            .iter()
            .map(|config| config[about.name].clone())
            .collect(),
    });
    let differs = |one: &SettingDifference| one.values.windows(2).any(|pair| pair[0] != pair[1]);
    all.filter(differs).collect()
}

//! Whether a trigger word will do, asked as it is typed.

use atelier_core::{Category, TrainConfig, WordFinding};
use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_store::DatasetId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::extract::{AppFor, JsonOf};
use crate::openapi::choices;

/// Which word to judge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeTriggerWord {
    /// The word.
    #[schema(max_length = 100)]
    word: String,
    /// What the pictures have in common.
    #[serde(default)]
    #[schema(schema_with = choices::category)]
    category: Category,
    /// Whose word it is or will be; the words of all other datasets are taken.
    #[schema(value_type = Option<String>, format = "uuid")]
    dataset: Option<DatasetId>,
}

/// What is to be known about a trigger word.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WordFinding)]
pub(crate) struct WordFindingView {
    /// `good`, `warning` or `refused`: no training begins with a refused word.
    #[schema(schema_with = level)]
    level: String,
    /// A word for the kind of finding.
    code: String,
    /// What it is, for people.
    message: String,
}

fn level() -> utoipa::openapi::schema::Object {
    choices::one_of(&["good", "warning", "refused"])
}

impl From<WordFinding> for WordFindingView {
    fn from(finding: WordFinding) -> Self {
        Self {
            level: finding.level,
            code: finding.code,
            message: finding.message,
        }
    }
}

/// Everything that is to be known about a trigger word.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JudgedTriggerWord {
    /// The worst first.
    findings: Vec<WordFindingView>,
}

/// What is to be known about a trigger word, beside the words of the library's other datasets.
#[utoipa::path(
    post, path = "/api/v1/trigger-words/judge", tag = "trainings", request_body = JudgeTriggerWord,
    responses((status = 200, description = "The findings.", body = JudgedTriggerWord), (status = 400, body = FailureBody, description = "A value cannot be used."))
)]
pub(crate) async fn judge_trigger_word(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<JudgeTriggerWord>,
) -> Result<Json<JudgedTriggerWord>> {
    let (word, category) = (checked(wanted.word)?, wanted.category);
    let (library, planner) = (app.library(), app.planner()?);
    let used = app.work();
    let used = used.catalogue(move || library.used_trigger_words(wanted.dataset));
    let used = used.await?;
    let judge = move || planner.judge_trigger(&word, category, &used);
    let findings = app.work().files(judge).await??.into_iter();
    let findings = findings.map(WordFindingView::from).collect();
    Ok(Json(JudgedTriggerWord { findings }))
}

fn checked(word: String) -> Result<String> {
    let most = TrainConfig::MOST_TRIGGER_CHARS;
    if word.chars().count() <= most {
        return Ok(word);
    }
    let message = format!("the trigger word has more than {most} characters");
    Err(Failure::invalid(message))
}

//! How runs look in answers.

use std::collections::BTreeMap;

use atelier_core::RunState;
use atelier_store::{Checkpoint, Run};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::choices;
use crate::trainings::settings::SettingsView;
use crate::trainings::views::{OriginView, views_of};

/// A training of a version of a dataset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunView {
    #[schema(format = "uuid")]
    id: String,
    /// No other run outside the trash has it.
    name: String,
    /// The dataset, unless it was removed for good.
    #[schema(required, format = "uuid")]
    dataset: Option<String>,
    /// What the dataset was called when the run was made.
    dataset_name: String,
    /// The number of the version that is trained on.
    dataset_version: u32,
    /// The hash of that version.
    dataset_hash: String,
    /// The base.
    base: String,
    /// What the base's hash was.
    base_hash: String,
    /// Every setting.
    settings: SettingsView,
    /// Where each comes from; nothing where that was not noted.
    origins: BTreeMap<String, OriginView>,
    /// Where it stands.
    #[schema(schema_with = choices::run_state)]
    state: RunState,
    /// Finished and saved steps; while it is trained, finished ones.
    done_steps: u64,
    /// Steps that it has altogether.
    total_steps: u64,
    /// Loss of the last of these steps.
    #[schema(required)]
    loss: Option<f32>,
    /// Seconds spent in training steps so far.
    training_secs: f64,
    /// Steps that were made in them; more than are done where a process was killed, since some were made again.
    trained_steps: u64,
    /// Seconds spent drawing previews so far.
    preview_secs: f64,
    /// How many pictures were drawn in them.
    preview_pictures: u64,
    /// Why it failed, in words.
    #[schema(required)]
    problem: Option<String>,
    /// The newest model that was made of it.
    #[schema(required, format = "uuid")]
    model: Option<String>,
    /// Whether its end made a model, which may be in the trash by now.
    has_result: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    created_ms: i64,
    /// When something was last heard of it.
    changed_ms: i64,
    /// When it was put into the trash.
    #[schema(required)]
    trashed_ms: Option<i64>,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    #[schema(required)]
    owner: Option<String>,
    /// Whether every account sees it.
    shared: bool,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            id: run.id.to_string(),
            name: run.name,
            dataset: run.dataset.map(|id| id.to_string()),
            dataset_name: run.dataset_name,
            dataset_version: run.dataset_version,
            dataset_hash: run.dataset_hash,
            base: run.base,
            base_hash: run.base_hash,
            settings: SettingsView(run.config),
            origins: views_of(run.origins),
            state: run.state,
            done_steps: run.done_steps,
            total_steps: run.total_steps,
            loss: run.loss,
            training_secs: run.training_secs,
            trained_steps: run.trained_steps,
            preview_secs: run.preview_secs,
            preview_pictures: run.preview_pictures,
            problem: run.problem,
            model: run.model.map(|id| id.to_string()),
            has_result: run.has_result,
            created_ms: run.created_ms,
            changed_ms: run.changed_ms,
            trashed_ms: run.trashed_ms,
            owner: run.owner,
            shared: run.is_shared,
        }
    }
}

/// A run with its checkpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunWithCheckpoints {
    #[serde(flatten)]
    run: RunView,
    /// Those that are there, in order.
    checkpoints: Vec<CheckpointView>,
    /// What a person should know of it, in words, in the order in which it arose.
    notes: Vec<String>,
}

/// The adapter after an epoch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checkpoint)]
pub(crate) struct CheckpointView {
    /// Finished epochs.
    epoch: usize,
    /// Finished steps.
    step: u64,
    /// SHA-256 of the adapter file.
    hash: String,
    /// Its length.
    size_bytes: u64,
}

impl From<(Run, Vec<Checkpoint>, Vec<String>)> for RunWithCheckpoints {
    fn from((run, checkpoints, notes): (Run, Vec<Checkpoint>, Vec<String>)) -> Self {
        let checkpoints = checkpoints.into_iter().map(|one| CheckpointView {
            epoch: one.epoch,
            step: one.step,
            hash: one.hash,
            size_bytes: one.size_bytes,
        });
        Self {
            run: run.into(),
            checkpoints: checkpoints.collect(),
            notes,
        }
    }
}

//! How plans of trainings look in answers.

use std::collections::BTreeMap;

use atelier_core::{PlannedDuration, Recompute, SettingOrigin};
use serde::Serialize;
use utoipa::ToSchema;

use super::settings::SettingsView;
use super::trigger_words::WordFindingView;
use super::wish::Planned;
use crate::openapi::choices;

/// What a training will be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlannedTraining)]
pub(crate) struct PlannedView {
    #[schema(format = "uuid")]
    dataset: String,
    /// The number of the version that will be trained on.
    version: u32,
    /// How many pictures it has.
    image_count: usize,
    /// Every setting.
    settings: SettingsView,
    /// Where each comes from.
    origins: BTreeMap<String, OriginView>,
    /// The base.
    base: String,
    /// The base's hash.
    base_hash: String,
    /// Steps of an epoch.
    steps_per_epoch: u64,
    /// Steps altogether.
    total_steps: u64,
    /// The sum that these come from, in words.
    arithmetic: String,
    /// What the strength decided, in words; nothing where all was given.
    #[schema(required)]
    decided: Option<String>,
    /// The most memory that it will take.
    memory_bytes: u64,
    /// How much is free, where that is known.
    #[schema(required)]
    free_bytes: Option<u64>,
    /// How much there is when nothing else has any, where that is known.
    #[schema(required)]
    total_bytes: Option<u64>,
    /// What is computed again to need less.
    #[schema(schema_with = choices::recompute)]
    recompute: Recompute,
    /// How long it will take, where something is known about that.
    #[schema(required)]
    duration: Option<DurationView>,
    /// What previews are drawn from.
    preview_prompts: Vec<String>,
    /// The epochs after which they are drawn.
    preview_epochs: Vec<usize>,
    /// Why none are drawn, where the settings ask for some, in words.
    #[schema(required)]
    preview_problem: Option<String>,
    /// What is to be known about the trigger word, the worst first.
    trigger_word: Vec<WordFindingView>,
    /// What else speaks against it or is worth knowing, in words.
    notes: Vec<String>,
}

/// How long a training will take.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlannedDuration)]
pub(crate) struct DurationView {
    /// One step on average.
    step_secs: f64,
    /// All steps and previews.
    secs: f64,
    /// The previews among these.
    preview_secs: f64,
    /// Whether it is guessed from the number of multiplications; else it is as a run of the same kind took.
    is_guess: bool,
}

impl From<PlannedDuration> for DurationView {
    fn from(duration: PlannedDuration) -> Self {
        Self {
            step_secs: duration.step_secs,
            secs: duration.secs,
            preview_secs: duration.preview_secs,
            is_guess: duration.is_guess,
        }
    }
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = SettingOrigin)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OriginView {
    /// A flag of the command.
    Flag,
    /// A settings file.
    File,
    /// The request.
    Request,
    /// What the dataset is for.
    Dataset,
    /// The table of training strengths.
    Strength,
    /// Nobody said anything.
    Default,
}

impl From<SettingOrigin> for OriginView {
    fn from(origin: SettingOrigin) -> Self {
        match origin {
            SettingOrigin::Flag => Self::Flag,
            SettingOrigin::File => Self::File,
            SettingOrigin::Request => Self::Request,
            SettingOrigin::Dataset => Self::Dataset,
            SettingOrigin::Strength => Self::Strength,
            SettingOrigin::Default => Self::Default,
        }
    }
}

/// Where settings come from, by name.
pub(crate) fn views_of(origins: BTreeMap<String, SettingOrigin>) -> BTreeMap<String, OriginView> {
    let views = origins.into_iter().map(|(name, from)| (name, from.into()));
    views.collect()
}

impl From<Planned> for PlannedView {
    fn from(planned: Planned) -> Self {
        let training = planned.training;
        let findings = training.trigger_word.into_iter();
        Self {
            dataset: planned.dataset.id.to_string(),
            version: planned.version,
            image_count: planned.pictures,
            settings: SettingsView(training.config),
            origins: views_of(training.origins),
            base: training.base,
            base_hash: training.base_hash,
            steps_per_epoch: training.steps_per_epoch,
            total_steps: training.total_steps,
            arithmetic: training.arithmetic,
            decided: training.decided,
            memory_bytes: training.memory_bytes,
            free_bytes: training.free_bytes,
            total_bytes: training.total_bytes,
            recompute: training.recompute,
            duration: training.duration.map(DurationView::from),
            preview_prompts: training.preview_prompts,
            preview_epochs: training.preview_epochs,
            preview_problem: training.preview_problem,
            trigger_word: findings.map(WordFindingView::from).collect(),
            notes: training.notes,
        }
    }
}

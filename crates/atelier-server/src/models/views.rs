//! How models look in answers.

use atelier_core::Category;
use atelier_store::Model;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::choices;

/// A fine-tuned model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelView {
    #[schema(format = "uuid")]
    id: String,
    /// For programs that call models by whole numbers.
    number: u32,
    /// No other model outside the trash has it.
    name: String,
    /// What it is about, for people.
    description: String,
    /// What the pictures had in common.
    #[schema(schema_with = choices::category)]
    category: Category,
    /// The word that calls it; may be empty.
    trigger_word: String,
    /// Prompts that show what it learned: those that its run was previewed with, else those of its category.
    preview_prompts: Vec<String>,
    /// The strength at which it is used where nobody says another, 0 to 1.5.
    strength: f32,
    /// SHA-256 of the adapter file.
    hash: String,
    /// Its length.
    size_bytes: u64,
    /// The run that it comes from; nothing for one that was imported.
    #[schema(required, format = "uuid")]
    run: Option<String>,
    /// What the run is called.
    #[schema(required)]
    run_name: Option<String>,
    /// After which epoch of the run it was taken.
    #[schema(required)]
    epoch: Option<usize>,
    /// The dataset that the run trained on.
    #[schema(required, format = "uuid")]
    dataset: Option<String>,
    /// What the dataset was called then.
    #[schema(required)]
    dataset_name: Option<String>,
    /// The number of the version that was trained on.
    #[schema(required)]
    dataset_version: Option<u32>,
    /// Its base.
    base: String,
    /// What the base's hash was.
    #[schema(required)]
    base_hash: Option<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    created_ms: i64,
    /// When it was put into the trash.
    #[schema(required)]
    trashed_ms: Option<i64>,
    /// The name of the account that it belongs to; nothing for what the user of the machine made.
    #[schema(required)]
    owner: Option<String>,
    /// Whether every account sees it.
    shared: bool,
}

impl ModelView {
    /// Where it is answered.
    pub(super) fn address(&self) -> String {
        format!("/api/v1/models/{}", self.id)
    }
}

impl From<Model> for ModelView {
    fn from(model: Model) -> Self {
        let about = model.about;
        Self {
            id: model.id.to_string(),
            number: model.number,
            preview_prompts: model.preview_prompts,
            name: about.name,
            description: about.description,
            category: about.category,
            trigger_word: about.trigger_word,
            strength: model.strength,
            hash: model.hash,
            size_bytes: model.size_bytes,
            run: model.run.map(|id| id.to_string()),
            run_name: model.run_name,
            epoch: model.epoch,
            dataset: model.dataset.map(|id| id.to_string()),
            dataset_name: model.dataset_name,
            dataset_version: model.dataset_version,
            base: model.base,
            base_hash: model.base_hash,
            created_ms: model.created_ms,
            trashed_ms: model.trashed_ms,
            owner: model.owner,
            shared: model.is_shared,
        }
    }
}

//! From settings to fine-tuned models.

mod models;
pub(crate) mod runs;
mod trainings;

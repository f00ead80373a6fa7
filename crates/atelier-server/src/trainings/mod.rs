//! What can be trained, what a training will be, and its start.

pub(crate) mod bases;
pub(crate) mod schema;
pub(crate) mod settings;
pub(crate) mod start;
pub(crate) mod trigger_words;
pub(crate) mod views;
pub(crate) mod wish;

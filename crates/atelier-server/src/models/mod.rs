//! Fine-tuned models: the library of what was trained, and where each comes from.

pub(crate) mod create;
pub(crate) mod export;
pub(crate) mod file;
pub(crate) mod import;
pub(crate) mod lifecycle;
pub(crate) mod lineage;
pub(crate) mod proofs;
pub(crate) mod views;

//! Datasets: their lifecycle, versions, changes and files.

pub(crate) mod dependents;
pub(crate) mod edits;
pub(crate) mod export;
mod export_archive;
pub(crate) mod image_file;
pub(crate) mod lifecycle;
pub(crate) mod thumbnail;
pub(crate) mod upload;
pub(crate) mod versions;
pub(crate) mod views;

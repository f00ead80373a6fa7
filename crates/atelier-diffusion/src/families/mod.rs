//! The architectures that base models share. One folder each, one line here.

pub mod sd15;

use std::path::Path;

use atelier_weights::ModelFolder;

use crate::{Error, Result};

/// A family of base models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name in commands, records and metadata.
    pub name: &'static str,
    /// `_class_name` of its diffusers folders.
    pub pipeline_classes: &'static [&'static str],
}

/// Every family that this program knows.
pub const FAMILIES: &[Family] = &[sd15::FAMILY];

/// The family of a diffusers folder.
pub fn detect(folder: &ModelFolder) -> Result<&'static Family> {
    let class = folder
        .index()
        .get("_class_name")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("(unnamed)");
    FAMILIES
        .iter()
        .find(|family| family.pipeline_classes.contains(&class))
        .ok_or_else(|| Error::UnknownFamily {
            path: Path::new(folder.root()).to_owned(),
            class: class.to_owned(),
        })
}

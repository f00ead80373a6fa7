//! The architectures that base models share. One folder each, one line here.

pub mod sd15;
pub mod sdxl;

use atelier_weights::ModelFiles;

use crate::{Error, Result};

/// A family of base models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name in commands, records and metadata.
    pub name: &'static str,
    /// `_class_name` of its diffusers folders.
    pub pipeline_classes: &'static [&'static str],
    /// Its text encoders, in the order in which their states are joined.
    pub text_encoders: &'static [TextPlace],
    /// Which states of the text encoders the denoiser attends to.
    pub hidden_states: HiddenStates,
}

/// Where a text encoder and its tokenizer lie in a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPlace {
    /// The part with its configuration and weights.
    pub part: &'static str,
    /// The part with its vocabulary.
    pub tokenizer: &'static str,
    /// Whether it also gives a pooled, projected state.
    pub projected: bool,
}

/// Which states of a text encoder are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenStates {
    /// Those after the last layer, through the final norm.
    LastNormed,
    /// Those before the last layer, as they are.
    Penultimate,
}

/// Every family that this program knows.
pub const FAMILIES: &[Family] = &[sd15::FAMILY, sdxl::FAMILY];

/// The family of a base.
pub fn detect(files: &ModelFiles) -> Result<&'static Family> {
    let class = files.class_name();
    FAMILIES
        .iter()
        .find(|family| family.pipeline_classes.contains(&class))
        .ok_or_else(|| Error::UnknownFamily {
            path: files.root().to_owned(),
            class: class.to_owned(),
        })
}

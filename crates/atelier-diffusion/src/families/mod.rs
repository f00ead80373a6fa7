//! The architectures that base models share. One folder each, one line here.

pub mod sd15;
pub mod sdxl;

use atelier_core::{AdapterFamily, BaseKind};
use atelier_weights::ModelFiles;

use crate::{Error, Result};

/// A family of base models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name in commands, records and metadata.
    pub name: &'static str,
    /// The numbers that its bases are trained with, except small ones.
    pub kind: BaseKind,
    /// `_class_name` of its diffusers folders.
    pub pipeline_classes: &'static [&'static str],
    /// Whether there are folders of early versions of diffusers, whose settings its pipeline corrects.
    pub has_early_folders: bool,
    /// Its text encoders, in the order in which their states are joined.
    pub text_encoders: &'static [TextPlace],
    /// Which states of the text encoders the denoiser attends to.
    pub hidden_states: HiddenStates,
    /// Whose names adapter files use; the first row that fits the base counts.
    pub adapters: &'static [AdapterNames],
}

/// Whose names adapter files use, for some of a family's bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdapterNames {
    /// The width of the text states that tells these bases apart; none for all that are left.
    pub states_width: Option<usize>,
    /// The names.
    pub family: AdapterFamily,
}

impl Family {
    /// Whose names adapter files use for a base with text states of this width.
    ///
    /// # Panics
    /// Panics when no row of the family fits, which a test of all families rules out.
    pub fn adapter_family(&self, states_width: usize) -> AdapterFamily {
        let fits = |names: &&AdapterNames| names.states_width.is_none_or(|it| it == states_width);
        let found = self.adapters.iter().find(fits);
        found
            .expect("the last row of a family fits all widths")
            .family
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_of_every_family_has_names_for_its_adapters() {
        for family in FAMILIES {
            let last = family.adapters.last().unwrap();
            assert_eq!(last.states_width, None, "{}", family.name);
        }
        let names = |family: Family, width| family.adapter_family(width);
        assert_eq!(names(sd15::FAMILY, 768), AdapterFamily::Sd1);
        assert_eq!(names(sd15::FAMILY, 1024), AdapterFamily::Sd2);
        assert_eq!(names(sdxl::FAMILY, 1024), AdapterFamily::Sdxl);
        assert_eq!(names(sdxl::FAMILY, 2048), AdapterFamily::Sdxl);
    }
}

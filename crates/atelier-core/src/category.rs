//! What a dataset teaches.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// What the pictures of a dataset have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// One person or creature in varied surroundings.
    #[default]
    Character,
    /// One aesthetic over varied content.
    Style,
    /// One thing, such as a product.
    Object,
}

closed_choice!(Category, "category", { Character => "character", Style => "style", Object => "object" });

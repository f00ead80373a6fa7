//! One picture of the corpus, as its index file describes it.

use serde::{Deserialize, Serialize};

/// Whether a picture may be trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Trained on.
    Train,
    /// Never trained on: the concept is seen in other styles, and the style with other concepts, but not this pair.
    HeldOutPair,
}

/// One concept in one style.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Stable name, style and code point: `noto/1f600`.
    pub id: String,
    /// What is drawn, worded alike in every style: `grinning face`.
    pub concept: String,
    /// Further words for it, none of them part of `concept`.
    pub keywords: Vec<String>,
    /// The style's words in captions: `noto emoji`.
    pub style: String,
    /// Coarse kind: `faces`, `animals`, `food`, `weather`, ...
    pub group: String,
    /// Package and version that it came from.
    pub source: String,
    /// SPDX name of the picture's licence.
    pub licence: String,
    /// Whether it may be trained on.
    pub split: Split,
}

impl Entry {
    /// Whether mirroring keeps the caption true.
    pub fn may_flip(&self) -> bool {
        const ONE_SIDED: [&str; 8] = [
            "left",
            "right",
            "clockwise",
            "increasing",
            "decreasing",
            "waxing",
            "waning",
            "quarter",
        ];
        // clocks and notes read one way only
        if ["time", "music"].contains(&self.group.as_str()) {
            return false;
        }
        !self
            .concept
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|word| ONE_SIDED.contains(&word))
    }
}

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
        const ONE_SIDED: [&str; 15] = [
            "left",
            "right",
            "leftwards",
            "rightwards",
            "clockwise",
            "counterclockwise",
            "increasing",
            "decreasing",
            "waxing",
            "waning",
            "quarter",
            // a mirrored Earth is another one
            "globe",
            "map",
            // they are nothing but figures and letters
            "hundred",
            "zzz",
        ];
        // clocks, notes and what has a number on it read one way only
        let has_number = self.concept.contains(|c: char| c.is_ascii_digit());
        if has_number || ["time", "music"].contains(&self.group.as_str()) {
            return false;
        }
        !self
            .concept
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|word| ONE_SIDED.contains(&word))
    }
}

#[cfg(test)]
mod tests {
    use crate::caption::tests::entry;

    #[test]
    fn one_sided_concepts_are_not_mirrored() {
        for concept in ["cat", "bright sun", "folded hands", "copyright", "place"] {
            assert!(entry(concept).may_flip(), "{concept}");
        }
        for concept in [
            "left-facing fist",
            "leftwards hand",
            "rightwards pushing hand",
            "man walking, facing right",
            "globe showing americas",
            "map of japan",
            "hundred points",
            "zzz",
            "3rd place medal",
            "pool 8 ball",
        ] {
            assert!(!entry(concept).may_flip(), "{concept}");
        }
    }
}

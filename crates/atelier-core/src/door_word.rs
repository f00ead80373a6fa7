//! Words of other houses that stand for a base.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// What kind of word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorWord {
    /// The id of a model of the other house.
    ModelId,
    /// A version of Stable Diffusion, or what took its place.
    SdVersion,
    /// A style that is set beforehand.
    Preset,
}

closed_choice!(DoorWord, "kind of word", {
    ModelId => "model_id",
    SdVersion => "sd_version",
    Preset => "preset",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_use_the_same_names() {
        for &word in DoorWord::ALL {
            assert_eq!(serde_json::to_value(word).unwrap(), word.name());
            assert_eq!(word.name().parse::<DoorWord>().unwrap(), word);
        }
    }
}

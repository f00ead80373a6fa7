//! The studio's words as types, shared by every other crate: configuration, requests, progress, error codes, traits.
//! Does no input or output, reads no clock and knows no tensor.

mod adapter_format;
mod adapter_use;
mod category;
mod crop;
mod device_choice;
mod door_word;
mod drawing;
mod error_code;
mod planning;
mod precision;
mod recompute;
mod seed;
mod setting;
mod train_config;
mod training;
mod weight_change;
mod work;

pub use adapter_format::{AdapterFamily, AdapterFormat};
pub use adapter_use::{AdapterUse, AdapterUseError};
pub use category::Category;
pub use crop::Crop;
pub use device_choice::{DeviceChoice, Interface};
pub use door_word::DoorWord;
pub use drawing::{
    GenerateRequest, NoiseKind, PromptSyntax, SamplerKind, ScheduleKind, StartImage, StartPixels,
    VaeTiling,
};
pub use error_code::{BoxedError, Coded, ErrorCode};
pub use planning::{
    BaseAbout, PlannedDuration, PlannedTraining, Planner, SettingOrigin, TrainingWish, WordFinding,
};
pub use precision::Precision;
pub use recompute::Recompute;
pub use seed::Seed;
pub use setting::{SettingAbout, SettingGroup, SettingKind};
pub use train_config::{Targets, TrainConfig};
pub use training::{
    BaseKind, RunState, StepCount, StrengthSettings, TrainingPictures, TrainingStrength,
};
pub use weight_change::{
    Delta, Factor, Magnitude, MagnitudeAxis, MagnitudeRule, Matrix, WeightChange,
};
pub use work::{
    AlwaysPermitted, CancelFlag, Clock, Generator, JobKind, JobState, JobWish, Outcome, Permit,
    Phase, Picture, Progress, ProgressSink, RunContext, SilentProgress, TrainReport, TrainRequest,
    Trainer,
};

/// A closed choice was given a word that it does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{got}`, valid values: {valid}")]
pub struct UnknownValue {
    /// What kind of value was read, such as `sampler`.
    pub what: &'static str,
    /// The word that was given.
    pub got: String,
    /// Every valid word, separated by commas.
    pub valid: String,
}

/// Implements `FromStr`, `Display` and a list of names for an enum of unit variants.
macro_rules! closed_choice {
    ($type:ident, $what:literal, { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order in which help texts list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The words for them.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The word for this value in commands, files and the API.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownValue;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.name() == word).ok_or_else(|| $crate::UnknownValue {
                    what: $what,
                    got: word.to_owned(),
                    valid: Self::ALL.iter().map(|value| value.name()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
pub(crate) use closed_choice;

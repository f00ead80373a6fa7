//! Choices that stand for many settings of a training, and the sum of its steps.

mod base_kind;
mod pictures;
mod run_state;
mod steps;
mod strength;

pub use base_kind::BaseKind;
pub use pictures::TrainingPictures;
pub use run_state::RunState;
pub use steps::StepCount;
pub use strength::{StrengthSettings, TrainingStrength};

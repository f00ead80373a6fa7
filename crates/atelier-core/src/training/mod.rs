//! Choices that stand for many settings of a training, and the sum of its steps.

mod base_kind;
mod steps;
mod strength;

pub use base_kind::BaseKind;
pub use steps::StepCount;
pub use strength::{StrengthSettings, TrainingStrength};

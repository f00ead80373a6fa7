//! Which numbers the networks compute with.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// The arithmetic of convolutions and linear layers. Sums, norms and adapters are f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Single precision throughout: the reference.
    #[default]
    F32,
    /// Products of bf16 numbers summed in f32, several times as fast; f32 where the processor has no bf16 instructions.
    Bf16,
}

closed_choice!(Precision, "precision", { F32 => "f32", Bf16 => "bf16" });

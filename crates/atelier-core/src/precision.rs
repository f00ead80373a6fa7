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
    /// Weights of the denoiser and products in 16 bits with exact sums: half the memory, and faster.
    Bf16,
    /// As `bf16`, with weights of the denoiser in 8 bits and a scale for each output: a quarter of the memory.
    Int8,
}

closed_choice!(Precision, "precision", { F32 => "f32", Bf16 => "bf16", Int8 => "int8" });

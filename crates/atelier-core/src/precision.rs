//! Which numbers the networks compute with.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// The arithmetic of convolutions and linear layers. Sums, norms and the numbers of adapters are f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Single precision throughout: the reference.
    #[default]
    F32,
    /// Weights of the denoiser and products in 16 bits: half the memory, and faster. The 16 bits are integers with a scale, or
    /// bf16 where the processor has a unit that multiplies matrices of these, in attention and adapters too.
    Bf16,
    /// Weights of the denoiser in 8 bits with a scale for each output, a quarter of the memory; products in 16-bit integers.
    Int8,
}

closed_choice!(Precision, "precision", { F32 => "f32", Bf16 => "bf16", Int8 => "int8" });

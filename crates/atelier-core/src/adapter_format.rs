//! How adapter files differ: for which architecture they are made and how their tensors are named.

use serde::{Deserialize, Serialize};

use crate::{MagnitudeRule, closed_choice};

/// The architecture whose layers an adapter changes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum AdapterFamily {
    /// Stable Diffusion 1.x.
    #[default]
    Sd1,
    /// Stable Diffusion 2.x.
    Sd2,
    /// Stable Diffusion XL.
    Sdxl,
}

closed_choice!(AdapterFamily, "adapter family", {
    Sd1 => "sd1",
    Sd2 => "sd2",
    Sdxl => "sdxl",
});

/// How the tensors of an adapter file are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterFormat {
    /// `lora_unet_….lora_down.weight`: kohya's, which every program reads.
    Kohya,
    /// `unet.….lora_A.weight`: that of PEFT and diffusers.
    Peft,
}

closed_choice!(AdapterFormat, "adapter format", {
    Kohya => "kohya",
    Peft => "peft",
});

impl AdapterFormat {
    /// What a strength means for `DoRA` in the programs whose format this is.
    pub fn magnitude_rule(self) -> MagnitudeRule {
        match self {
            Self::Kohya => MagnitudeRule::Interpolate,
            Self::Peft => MagnitudeRule::ScaleDelta,
        }
    }
}

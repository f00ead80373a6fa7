//! Whether the autoencoder works on a whole picture or tile by tile.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// How the autoencoder handles a picture. Tiles need less memory and change the picture slightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaeTiling {
    /// Tiles where a picture is larger than 1536×1536.
    #[default]
    Auto,
    /// Tiles wherever a picture is larger than one.
    On,
    /// Never.
    Off,
}

closed_choice!(VaeTiling, "VAE tiling", { Auto => "auto", On => "on", Off => "off" });

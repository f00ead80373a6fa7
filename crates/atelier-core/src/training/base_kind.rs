//! What a base has in common with others that are trained with the same numbers.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// Which rows of the table of [training strengths](crate::TrainingStrength) a base takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaseKind {
    /// Bases as small as the embedded one, of whatever family: few weights need large steps.
    Mini,
    /// Stable Diffusion 1.x and 2.x.
    Sd15,
    /// Stable Diffusion XL.
    Sdxl,
}

closed_choice!(BaseKind, "kind of base", {
    Mini => "mini",
    Sd15 => "sd15",
    Sdxl => "sdxl",
});

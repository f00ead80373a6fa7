//! Stable Diffusion XL (Podell et al. 2023): two text encoders whose states before the last layer are joined, and a denoiser
//! that is also told the second one's pooled state and the picture's sizes.

use atelier_core::{AdapterFamily, BaseKind};

use super::{AdapterNames, Family, HiddenStates, TextPlace};

/// The family's one description.
pub const FAMILY: Family = Family {
    name: "sdxl",
    kind: BaseKind::Sdxl,
    pipeline_classes: &["StableDiffusionXLPipeline"],
    has_early_folders: false,
    text_encoders: &[
        TextPlace {
            part: "text_encoder",
            tokenizer: "tokenizer",
            projected: false,
        },
        TextPlace {
            part: "text_encoder_2",
            tokenizer: "tokenizer_2",
            projected: true,
        },
    ],
    hidden_states: HiddenStates::Penultimate,
    adapters: &[AdapterNames {
        states_width: None,
        family: AdapterFamily::Sdxl,
    }],
};

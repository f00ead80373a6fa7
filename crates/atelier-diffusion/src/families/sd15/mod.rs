//! Stable Diffusion 1.x and 2.x: one CLIP text encoder whose last normed states the denoiser attends to.

use atelier_core::{AdapterFamily, BaseKind};

use super::{AdapterNames, Family, HiddenStates, TextPlace};

/// The family's one description.
pub const FAMILY: Family = Family {
    name: "sd15",
    kind: BaseKind::Sd15,
    pipeline_classes: &["StableDiffusionPipeline"],
    has_early_folders: true,
    text_encoders: &[TextPlace {
        part: "text_encoder",
        tokenizer: "tokenizer",
        projected: false,
    }],
    hidden_states: HiddenStates::LastNormed,
    adapters: &[
        AdapterNames {
            states_width: Some(1024),
            family: AdapterFamily::Sd2,
        },
        AdapterNames {
            states_width: None,
            family: AdapterFamily::Sd1,
        },
    ],
};

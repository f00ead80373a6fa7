//! Which architecture an adapter file is for, by the names and widths in it.

use std::fmt;

use atelier_core::AdapterFamily;

use super::layer::AdapterLayer;

/// The architecture that a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeFor {
    /// One of the families that adapters are supported for.
    Family(AdapterFamily),
    /// Another one, by its name.
    Other(&'static str),
}

impl fmt::Display for MadeFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Family(AdapterFamily::Sd1) => "Stable Diffusion 1.x",
            Self::Family(AdapterFamily::Sd2) => "Stable Diffusion 2.x",
            Self::Family(AdapterFamily::Sdxl) => "Stable Diffusion XL",
            Self::Other(name) => name,
        })
    }
}

/// Parts of layer names that only one other architecture has.
const OTHERS: [(&[&str], &str); 8] = [
    (
        &[
            "double_blocks",
            "single_blocks",
            "single_transformer_blocks",
        ],
        "FLUX",
    ),
    (&["joint_blocks", "context_block"], "Stable Diffusion 3"),
    (
        &["cap_embedder", "noise_refiner", "context_refiner"],
        "Lumina or Z-Image",
    ),
    (&["txt_mlp", "img_mlp"], "Qwen-Image"),
    (
        &[
            "cross_attn_q",
            "cross_attn.q",
            "cross_attn_k",
            "cross_attn.k",
        ],
        "Wan",
    ),
    (&["adaln_single", "caption_projection"], "PixArt or LTX"),
    (&["lora_prior_", "effnet"], "Stable Cascade"),
    (
        &["add_k_proj", "transformer.transformer_blocks"],
        "a transformer model (Stable Diffusion 3, FLUX)",
    ),
];

/// The architecture that the layers belong to, as far as they tell.
pub(super) fn made_for(layers: &[AdapterLayer]) -> Option<MadeFor> {
    for (marks, name) in OTHERS {
        if layers
            .iter()
            .any(|layer| marks.iter().any(|mark| layer.name.contains(mark)))
        {
            return Some(MadeFor::Other(name));
        }
    }
    let width = weights(layers).find_map(context_width);
    let second_encoder = |layer: &AdapterLayer| {
        let marks = ["text_encoder_2.", "text_encoders.clip_g."];
        layer.name.starts_with("lora_te2_") || marks.iter().any(|mark| layer.name.contains(mark))
    };
    let family = match width {
        Some(768) => Some(AdapterFamily::Sd1),
        Some(1024) => Some(AdapterFamily::Sd2),
        Some(2048) => Some(AdapterFamily::Sdxl),
        _ if layers.iter().any(second_encoder) => Some(AdapterFamily::Sdxl),
        _ if layers.iter().any(is_deep) => Some(AdapterFamily::Sdxl),
        _ => text_family(layers),
    };
    family.map(MadeFor::Family)
}

/// Those whose widths tell something.
fn weights(layers: &[AdapterLayer]) -> impl Iterator<Item = &AdapterLayer> {
    layers.iter().filter(|layer| layer.vector().is_none())
}

/// Input width of a cross-attention, which is the width of the text states.
fn context_width(layer: &AdapterLayer) -> Option<usize> {
    let name = layer.name.replace('.', "_");
    let reads_text =
        name.contains("attn2") && ["to_k", "to_v"].iter().any(|end| name.ends_with(end));
    reads_text.then(|| layer.weight_size().1)
}

/// Only SDXL has more than one transformer block per attention.
fn is_deep(layer: &AdapterLayer) -> bool {
    let name = layer.name.replace('.', "_");
    name.split_once("transformer_blocks_")
        .is_some_and(|(front, rest)| front.contains("block") && !rest.starts_with("0_"))
}

/// The width of the only text encoder. Both SD 1 and SDXL have one of width 768, which then says nothing.
fn text_family(layers: &[AdapterLayer]) -> Option<AdapterFamily> {
    let name_fits =
        |layer: &&AdapterLayer| layer.name.contains("self_attn") && layer.name.ends_with("q_proj");
    let width = weights(layers).find(name_fits)?.weight_size().0;
    let first = layers
        .iter()
        .any(|layer| layer.name.starts_with("lora_te1_"));
    match width {
        768 if first => Some(AdapterFamily::Sdxl),
        768 if layers
            .iter()
            .any(|layer| layer.name.starts_with("lora_te_")) =>
        {
            Some(AdapterFamily::Sd1)
        }
        1024 => Some(AdapterFamily::Sd2),
        _ => None,
    }
}

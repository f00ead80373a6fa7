//! A1111's web UI: `extensions-builtin/Lora/networks.py`, `convert_diffusers_name_to_compvis` and `load_network`; the kinds
//! of layers in `network_*.py` there, and `apply_weight_decompose` in `network.py`.

use super::{
    Key, Rules, has_beside, is_norm, kohya_diffusers, kohya_sgm, kohya_text, lone_bias,
    not_in_its_map, nothing, odd_lengths_of_columns,
};
use crate::AdapterFamily;
use crate::names::{LayerId, LayerNames, Part};
use crate::read::suffix::{Slot, Spelling};

pub(super) const RULES: Rules = Rules {
    reader: "A1111",
    names,
    tensor,
    others: &[
        ".weight",
        ".on_input",
        ".oft_blocks",
        ".oft_diag",
        ".a1.weight",
        ".a2.weight",
        ".b1.weight",
        ".b2.weight",
    ],
    stranger,
    context,
    whole: nothing,
    misread: odd_lengths_of_columns,
};

fn names(names: &LayerNames, layer: &LayerId) -> Vec<String> {
    let sdxl = names.family() == AdapterFamily::Sdxl;
    match layer.part {
        Part::Unet => {
            // Its table has the time embedding, and neither the one of added conditions nor the last norm.
            let known = !layer.path.starts_with("add_embedding") && layer.path != "conv_norm_out";
            let diffusers = known.then(|| kohya_diffusers(layer));
            diffusers
                .into_iter()
                .chain(kohya_sgm(names, layer))
                .collect()
        }
        _ if layer.path == "text_projection" => Vec::new(),
        // It looks for the names that norms have in CLIP's own library, which OpenCLIP has not.
        _ if is_norm(layer) && names.is_openclip(layer.part) => Vec::new(),
        Part::TextEncoder if layer.path == "final_layer_norm" => {
            vec![kohya_text("lora_te1", layer)]
        }
        Part::TextEncoder if sdxl => vec![kohya_text("lora_te1", layer)],
        Part::TextEncoder => vec![kohya_text("lora_te", layer), kohya_text("lora_te1", layer)],
        Part::TextEncoder2 => vec![kohya_text("lora_te2", layer)],
    }
}

fn tensor(slot: Slot, spelling: Spelling) -> Option<&'static str> {
    match (slot, spelling) {
        (Slot::MagnitudeVector, Spelling::Kohya) => Some("it knows DoRA only as `dora_scale`"),
        (_, Spelling::Kohya) => None,
        _ => Some("it takes only kohya's and LyCORIS's tensor names"),
    }
}

fn context(key: &Key<'_>, keys: &[Key<'_>]) -> Option<String> {
    let is_norm = matches!(key.parts, Some((_, Slot::NormWeight, _)));
    if is_norm && !has_beside(key, keys, Slot::NormBias) {
        return Some("it reads `w_norm` only beside `b_norm`".to_owned());
    }
    lone_bias(key, keys)
}

/// Embeddings in the file are loaded as such.
fn stranger(key: &Key<'_>, keys: &[Key<'_>]) -> Option<String> {
    if key.name.starts_with("bundle_emb.") {
        return None;
    }
    not_in_its_map(key, keys)
}

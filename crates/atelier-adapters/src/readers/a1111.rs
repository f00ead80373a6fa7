//! A1111's web UI: `extensions-builtin/Lora/networks.py`, `convert_diffusers_name_to_compvis` and `load_network`.

use super::{
    Key, Rules, kohya_diffusers, kohya_sgm, kohya_text, misshapen_lengths, no_objection,
    not_in_its_map, nothing,
};
use crate::AdapterFamily;
use crate::names::{LayerId, LayerNames, Part};
use crate::read::suffix::{Slot, Spelling};

pub(super) const RULES: Rules = Rules {
    reader: "A1111",
    names,
    tensor,
    stranger,
    context: no_objection,
    whole: nothing,
    misread: misshapen_lengths,
};

fn names(names: &LayerNames, layer: &LayerId) -> Vec<String> {
    let sdxl = names.family() == AdapterFamily::Sdxl;
    match layer.part {
        Part::Unet => {
            // Its table has the time embedding and not the one of added conditions.
            let known = !layer.path.starts_with("add_embedding");
            let diffusers = known.then(|| kohya_diffusers(layer));
            diffusers
                .into_iter()
                .chain(kohya_sgm(names, layer))
                .collect()
        }
        _ if layer.path == "text_projection" => Vec::new(),
        Part::TextEncoder if sdxl => vec![kohya_text("lora_te1", layer)],
        Part::TextEncoder => vec![kohya_text("lora_te", layer), kohya_text("lora_te1", layer)],
        Part::TextEncoder2 => vec![kohya_text("lora_te2", layer)],
    }
}

fn tensor(_slot: Slot, spelling: Spelling) -> Option<&'static str> {
    (spelling != Spelling::Kohya).then_some("it takes only kohya's and LyCORIS's tensor names")
}

/// Embeddings in the file are loaded as such.
fn stranger(key: &Key<'_>, keys: &[Key<'_>]) -> Option<String> {
    if key.name.starts_with("bundle_emb.") {
        return None;
    }
    not_in_its_map(key, keys)
}

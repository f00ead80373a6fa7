//! `ComfyUI`: `comfy/lora.py`, `model_lora_keys_unet` and `model_lora_keys_clip`.

use super::{
    Rules, kohya_diffusers, kohya_sgm, kohya_text, misshapen_lengths, no_objection, not_in_its_map,
    nothing, processor,
};
use crate::kohya_name;
use crate::names::{LayerId, LayerNames, Part};
use crate::read::suffix::{Slot, Spelling};

pub(super) const RULES: Rules = Rules {
    reader: "ComfyUI",
    names,
    tensor,
    stranger: not_in_its_map,
    context: no_objection,
    whole: nothing,
    misread: misshapen_lengths,
};

fn names(names: &LayerNames, layer: &LayerId) -> Vec<String> {
    let projection = layer.path == "text_projection";
    let with_model = format!("{}.text_model.{}", layer.part.name(), layer.path);
    match layer.part {
        Part::Unet => {
            let mut list = vec![kohya_diffusers(layer), kohya_name("lycoris", &layer.path)];
            list.extend(kohya_sgm(names, layer));
            list.extend(
                names
                    .sgm(layer)
                    .map(|path| format!("diffusion_model.{path}")),
            );
            // Layers outside of attention keep their plain diffusers path.
            let plain = processor(layer).unwrap_or_else(|| layer.path.clone());
            list.extend([format!("unet.{plain}"), plain]);
            list
        }
        Part::TextEncoder if projection => vec![kohya_text("lora_te1", layer)],
        Part::TextEncoder => vec![
            kohya_text("lora_te", layer),
            kohya_text("lora_te1", layer),
            with_model,
        ],
        Part::TextEncoder2 if projection => vec![kohya_text("lora_te2", layer)],
        Part::TextEncoder2 => vec![kohya_text("lora_te2", layer), with_model],
    }
}

fn tensor(slot: Slot, spelling: Spelling) -> Option<&'static str> {
    match (slot, spelling) {
        (Slot::MagnitudeVector, _) => Some("it knows DoRA only as `dora_scale`"),
        _ => None,
    }
}

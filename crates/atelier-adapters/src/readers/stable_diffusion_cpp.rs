//! stable-diffusion.cpp: `src/name_conversion.cpp`, `convert_tensor_name` and `convert_sep_to_dot`.

use super::{
    Rules, is_norm, kohya_diffusers, kohya_sgm, kohya_text, no_objection, none_misread,
    not_in_its_map, nothing, processor,
};
use crate::kohya_name;
use crate::names::{LayerId, LayerNames, Part};
use crate::read::suffix::{Slot, Spelling};

pub(super) const RULES: Rules = Rules {
    reader: "stable-diffusion.cpp",
    names,
    tensor,
    others: &[],
    stranger: not_in_its_map,
    context: no_objection,
    whole: nothing,
    misread: none_misread,
};

fn names(names: &LayerNames, layer: &LayerId) -> Vec<String> {
    let path = &layer.path;
    match layer.part {
        // It turns underscores into dots except inside words that it knows; these two it does not.
        Part::Unet if path.starts_with("add_embedding") => Vec::new(),
        Part::Unet => {
            let mut list = vec![
                kohya_diffusers(layer),
                kohya_name("lycoris", path),
                format!("unet.{path}"),
            ];
            if !path.starts_with("time_embedding") {
                list.extend(kohya_sgm(names, layer));
                list.extend(
                    names
                        .sgm(layer)
                        .map(|path| format!("diffusion_model.{path}")),
                );
            }
            list.extend(processor(layer).map(|path| format!("unet.{path}")));
            list
        }
        _ if path == "text_projection" || is_norm(layer) => Vec::new(),
        Part::TextEncoder => vec![
            kohya_text("lora_te", layer),
            kohya_text("lora_te1", layer),
            names.peft(layer),
        ],
        Part::TextEncoder2 => vec![kohya_text("lora_te2", layer), names.peft(layer)],
    }
}

fn tensor(slot: Slot, _spelling: Spelling) -> Option<&'static str> {
    match slot {
        Slot::DoraScale | Slot::MagnitudeVector => Some("it does not know DoRA"),
        Slot::NormWeight | Slot::NormBias => {
            Some("it knows differences of norms only as `diff` and `diff_b`")
        }
        Slot::LokrT2 => Some("it does not know LoKr with Tucker factors"),
        _ => None,
    }
}

//! `ComfyUI`: `comfy/lora.py`, `load_lora`, `model_lora_keys_unet` and `model_lora_keys_clip`, and
//! `comfy/weight_adapter/base.py`, `weight_decompose`.

use std::collections::BTreeMap;

use super::{
    Key, Rules, faults, has_beside, is_norm, kohya_diffusers, kohya_sgm, kohya_text,
    not_in_its_map, nothing, odd_lengths, processor,
};
use crate::fit::BaseLayers;
use crate::names::{LayerId, LayerNames, Part};
use crate::read::suffix::{Slot, Spelling};
use crate::{AdapterFile, AdapterLayer, Content, kohya_name};

pub(super) const RULES: Rules = Rules {
    reader: "ComfyUI",
    names,
    tensor,
    others: &[
        ".oft_blocks",
        ".rescale",
        ".a1.weight",
        ".a2.weight",
        ".b1.weight",
        ".b2.weight",
        ".set_weight",
        ".reshape_weight",
    ],
    stranger: not_in_its_map,
    context,
    whole: nothing,
    misread,
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
        part => {
            let mut list: Vec<_> = names.comfyui_text(layer).into_iter().collect();
            // Of text encoders, other spellings have products alone.
            if is_norm(layer) {
                return list;
            }
            list.push(match part {
                Part::TextEncoder2 => kohya_text("lora_te2", layer),
                _ => kohya_text("lora_te1", layer),
            });
            if !projection {
                list.extend((part == Part::TextEncoder).then(|| kohya_text("lora_te", layer)));
                list.push(with_model);
            }
            list
        }
    }
}

fn tensor(slot: Slot, spelling: Spelling) -> Option<&'static str> {
    match (slot, spelling) {
        (Slot::MagnitudeVector, _) => Some("it knows DoRA only as `dora_scale`"),
        _ => None,
    }
}

fn context(key: &Key<'_>, keys: &[Key<'_>]) -> Option<String> {
    let is_bias = matches!(key.parts, Some((_, Slot::NormBias, _)));
    let is_lone = is_bias && !has_beside(key, keys, Slot::NormWeight);
    is_lone.then(|| "it reads `b_norm` only beside `w_norm`".to_owned())
}

fn misread(adapter: &AdapterFile, base: &BaseLayers) -> BTreeMap<String, String> {
    faults(adapter, base, fault)
}

fn fault(layer: &AdapterLayer, weight: &[usize]) -> Option<String> {
    let (Content::Full(whole) | Content::Bias(whole)) = &layer.content else {
        let of_rows =
            "the lengths that the base's rows have without the change, which draws another picture";
        return odd_lengths(layer, weight, of_rows);
    };
    if whole.shape != weight {
        let shape = &whole.shape;
        return Some(format!(
            "the difference has shape {shape:?}, the base's tensor {weight:?}, and it adds none of another shape"
        ));
    }
    let has_lengths = layer.dora_scale.is_some();
    has_lengths.then(|| "it ignores DoRA's lengths beside a whole difference".to_owned())
}

//! `InvokeAI`: `backend/patches/lora_conversions/{sd,sdxl}_lora_conversion_utils.py`, the probe in `configs/lora.py`, and the
//! kinds of layers in `backend/patches/layers/utils.py`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Key, Rules, is_diffusers, is_sgm, kohya_diffusers, kohya_sgm, kohya_text, lone_bias,
    odd_lengths_of_columns,
};
use crate::AdapterFamily;
use crate::names::{LayerId, LayerNames, Part};
use crate::read::suffix::{Slot, Spelling};

pub(super) const RULES: Rules = Rules {
    reader: "InvokeAI",
    names,
    tensor,
    others: &[".weight", ".on_input"],
    stranger,
    context: lone_bias,
    whole,
    misread: odd_lengths_of_columns,
};

/// What a layer has that it takes for one of its kinds.
const KINDS: [&str; 7] = [
    "lora_up.weight",
    "hada_w1_a",
    "lokr_w1",
    "lokr_w1_a",
    "diff",
    "on_input",
    "w_norm",
];

fn names(names: &LayerNames, layer: &LayerId) -> Vec<String> {
    let sdxl = names.family() == AdapterFamily::Sdxl;
    match layer.part {
        Part::Unet if sdxl => {
            let sgm = kohya_sgm(names, layer).into_iter();
            sgm.chain([kohya_diffusers(layer)]).collect()
        }
        Part::Unet => vec![kohya_diffusers(layer)],
        Part::TextEncoder if sdxl => vec![kohya_text("lora_te1", layer)],
        Part::TextEncoder => vec![kohya_text("lora_te", layer)],
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

fn stranger(key: &Key<'_>, keys: &[Key<'_>]) -> Option<String> {
    if key.name.starts_with("bundle_emb.") {
        return Some("it strips embeddings from the file".to_owned());
    }
    super::not_in_its_map(key, keys)
}

/// For SDXL, recognised by its names, every key must have one of three prefixes, and all blocks one layout.
fn whole(keys: &[Key<'_>]) -> Option<String> {
    let kohya = |key: &&Key<'_>| key.name.starts_with("lora_");
    if !keys.iter().any(|key| kohya(&key)) {
        return Some(
            "no key has one of kohya's prefixes, so it does not take it for an adapter".to_owned(),
        );
    }
    let unet = || keys.iter().filter(|key| key.name.starts_with("lora_unet_"));
    let sgm = unet().find(|key| is_sgm(key.name));
    let diffusers = unet().find(|key| is_diffusers(key.name));
    if let (Some(sgm), Some(diffusers)) = (sgm, diffusers) {
        let (sgm, diffusers) = (sgm.name, diffusers.name);
        return Some(format!(
            "it raises an error on a mix of block names: `{sgm}` and `{diffusers}`"
        ));
    }
    layer_without_kind(keys)
}

/// It takes every layer, which a dot ends, for one kind; a layer that is of none is an error for the file.
fn layer_without_kind(keys: &[Key<'_>]) -> Option<String> {
    let mut layers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for key in keys.iter().filter(|key| key.name.starts_with("lora_")) {
        if let Some((layer, tensor)) = key.name.split_once('.') {
            layers.entry(layer).or_default().insert(tensor);
        }
    }
    layers.into_iter().find_map(|(layer, tensors)| {
        let has = |tensor: &str| tensors.contains(tensor);
        let is_plain = has("lora_up.weight") && has("lora_down.weight") && !has("lora_mid.weight");
        if has("dora_scale") && !is_plain {
            return Some(format!(
                "it raises an error on DoRA of anything but plain LoRA, such as layer `{layer}`"
            ));
        }
        let is_known = KINDS.iter().any(|tensor| has(tensor));
        (!is_known).then(|| {
            format!(
                "it raises an error on layers of kinds that it does not know, such as `{layer}`"
            )
        })
    })
}

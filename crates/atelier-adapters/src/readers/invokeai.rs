//! `InvokeAI`: `backend/patches/lora_conversions/{sd,sdxl}_lora_conversion_utils.py` and the probe in `configs/lora.py`.

use super::{
    Key, Rules, is_diffusers, is_sgm, kohya_diffusers, kohya_sgm, kohya_text, misshapen_lengths,
    no_objection,
};
use crate::AdapterFamily;
use crate::names::{LayerId, LayerNames, Part};
use crate::read::suffix::{Slot, Spelling};

pub(super) const RULES: Rules = Rules {
    reader: "InvokeAI",
    names,
    tensor,
    stranger,
    context: no_objection,
    whole,
    misread: misshapen_lengths,
};

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

fn tensor(_slot: Slot, spelling: Spelling) -> Option<&'static str> {
    (spelling != Spelling::Kohya).then_some("it takes only kohya's and LyCORIS's tensor names")
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
    let (sgm, diffusers) = (sgm?, diffusers?);
    Some(format!(
        "it raises an error on a mix of block names: `{}` and `{}`",
        sgm.name, diffusers.name
    ))
}

//! diffusers with PEFT: `loaders/lora_pipeline.py` and `loaders/lora_conversion_utils.py`.
//!
//! A file is kohya's only if every key has one of kohya's four prefixes; its names are then rewritten, the original block
//! names by the U-Net's configuration. Any other file must be in diffusers' own names.

use super::{
    Key, Rules, is_diffusers, is_sgm, kohya_diffusers, kohya_sgm, kohya_text, nothing, processor,
};
use crate::adapter::names::{LayerId, LayerNames, Part};
use crate::adapter::read::suffix::{Slot, Spelling};

pub(super) const RULES: Rules = Rules {
    reader: "diffusers",
    names,
    tensor,
    stranger,
    context,
    whole,
    exact_axes: true,
};

const KOHYA: [&str; 4] = ["lora_te_", "lora_unet_", "lora_te1_", "lora_te2_"];

fn is_kohya(name: &str) -> bool {
    KOHYA.iter().any(|prefix| name.starts_with(prefix))
}

fn all_kohya(keys: &[Key<'_>]) -> bool {
    keys.iter().all(|key| is_kohya(key.name))
}

fn names(names: &LayerNames, layer: &LayerId) -> Vec<String> {
    match layer.part {
        Part::Unet => {
            let mut list = vec![format!("unet.{}", layer.path)];
            // Its rewriting knows the added conditions only in the original names.
            if !layer.path.starts_with("add_embedding") {
                list.push(kohya_diffusers(layer));
            }
            // An upsampler that does not follow attention is taken for attention.
            let lost = layer.path.contains("upsamplers")
                && names
                    .sgm(layer)
                    .is_some_and(|path| path.ends_with(".1.conv"));
            list.extend(kohya_sgm(names, layer).filter(|_| !lost));
            list.extend(processor(layer).map(|path| format!("unet.{path}")));
            list
        }
        part => {
            let prefixes: &[&str] = match part {
                Part::TextEncoder => &["lora_te", "lora_te1"],
                _ => &["lora_te2"],
            };
            let mut list: Vec<_> = prefixes
                .iter()
                .map(|prefix| kohya_text(prefix, layer))
                .collect();
            list.push(names.peft(layer));
            list
        }
    }
}

fn tensor(slot: Slot, spelling: Spelling) -> Option<&'static str> {
    match (slot, spelling) {
        (Slot::Down | Slot::Up | Slot::Alpha | Slot::MagnitudeVector, _) => None,
        (Slot::DoraScale, _) => {
            Some("it drops DoRA's lengths with a warning and draws another picture")
        }
        _ => Some("it knows only plain low-rank factors"),
    }
}

fn stranger(key: &Key<'_>, keys: &[Key<'_>]) -> Option<String> {
    if is_kohya(key.name) {
        return super::not_in_its_map(key, keys);
    }
    Some("the name begins with no part of a pipeline".to_owned())
}

fn context(key: &Key<'_>, keys: &[Key<'_>]) -> Option<String> {
    if is_kohya(key.name) && !all_kohya(keys) {
        let other = keys.iter().find(|key| !is_kohya(key.name))?;
        return Some(format!("`{}` makes the file none of kohya's", other.name));
    }
    let mixed = keys.iter().any(|key| is_diffusers(key.name)) && is_sgm(key.name);
    (is_kohya(key.name) && mixed).then(|| {
        "it drops original block names where diffusers block names stand beside them".to_owned()
    })
}

fn whole(keys: &[Key<'_>]) -> Option<String> {
    let other = |key: &&Key<'_>| {
        let kinds = matches!(
            key.parts,
            Some((_, Slot::Down | Slot::Up | Slot::Alpha | Slot::DoraScale, _))
        );
        !kinds
    };
    if !all_kohya(keys) {
        return nothing(keys);
    }
    let key = keys.iter().find(other)?;
    Some(format!(
        "it raises an error on tensors that are not low-rank factors, such as `{}`",
        key.name
    ))
}

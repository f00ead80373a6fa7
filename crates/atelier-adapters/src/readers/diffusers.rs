//! diffusers with PEFT: `loaders/lora_pipeline.py` and `loaders/lora_conversion_utils.py`.
//!
//! A file is kohya's only if every key has one of kohya's four prefixes; its names are then rewritten, the original block
//! names by the U-Net's configuration. Any other file must be in diffusers' own names.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Key, Rules, is_diffusers, is_sgm, kohya_diffusers, kohya_sgm, kohya_text, nothing, processor,
};
use crate::fit::BaseLayers;
use crate::names::{LayerId, LayerNames, Part};
use crate::read::METADATA_KEY;
use crate::read::suffix::{Slot, Spelling};
use crate::{AdapterFile, AdapterFormat, AdapterLayer};

pub(super) const RULES: Rules = Rules {
    reader: "diffusers",
    names,
    tensor,
    others: &[],
    stranger,
    context,
    whole,
    misread,
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
            // Text encoders of newer libraries have no `text_model`; both spellings are taken for them.
            list.push(names.peft(layer));
            list.push(layer.to_string());
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

fn misread(adapter: &AdapterFile, base: &BaseLayers) -> BTreeMap<String, String> {
    let mut misread = odd_alphas(adapter, base);
    misread.extend(odd_doras(adapter, base));
    for layer in &adapter.layers {
        let place = base.names().find(&layer.name);
        let shape = place.and_then(|place| base.shape(place));
        let axes = layer.factors().map(|(down, _)| down.shape.len());
        if let (Some(shape), Some(axes)) = (shape, axes)
            && shape.len() != axes
        {
            let reason = format!(
                "its factors have {axes} axes, the weight has {}",
                shape.len()
            );
            misread.insert(layer.name.clone(), reason);
        }
    }
    misread
}

/// Of a kohya file, it gives attention layers and text encoders the alpha that most layers of the part have: the alphas of
/// single layers get lost under the names that it gives them.
fn odd_alphas(adapter: &AdapterFile, base: &BaseLayers) -> BTreeMap<String, String> {
    let mut odd = BTreeMap::new();
    for part in Part::ALL {
        let inside = |layer: &&AdapterLayer| {
            let place = base.names().find(&layer.name);
            let is_inside = place.is_some_and(|place| place.part == part);
            is_inside && is_kohya(&layer.name) && layer.vector().is_none()
        };
        let layers: Vec<_> = adapter.layers.iter().filter(inside).collect();
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for layer in &layers {
            *counts.entry(layer.alpha.to_bits()).or_default() += 1;
        }
        let usual = counts.iter().max_by_key(|(_, count)| **count);
        let Some(usual) = usual.map(|(bits, _)| f32::from_bits(*bits)) else {
            continue;
        };
        let lost = |layer: &&&AdapterLayer| {
            let named = part != Part::Unet || layer.name.contains("_attn");
            named && layer.alpha.to_bits() != usual.to_bits()
        };
        for layer in layers.iter().filter(lost) {
            let reason = format!(
                "it takes alpha {usual} for its {}, that of most layers",
                layer.alpha
            );
            odd.insert(layer.name.clone(), reason);
        }
    }
    odd
}

/// Of a file in its own names, it takes all layers of a part for `DoRA` or none: as the settings in the header say, else
/// as soon as one layer has lengths.
fn odd_doras(adapter: &AdapterFile, base: &BaseLayers) -> BTreeMap<String, String> {
    let settings = adapter.metadata.get(METADATA_KEY);
    let settings = settings.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let has_lengths = |layer: &AdapterLayer| {
        layer.dora_scale.is_some() && layer.magnitude_rule == AdapterFormat::Peft.magnitude_rule()
    };
    let mut odd = BTreeMap::new();
    for part in Part::ALL {
        let inside = |layer: &&AdapterLayer| {
            let place = base.names().find(&layer.name);
            let is_inside = place.is_some_and(|place| place.part == part);
            is_inside && !is_kohya(&layer.name) && layer.vector().is_none()
        };
        let layers: Vec<_> = adapter.layers.iter().filter(inside).collect();
        let part = part.name();
        let stated = settings
            .as_ref()
            .map(|settings| &settings[format!("{part}.use_dora")]);
        let stated = stated.and_then(Value::as_bool);
        let takes = stated.unwrap_or_else(|| layers.iter().any(|layer| has_lengths(layer)));
        let reason = if takes {
            format!("it takes all layers of the {part} for DoRA, and this one has no lengths")
        } else {
            format!("the settings say that no layer of the {part} is a DoRA, and this one is")
        };
        let others = layers.iter().filter(|layer| has_lengths(layer) != takes);
        odd.extend(others.map(|layer| (layer.name.clone(), reason.clone())));
    }
    odd
}

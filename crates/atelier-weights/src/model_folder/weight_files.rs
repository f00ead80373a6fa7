//! The weight files of a part, among the names and variants that diffusers gives them.

use std::collections::BTreeSet;

use super::choice::PartWeights;

/// Number formats that a file name can state, the preferred one first. None means f32.
const VARIANTS: [Option<&str>; 3] = [None, Some("fp16"), Some("bf16")];
/// Endings of weights that are not read.
const PICKLED: [&str; 5] = [".bin", ".ckpt", ".pkl", ".pt", ".pth"];

/// Whether a name is that of weights which can run code when they are read.
pub fn is_pickled(name: &str) -> bool {
    PICKLED.iter().any(|end| name.ends_with(end))
}

/// The weights of a part among the names of what is there, or what is there in their place.
pub(super) fn find_weights(part: &str, names: &BTreeSet<String>) -> Result<PartWeights, String> {
    let stem = if part.starts_with("text_encoder") {
        "model"
    } else {
        "diffusion_pytorch_model"
    };
    let there = |name: &str| Some(format!("{part}/{name}")).filter(|name| names.contains(name));
    for variant in VARIANTS {
        if let Some(one) = there(&file_name(stem, variant)) {
            return Ok(PartWeights::One(one));
        }
        let indexes = index_names(stem, variant);
        if let Some(index) = indexes.iter().find_map(|name| there(name)) {
            return Ok(PartWeights::Sharded(index));
        }
    }
    let wanted = format!("`{part}/{}`", file_name(stem, None));
    let pickled = names.iter().rfind(|name| {
        let inside = name
            .strip_prefix(part)
            .and_then(|rest| rest.strip_prefix('/'));
        inside.is_some_and(|name| !name.contains('/') && is_pickled(name))
    });
    Err(match pickled {
        Some(name) => format!(
            "{wanted} (`{name}` holds pickled weights, which are not read; convert them with diffusers: \
             `save_pretrained(folder, safe_serialization=True)`)"
        ),
        None => wanted,
    })
}

fn file_name(stem: &str, variant: Option<&str>) -> String {
    match variant {
        None => format!("{stem}.safetensors"),
        Some(variant) => format!("{stem}.{variant}.safetensors"),
    }
}

/// diffusers puts the variant before the last word of the name; other writers put it where the files have it.
fn index_names(stem: &str, variant: Option<&str>) -> Vec<String> {
    match variant {
        None => vec![format!("{stem}.safetensors.index.json")],
        Some(variant) => vec![
            format!("{stem}.safetensors.index.{variant}.json"),
            format!("{stem}.{variant}.safetensors.index.json"),
        ],
    }
}

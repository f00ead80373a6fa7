//! Tensors that belong to no layer of an adapter: what they are, in words.

use atelier_weights::first_names;

/// Parts of names and what they betray, the most telling first.
const MARKS: [(&[&str], &str); 7] = [
    (&["bundle_emb."], "a bundled embedding"),
    (
        &[
            ".oft_",
            ".on_input",
            ".ia3_l",
            ".a1.weight",
            ".a2.weight",
            ".b1.weight",
            ".b2.weight",
        ],
        "factors of OFT, IA3 or GLoRA",
    ),
    (
        &[".lora_B.bias", ".lora_embedding_"],
        "LoRA biases or embeddings of PEFT",
    ),
    (&[".set_weight", ".reshape_weight"], "replaced weights"),
    (
        &["emb_params", "clip_l", "clip_g", "string_to_param"],
        "a textual inversion embedding",
    ),
    (
        &[
            "model.diffusion_model.",
            "first_stage_model.",
            "cond_stage_model.",
            "conditioner.embedders.",
        ],
        "a whole checkpoint, not an adapter",
    ),
    (&["controlnet", "control_model."], "a ControlNet"),
];

fn kind(key: &str) -> Option<&'static str> {
    let mark = MARKS
        .iter()
        .find(|(marks, _)| marks.iter().any(|mark| key.contains(mark)));
    mark.map(|(_, kind)| *kind)
}

/// Why a file without any layer is refused.
pub(super) fn no_layer(unknown: &[String]) -> String {
    if unknown.is_empty() {
        return "it holds no adapter layer".to_owned();
    }
    let shown = first_names(unknown.iter().map(String::as_str));
    match MARKS.iter().find(|(marks, _)| {
        unknown
            .iter()
            .any(|key| marks.iter().any(|mark| key.contains(mark)))
    }) {
        Some((_, kind)) => format!("it holds no adapter layer, it is {kind}: {shown}"),
        None => format!("it holds no adapter layer, only tensors that belong to none: {shown}"),
    }
}

/// One line per kind of tensor that was not used.
pub(crate) fn notes(unknown: &[String]) -> Vec<String> {
    let mut groups: Vec<(Option<&str>, Vec<&str>)> = Vec::new();
    for key in unknown {
        let kind = kind(key);
        match groups.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, keys)) => keys.push(key),
            None => groups.push((kind, vec![key])),
        }
    }
    groups
        .into_iter()
        .map(|(kind, keys)| {
            let (count, shown) = (keys.len(), first_names(keys.into_iter()));
            let kind = kind.unwrap_or("unknown");
            format!("tensors not used ({kind}, {count}): {shown}")
        })
        .collect()
}

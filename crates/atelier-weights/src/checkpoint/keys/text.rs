//! The text encoders: CLIP as its own library stores it, and `OpenCLIP` with query, key and value in one matrix.

use super::{Form, Target, leading_index, renamed, same};
use crate::part::with_text_model;

/// Tensors outside of the layers of an `OpenCLIP` text encoder.
const OUTER: [(&str, &str); 3] = [
    ("token_embedding", "text_model.embeddings.token_embedding"),
    ("ln_final", "text_model.final_layer_norm"),
    (
        "positional_embedding",
        "text_model.embeddings.position_embedding.weight",
    ),
];
/// Modules of an `OpenCLIP` layer.
const LAYER: [(&str, &str); 5] = [
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
    ("attn.out_proj", "self_attn.out_proj"),
];
/// The projection of the pooled state, in diffusers and in checkpoints that early scripts of theirs wrote.
const PROJECTION: &str = "text_projection.weight";
/// The same in `OpenCLIP`, where it is no layer.
const OPENCLIP_PROJECTION: &str = "text_projection";
/// What one `OpenCLIP` matrix holds, in this order.
const PROJECTIONS: [&str; 3] = ["q_proj", "k_proj", "v_proj"];

/// The tensors of diffusers for a name behind `transformer.`; old merges leave out `text_model.`.
pub(in crate::checkpoint) fn clip_targets(name: &str) -> Vec<Target> {
    let name = with_text_model(name);
    if name.starts_with("text_model.") {
        return same(name);
    }
    Vec::new()
}

/// Whether this is the projection of the pooled state, in either spelling.
pub(in crate::checkpoint) fn is_projection(name: &str) -> bool {
    matches!(name, PROJECTION | OPENCLIP_PROJECTION)
}

/// The tensors of diffusers for a name behind `model.`, out of the first `layers` layers, with or without the
/// projection of the pooled state.
pub(in crate::checkpoint) fn openclip_targets(
    name: &str,
    layers: usize,
    projected: bool,
) -> Vec<Target> {
    if is_projection(name) {
        let form = if name == OPENCLIP_PROJECTION {
            Form::Transposed
        } else {
            Form::Same
        };
        let target = || Target::new(PROJECTION.to_owned(), form);
        return projected.then(target).into_iter().collect();
    }
    // The one name that is a whole tensor and no module.
    let whole = OUTER.iter().find(|(old, _)| *old == name);
    if let Some((_, new)) = whole.filter(|(_, new)| new.ends_with(".weight")) {
        return same((*new).to_owned());
    }
    if let Some(outer) = renamed(&OUTER, name).filter(|new| !new.contains(".weight.")) {
        return same(outer);
    }
    let layer = name
        .strip_prefix("transformer.resblocks.")
        .and_then(leading_index)
        .filter(|(layer, _)| *layer < layers);
    layer.map_or_else(Vec::new, |(layer, rest)| layer_targets(layer, rest))
}

fn layer_targets(layer: usize, rest: &str) -> Vec<Target> {
    let start = format!("text_model.encoder.layers.{layer}");
    if let Some(kind) = rest.strip_prefix("attn.in_proj_") {
        if !matches!(kind, "weight" | "bias") {
            return Vec::new();
        }
        let thirds = PROJECTIONS.iter().enumerate().map(|(third, projection)| {
            let name = format!("{start}.self_attn.{projection}.{kind}");
            Target::new(name, Form::Third(third))
        });
        return thirds.collect();
    }
    let renamed = renamed(&LAYER, rest).map(|rest| same(format!("{start}.{rest}")));
    renamed.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(targets: Vec<Target>) -> Vec<String> {
        targets.into_iter().map(|target| target.name).collect()
    }

    #[test]
    fn one_matrix_becomes_three() {
        let targets = openclip_targets("transformer.resblocks.3.attn.in_proj_weight", 4, false);
        let forms: Vec<_> = targets.iter().map(|target| target.form).collect();
        assert_eq!(forms, [Form::Third(0), Form::Third(1), Form::Third(2)]);
        let start = "text_model.encoder.layers.3.self_attn";
        let expected = ["q", "k", "v"].map(|letter| format!("{start}.{letter}_proj.weight"));
        assert_eq!(names(targets), expected);
    }

    #[test]
    fn layers_that_are_not_used_have_no_target() {
        let name = "transformer.resblocks.3.mlp.c_fc.bias";
        let layer = "text_model.encoder.layers.3.mlp.fc1.bias";
        assert_eq!(names(openclip_targets(name, 4, false)), [layer]);
        assert!(openclip_targets(name, 3, false).is_empty());
        for (projection, form) in [
            ("text_projection", Form::Transposed),
            ("text_projection.weight", Form::Same),
        ] {
            assert!(openclip_targets(projection, 4, false).is_empty());
            let expected = Target::new("text_projection.weight".to_owned(), form);
            assert_eq!(openclip_targets(projection, 4, true), [expected]);
        }
    }

    #[test]
    fn names_outside_of_the_layers_are_found() {
        for (old, new) in [
            (
                "positional_embedding",
                "text_model.embeddings.position_embedding.weight",
            ),
            (
                "token_embedding.weight",
                "text_model.embeddings.token_embedding.weight",
            ),
            ("ln_final.bias", "text_model.final_layer_norm.bias"),
        ] {
            assert_eq!(names(openclip_targets(old, 4, true)), [new]);
        }
        for foreign in [
            "logit_scale",
            "attn_mask",
            "positional_embedding.x",
            "token_embedding",
        ] {
            assert!(openclip_targets(foreign, 4, true).is_empty(), "{foreign}");
        }
    }

    #[test]
    fn clip_names_are_known_with_and_without_prefix() {
        let full = "text_model.final_layer_norm.bias";
        for name in ["final_layer_norm.bias", full] {
            assert_eq!(names(clip_targets(name)), [full]);
        }
        assert!(clip_targets("visual.proj").is_empty());
    }
}

//! `text_encoder/config.json` and `text_encoder_2/config.json` from shapes.

use serde_json::{Value, json};

use super::{HEAD_FEATURES, axis, count};
use crate::PartTensors;

/// The class that projects the pooled state.
const PROJECTED: &str = "CLIPTextModelWithProjection";
const PLAIN: &str = "CLIPTextModel";

/// The configuration of CLIP-L, in Stable Diffusion 1 and as the first encoder of SDXL.
pub(in crate::checkpoint) fn clip(tensors: &PartTensors) -> Result<Value, String> {
    text(tensors, PLAIN, "quick_gelu")
}

/// The configuration of the `OpenCLIP` encoder of Stable Diffusion 2, whose pooled state is not used.
pub(in crate::checkpoint) fn openclip(tensors: &PartTensors) -> Result<Value, String> {
    text(tensors, PLAIN, "gelu")
}

/// The configuration of the second encoder of SDXL, whose pooled state is projected.
pub(in crate::checkpoint) fn openclip_projected(tensors: &PartTensors) -> Result<Value, String> {
    text(tensors, PROJECTED, "gelu")
}

fn text(tensors: &PartTensors, class: &str, activation: &str) -> Result<Value, String> {
    let tokens = "text_model.embeddings.token_embedding.weight";
    let positions = "text_model.embeddings.position_embedding.weight";
    let inner = "text_model.encoder.layers.0.mlp.fc1.weight";
    let width = axis(tensors, tokens, 1)?;
    let projection = match class {
        PROJECTED => axis(tensors, "text_projection.weight", 0)?,
        _ => width,
    };
    // One head where there are too few features for the published width.
    let heads = (width / HEAD_FEATURES).max(1);
    if width == 0 || !width.is_multiple_of(heads) {
        return Err(format!(
            "its text encoder has states of width {width}, expected a multiple of {HEAD_FEATURES}"
        ));
    }
    Ok(json!({
        "architectures": [class],
        "bos_token_id": 0,
        "eos_token_id": 2,
        "hidden_act": activation,
        "hidden_size": width,
        "intermediate_size": axis(tensors, inner, 0)?,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": axis(tensors, positions, 0)?,
        "model_type": "clip_text_model",
        "num_attention_heads": heads,
        "num_hidden_layers": count(tensors, "text_model.encoder.layers.")?,
        "pad_token_id": 1,
        "projection_dim": projection,
        "vocab_size": axis(tensors, tokens, 0)?,
    }))
}

//! The tensors of a CLIP text encoder, with the `text_model.` that published folders put in front.

use serde_json::Value;

use super::{Expected, MAX_TEXT_LAYERS, count, width};

/// The class that projects the pooled state.
const PROJECTED: &str = "CLIPTextModelWithProjection";

/// Adds all tensors.
pub(super) fn add(out: &mut Expected, config: &Value) -> Option<()> {
    let states = width(config, "hidden_size", 512)?;
    let inner = width(config, "intermediate_size", 2048)?;
    let layers = config.get("num_hidden_layers");
    let layers = layers.map_or(Some(12), |layers| count(layers, MAX_TEXT_LAYERS))?;
    let embeddings = "text_model.embeddings";
    let tokens = [width(config, "vocab_size", 49408)?, states];
    out.weight(&format!("{embeddings}.token_embedding"), &tokens);
    let positions = [width(config, "max_position_embeddings", 77)?, states];
    out.weight(&format!("{embeddings}.position_embedding"), &positions);
    for layer in 0..layers {
        let start = format!("text_model.encoder.layers.{layer}");
        out.norm(&format!("{start}.layer_norm1"), states);
        out.norm(&format!("{start}.layer_norm2"), states);
        for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            out.layer(
                &format!("{start}.self_attn.{projection}"),
                &[states, states],
            );
        }
        out.layer(&format!("{start}.mlp.fc1"), &[inner, states]);
        out.layer(&format!("{start}.mlp.fc2"), &[states, inner]);
    }
    out.norm("text_model.final_layer_norm", states);
    let classes = config.get("architectures").and_then(Value::as_array);
    let mut classes = classes.into_iter().flatten();
    if classes.any(|class| class.as_str() == Some(PROJECTED)) {
        let projection = [width(config, "projection_dim", 512)?, states];
        out.weight("text_projection", &projection);
    }
    Some(())
}

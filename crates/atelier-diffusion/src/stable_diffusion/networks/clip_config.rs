//! `text_encoder/config.json`: the sizes of a CLIP text encoder, read strictly.

use atelier_nn::activation::Activation;
use serde::Deserialize;
use serde_json::Value;

use super::config::{config_error, parse};
use crate::Result;
use crate::tokenizer::CONTEXT_LENGTH;

/// `text_encoder/config.json` of a `CLIPTextModel`, or of a `CLIPTextModelWithProjection`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Width of the states.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads of every attention.
    pub num_attention_heads: usize,
    /// Longest sequence.
    pub max_position_embeddings: usize,
    /// Activation of the feed-forward layers.
    pub hidden_act: String,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f64,
    /// Width of the pooled state.
    pub projection_dim: usize,
    /// The token whose state is pooled. 2 stands in old files whatever the token is, and means the largest id of the text.
    pub eos_token_id: u32,
    /// Whether the encoder pools and projects; said by the place in the base, not by the file.
    #[serde(skip)]
    pub projected: bool,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
            projection_dim: 512,
            eos_token_id: 49407,
            projected: false,
        }
    }
}

impl TextConfig {
    /// Reads and checks the configuration.
    pub fn read(json: &Value) -> Result<Self> {
        let config: Self = parse("text_encoder", json)?;
        config.activation()?;
        if config.num_attention_heads == 0
            || !config
                .hidden_size
                .is_multiple_of(config.num_attention_heads)
        {
            return Err(config_error(
                "text_encoder",
                "num_attention_heads",
                "must divide `hidden_size`",
            ));
        }
        if config.num_hidden_layers == 0 {
            return Err(config_error(
                "text_encoder",
                "num_hidden_layers",
                "must be at least 1",
            ));
        }
        if config.max_position_embeddings != CONTEXT_LENGTH {
            let problem = format!(
                "is {}, prompts have {CONTEXT_LENGTH} tokens",
                config.max_position_embeddings
            );
            return Err(config_error(
                "text_encoder",
                "max_position_embeddings",
                &problem,
            ));
        }
        Ok(config)
    }

    /// Where the state of a text is pooled.
    pub fn end_of(&self, ids: &[u32]) -> usize {
        let wanted = match self.eos_token_id {
            2 => ids.iter().copied().max().unwrap_or_default(),
            id => id,
        };
        ids.iter().position(|&id| id == wanted).unwrap_or_default()
    }

    /// The activation of the feed-forward layers.
    pub fn activation(&self) -> Result<Activation> {
        Activation::from_config(&self.hidden_act).ok_or_else(|| {
            let problem = format!("is `{}`, known are quick_gelu, gelu, silu", self.hidden_act);
            config_error("text_encoder", "hidden_act", &problem)
        })
    }
}

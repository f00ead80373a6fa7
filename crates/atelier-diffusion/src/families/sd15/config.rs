//! The three configuration files of a base, read strictly: what this code does not build is an error, not a guess.

use serde::Deserialize;
use serde_json::Value;

use atelier_nn::activation::Activation;

use crate::tokenizer::CONTEXT_LENGTH;

use crate::{Error, Result};

/// One number for all levels, or one for each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum PerLevel {
    /// The same everywhere.
    One(usize),
    /// From the first level down.
    Each(Vec<usize>),
}

impl PerLevel {
    /// The value of every level, if the count fits.
    pub fn expand(&self, levels: usize) -> Option<Vec<usize>> {
        match self {
            Self::One(value) => Some(vec![*value; levels]),
            Self::Each(values) => (values.len() == levels).then(|| values.clone()),
        }
    }
}

/// `unet/config.json` of a `UNet2DConditionModel`. Defaults are those of diffusers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct UnetConfig {
    /// Side of the latents that the model was trained on.
    pub sample_size: Option<usize>,
    /// Channels of the latents.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Block kinds from the first level down.
    pub down_block_types: Vec<String>,
    /// Block kinds from the last level up.
    pub up_block_types: Vec<String>,
    /// Channels of each level.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of each down level; up levels have one more.
    pub layers_per_block: usize,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Epsilon of the group norms in residual blocks.
    pub norm_eps: f64,
    /// Width of the text states.
    pub cross_attention_dim: usize,
    /// Number of heads, despite its name, unless `num_attention_heads` is set.
    pub attention_head_dim: PerLevel,
    /// Number of heads in newer configurations.
    pub num_attention_heads: Option<PerLevel>,
    /// Transformer blocks of each attention.
    pub transformer_layers_per_block: PerLevel,
    /// Whether `proj_in` and `proj_out` are linear layers instead of 1×1 convolutions.
    pub use_linear_projection: bool,
    /// Whether sine and cosine are swapped in the timestep embedding.
    pub flip_sin_to_cos: bool,
    /// Shift of the timestep embedding's frequencies.
    pub freq_shift: f64,
}

impl Default for UnetConfig {
    fn default() -> Self {
        let words = |words: [&str; 4]| words.map(str::to_owned).to_vec();
        Self {
            sample_size: None,
            in_channels: 4,
            out_channels: 4,
            down_block_types: words([
                "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D",
                "DownBlock2D",
            ]),
            up_block_types: words([
                "UpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
            ]),
            block_out_channels: vec![320, 640, 1280, 1280],
            layers_per_block: 2,
            norm_num_groups: 32,
            norm_eps: 1e-5,
            cross_attention_dim: 1280,
            attention_head_dim: PerLevel::One(8),
            num_attention_heads: None,
            transformer_layers_per_block: PerLevel::One(1),
            use_linear_projection: false,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
        }
    }
}

/// Values of a denoiser's configuration that change the architecture in ways this code does not build.
const UNET_FIXED: &[(&str, &[&str])] = &[
    ("act_fn", &["\"silu\"", "\"swish\""]),
    ("addition_embed_type", &["null"]),
    ("attention_type", &["\"default\""]),
    ("center_input_sample", &["false"]),
    ("class_embed_type", &["null"]),
    ("num_class_embeds", &["null"]),
    ("conv_in_kernel", &["3"]),
    ("conv_out_kernel", &["3"]),
    ("downsample_padding", &["1"]),
    ("dual_cross_attention", &["false"]),
    ("encoder_hid_dim_type", &["null"]),
    ("mid_block_scale_factor", &["1", "1.0"]),
    ("mid_block_type", &["\"UNetMidBlock2DCrossAttn\""]),
    ("only_cross_attention", &["false"]),
    ("resnet_time_scale_shift", &["\"default\""]),
    ("resnet_skip_time_act", &["false"]),
    ("resnet_out_scale_factor", &["1", "1.0"]),
    ("time_cond_proj_dim", &["null"]),
    ("time_embedding_act_fn", &["null"]),
    ("time_embedding_dim", &["null"]),
    ("time_embedding_type", &["\"positional\""]),
    ("timestep_post_act", &["null"]),
    ("reverse_transformer_layers_per_block", &["null"]),
    ("dropout", &["0", "0.0"]),
    ("cross_attention_norm", &["null"]),
];

impl UnetConfig {
    /// Reads and checks the configuration.
    pub fn read(json: &Value) -> Result<Self> {
        check_fixed("unet", json, UNET_FIXED)?;
        let config: Self = parse("unet", json)?;
        let levels = config.block_out_channels.len();
        let problem = |key: &str, problem: &str| Err(config_error("unet", key, problem));
        if levels == 0
            || config.down_block_types.len() != levels
            || config.up_block_types.len() != levels
        {
            return problem(
                "block_out_channels",
                "must have as many levels as `down_block_types` and `up_block_types`",
            );
        }
        if config.layers_per_block == 0 {
            return problem("layers_per_block", "must be at least 1");
        }
        for name in config.down_block_types.iter().chain(&config.up_block_types) {
            let known = [
                "CrossAttnDownBlock2D",
                "DownBlock2D",
                "CrossAttnUpBlock2D",
                "UpBlock2D",
            ];
            if !known.contains(&name.as_str()) {
                return problem(
                    "down_block_types",
                    &format!("names `{name}`, known are {}", known.join(", ")),
                );
            }
        }
        let groups = config.norm_num_groups;
        if groups == 0
            || config
                .block_out_channels
                .iter()
                .any(|&c| c == 0 || c % groups != 0)
        {
            return problem(
                "norm_num_groups",
                "must divide every entry of `block_out_channels`",
            );
        }
        let heads = config.heads()?;
        if heads
            .iter()
            .zip(&config.block_out_channels)
            .any(|(&h, &c)| h == 0 || c % h != 0)
        {
            return problem(
                "attention_head_dim",
                "(the number of heads) must divide the channels of its level",
            );
        }
        config.depths()?;
        Ok(config)
    }

    /// Attention heads of each level.
    pub fn heads(&self) -> Result<Vec<usize>> {
        let heads = self
            .num_attention_heads
            .as_ref()
            .unwrap_or(&self.attention_head_dim);
        let count = self.block_out_channels.len();
        heads.expand(count).ok_or_else(|| {
            config_error(
                "unet",
                "attention_head_dim",
                "must have one entry per level",
            )
        })
    }

    /// Transformer blocks of each level.
    pub fn depths(&self) -> Result<Vec<usize>> {
        let count = self.block_out_channels.len();
        let depths = self.transformer_layers_per_block.expand(count);
        depths.ok_or_else(|| {
            config_error(
                "unet",
                "transformer_layers_per_block",
                "must have one entry per level",
            )
        })
    }
}

/// `vae/config.json` of an `AutoencoderKL`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct VaeConfig {
    /// Side of the pictures that the model was trained on.
    pub sample_size: usize,
    /// Channels of the pictures.
    pub in_channels: usize,
    /// Channels of the drawn pictures.
    pub out_channels: usize,
    /// Channels of each level.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of each encoder level; decoder levels have one more.
    pub layers_per_block: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Latents are multiplied by this before noise is added.
    pub scaling_factor: f64,
    /// Subtracted from latents before scaling, where a model has it.
    pub shift_factor: Option<f64>,
    /// Whether a 1×1 convolution follows the encoder.
    pub use_quant_conv: bool,
    /// Whether a 1×1 convolution precedes the decoder.
    pub use_post_quant_conv: bool,
    /// Whether the middle blocks attend.
    pub mid_block_add_attention: bool,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            sample_size: 512,
            in_channels: 3,
            out_channels: 3,
            block_out_channels: vec![64],
            layers_per_block: 1,
            latent_channels: 4,
            norm_num_groups: 32,
            scaling_factor: 0.18215,
            shift_factor: None,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
        }
    }
}

const VAE_FIXED: &[(&str, &[&str])] = &[
    ("act_fn", &["\"silu\"", "\"swish\""]),
    ("latents_mean", &["null"]),
    ("latents_std", &["null"]),
];

impl VaeConfig {
    /// Reads and checks the configuration.
    pub fn read(json: &Value) -> Result<Self> {
        check_fixed("vae", json, VAE_FIXED)?;
        for (key, known) in [
            ("down_block_types", "DownEncoderBlock2D"),
            ("up_block_types", "UpDecoderBlock2D"),
        ] {
            let kinds = json
                .get(key)
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            if let Some(other) = kinds.iter().find(|kind| kind.as_str() != Some(known)) {
                return Err(config_error(
                    "vae",
                    key,
                    &format!("names {other}, known is {known}"),
                ));
            }
        }
        let config: Self = parse("vae", json)?;
        let groups = config.norm_num_groups;
        if config.block_out_channels.is_empty() {
            return Err(config_error("vae", "block_out_channels", "is empty"));
        }
        if groups == 0
            || config
                .block_out_channels
                .iter()
                .any(|&c| c == 0 || c % groups != 0)
        {
            return Err(config_error(
                "vae",
                "norm_num_groups",
                "must divide every entry of `block_out_channels`",
            ));
        }
        if config.in_channels != 3 || config.out_channels != 3 {
            return Err(config_error(
                "vae",
                "in_channels",
                "and `out_channels` must be 3",
            ));
        }
        Ok(config)
    }

    /// Pixels per latent in each direction.
    pub fn pixels_per_latent(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }
}

/// `text_encoder/config.json` of a `CLIPTextModel`.
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

    /// The activation of the feed-forward layers.
    pub fn activation(&self) -> Result<Activation> {
        Activation::from_config(&self.hidden_act).ok_or_else(|| {
            let problem = format!("is `{}`, known are quick_gelu, gelu, silu", self.hidden_act);
            config_error("text_encoder", "hidden_act", &problem)
        })
    }
}

fn config_error(part: &'static str, key: &str, problem: &str) -> Error {
    Error::Config {
        part,
        key: key.to_owned(),
        problem: problem.to_owned(),
    }
}

fn parse<T: for<'a> Deserialize<'a>>(part: &'static str, json: &Value) -> Result<T> {
    T::deserialize(json)
        .map_err(|error| config_error(part, "config.json", &format!("cannot be read: {error}")))
}

fn check_fixed(part: &'static str, json: &Value, fixed: &[(&str, &[&str])]) -> Result<()> {
    for (key, known) in fixed {
        let Some(value) = json.get(key) else { continue };
        if !value.is_null() && !known.contains(&value.to_string().as_str()) {
            return Err(config_error(
                part,
                key,
                &format!("is {value}, supported: {}", known.join(" or ")),
            ));
        }
    }
    Ok(())
}

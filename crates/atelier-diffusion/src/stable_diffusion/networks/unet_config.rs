//! `unet/config.json`: the sizes of a denoiser, read strictly.

use serde::Deserialize;
use serde_json::Value;

use super::config::{check_fixed, config_error, parse, smaller_side_if_any};
use super::sinusoid::Sinusoid;
use crate::Result;

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
    /// Side of the latents that the model was trained on; the smaller one of rectangles.
    #[serde(deserialize_with = "smaller_side_if_any")]
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
    /// `text_time` where pooled text and sizes are added to the timestep.
    pub addition_embed_type: Option<String>,
    /// Width of the sinusoid of each size, with `text_time`.
    pub addition_time_embed_dim: Option<usize>,
    /// Width of pooled text and all sinusoids together, with `text_time`.
    pub projection_class_embeddings_input_dim: Option<usize>,
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
            addition_embed_type: None,
            addition_time_embed_dim: None,
            projection_class_embeddings_input_dim: None,
        }
    }
}

/// Values of a denoiser's configuration that change the architecture in ways this code does not build.
const UNET_FIXED: &[(&str, &[&str])] = &[
    ("act_fn", &["\"silu\"", "\"swish\""]),
    ("addition_embed_type", &["\"text_time\""]),
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
        if !config.block_out_channels[0].is_multiple_of(2) {
            return problem(
                "block_out_channels",
                "must begin with an even number: half of the timestep's waves are sines, half cosines",
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
        if config.addition_embed_type.is_some() && config.pooled_width().is_none() {
            return problem(
                "projection_class_embeddings_input_dim",
                "must exceed six times `addition_time_embed_dim`, which must be even",
            );
        }
        Ok(config)
    }

    /// Width of what is added to the timestep, where something is.
    pub(super) fn added_width(&self) -> Option<usize> {
        self.addition_embed_type.as_ref()?;
        self.projection_class_embeddings_input_dim
    }

    /// Width of the pooled text, where the denoiser takes one.
    pub fn pooled_width(&self) -> Option<usize> {
        let sizes = self
            .addition_time_embed_dim
            .filter(|width| width % 2 == 0)?;
        let sizes = sizes.checked_mul(6).filter(|&sizes| sizes > 0)?;
        self.added_width()?
            .checked_sub(sizes)
            .filter(|&pooled| pooled > 0)
    }

    pub(super) fn sinusoid(&self, width: usize) -> Sinusoid {
        Sinusoid::new(width, self.flip_sin_to_cos, self.freq_shift)
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

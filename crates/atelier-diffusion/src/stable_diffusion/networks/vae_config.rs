//! `vae/config.json`: the sizes of an autoencoder, read strictly.

use serde::Deserialize;
use serde_json::Value;

use super::config::{check_fixed, config_error, parse, smaller_side};
use crate::Result;

/// `vae/config.json` of an `AutoencoderKL`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct VaeConfig {
    /// Side of the pictures that the model was trained on; the smaller one of rectangles.
    #[serde(deserialize_with = "smaller_side")]
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
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
        }
    }
}

const VAE_FIXED: &[(&str, &[&str])] = &[
    ("act_fn", &["\"silu\"", "\"swish\""]),
    // The pipelines of these families do not look at it.
    ("shift_factor", &["null", "0", "0.0"]),
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

    /// Side in latents of the tiles in which large pictures are worked on: that of the pictures that the model was trained
    /// on. A multiple of 4, so that the quarter that the next tile covers again is a whole number of latents.
    pub fn tile_latents(&self) -> usize {
        let latents = self.sample_size / self.pixels_per_latent();
        (latents - latents % 4).max(4)
    }
}

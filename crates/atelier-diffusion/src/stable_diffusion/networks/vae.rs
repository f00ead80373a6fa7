//! `AutoencoderKL`: pictures to latents and back.

use atelier_nn::layers::ConvShape;
use atelier_nn::layout::{channels_first, channels_last};
use atelier_nn::{Conv2d, GroupNorm, ParamError, Params, kernels, visit_fields};
use burn::tensor::Tensor;

use super::attention_block::{Attention, tokens};
use super::resnet::{Downsample, ResnetBlock, ResnetShape, Upsample};
use super::vae_config::VaeConfig;

/// Epsilon of every group norm here; the denoiser's residual blocks have another.
const EPSILON: f64 = 1e-6;

/// Attention over all pixels, with its own norm.
#[derive(Debug, Clone)]
struct PixelAttention {
    group_norm: GroupNorm,
    attention: Attention,
}

impl atelier_nn::Visit for PixelAttention {
    fn visit<V: atelier_nn::Visitor>(&mut self, path: &str, visitor: &mut V) {
        self.group_norm
            .visit(&atelier_nn::visit::join(path, "group_norm"), visitor);
        self.attention.visit(path, visitor);
    }
}

impl PixelAttention {
    fn forward(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        let shape = x_bhwc.dims();
        let hidden = tokens(self.group_norm.forward(x_bhwc.clone()));
        let attended = self.attention.forward(hidden, None);
        kernels::sum(attended.reshape(shape), x_bhwc)
    }
}

#[derive(Debug, Clone)]
struct MidBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<PixelAttention>,
}

visit_fields!(MidBlock {
    resnets,
    attentions
});

impl MidBlock {
    fn new(params: &Params<'_>, channels: usize, config: &VaeConfig) -> Result<Self, ParamError> {
        let resnets =
            [0, 1].map(|i| resnet(&params.at("resnets").at(i), channels, channels, config));
        let attention = config.mid_block_add_attention.then(|| {
            let params = params.at("attentions.0");
            Ok(PixelAttention {
                group_norm: GroupNorm::new(
                    &params.at("group_norm"),
                    config.norm_num_groups,
                    channels,
                    EPSILON,
                )?,
                attention: Attention::single_head(&params, channels)?,
            })
        });
        Ok(Self {
            resnets: resnets.into_iter().collect::<Result<_, _>>()?,
            attentions: attention.into_iter().collect::<Result<_, ParamError>>()?,
        })
    }

    fn forward(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        let mut hidden = self.resnets[0].forward(x_bhwc, None);
        for attention in &self.attentions {
            hidden = attention.forward(hidden);
        }
        self.resnets[1].forward(hidden, None)
    }
}

#[derive(Debug, Clone)]
struct DownBlock {
    resnets: Vec<ResnetBlock>,
    downsamplers: Vec<Downsample>,
}

visit_fields!(DownBlock {
    resnets,
    downsamplers
});

#[derive(Debug, Clone)]
struct UpBlock {
    resnets: Vec<ResnetBlock>,
    upsamplers: Vec<Upsample>,
}

visit_fields!(UpBlock {
    resnets,
    upsamplers
});

#[derive(Debug, Clone)]
struct Encoder {
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

visit_fields!(Encoder {
    conv_in,
    down_blocks,
    mid_block,
    conv_norm_out,
    conv_out
});

impl Encoder {
    fn new(params: &Params<'_>, config: &VaeConfig) -> Result<Self, ParamError> {
        let channels = &config.block_out_channels;
        let conv_in = Conv2d::new(
            &params.at("conv_in"),
            config.in_channels,
            channels[0],
            ConvShape::THREE,
        )?;
        let mut down_blocks = Vec::new();
        for (level, &width) in channels.iter().enumerate() {
            let params = params.at("down_blocks").at(level);
            let resnets = (0..config.layers_per_block).map(|index| {
                let below = if index == 0 {
                    channels[level.saturating_sub(1)]
                } else {
                    width
                };
                resnet(&params.at("resnets").at(index), below, width, config)
            });
            let resnets = resnets.collect::<Result<_, _>>()?;
            let halve = (level + 1 < channels.len())
                .then(|| Downsample::one_sided(&params.at("downsamplers.0"), width));
            down_blocks.push(DownBlock {
                resnets,
                downsamplers: halve.into_iter().collect::<Result<_, _>>()?,
            });
        }
        let last = channels[channels.len() - 1];
        Ok(Self {
            conv_in,
            down_blocks,
            mid_block: MidBlock::new(&params.at("mid_block"), last, config)?,
            conv_norm_out: GroupNorm::new(
                &params.at("conv_norm_out"),
                config.norm_num_groups,
                last,
                EPSILON,
            )?,
            conv_out: Conv2d::new(
                &params.at("conv_out"),
                last,
                2 * config.latent_channels,
                ConvShape::THREE,
            )?,
        })
    }

    fn forward(&self, pixels_bhwc: Tensor<4>) -> Tensor<4> {
        let mut hidden = self.conv_in.forward(pixels_bhwc);
        for block in &self.down_blocks {
            for resnet in &block.resnets {
                hidden = resnet.forward(hidden, None);
            }
            for downsample in &block.downsamplers {
                hidden = downsample.forward(hidden);
            }
        }
        self.conv_out.forward(
            self.conv_norm_out
                .forward_silu_between(self.mid_block.forward(hidden)),
        )
    }
}

#[derive(Debug, Clone)]
struct Decoder {
    conv_in: Conv2d,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

visit_fields!(Decoder {
    conv_in,
    mid_block,
    up_blocks,
    conv_norm_out,
    conv_out
});

impl Decoder {
    fn new(params: &Params<'_>, config: &VaeConfig) -> Result<Self, ParamError> {
        let channels: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
        let first = channels[channels.len() - 1];
        let conv_in = Conv2d::new(
            &params.at("conv_in"),
            config.latent_channels,
            channels[0],
            ConvShape::THREE,
        )?;
        let mid_block = MidBlock::new(&params.at("mid_block"), channels[0], config)?;
        let mut up_blocks = Vec::new();
        for (level, &width) in channels.iter().enumerate() {
            let params = params.at("up_blocks").at(level);
            let resnets = (0..=config.layers_per_block).map(|index| {
                let below = if index == 0 {
                    channels[level.saturating_sub(1)]
                } else {
                    width
                };
                resnet(&params.at("resnets").at(index), below, width, config)
            });
            let resnets = resnets.collect::<Result<_, _>>()?;
            let double = (level + 1 < channels.len())
                .then(|| Upsample::new(&params.at("upsamplers.0"), width));
            up_blocks.push(UpBlock {
                resnets,
                upsamplers: double.into_iter().collect::<Result<_, _>>()?,
            });
        }
        Ok(Self {
            conv_in,
            mid_block,
            up_blocks,
            conv_norm_out: GroupNorm::new(
                &params.at("conv_norm_out"),
                config.norm_num_groups,
                first,
                EPSILON,
            )?,
            conv_out: Conv2d::new(
                &params.at("conv_out"),
                first,
                config.out_channels,
                ConvShape::THREE,
            )?,
        })
    }

    fn forward(&self, latents_bhwc: Tensor<4>) -> Tensor<4> {
        let mut hidden = self.mid_block.forward(self.conv_in.forward(latents_bhwc));
        for block in &self.up_blocks {
            for resnet in &block.resnets {
                hidden = resnet.forward(hidden, None);
            }
            for upsample in &block.upsamplers {
                let [_, height, width, _] = hidden.dims();
                hidden = upsample.forward(hidden, [2 * height, 2 * width]);
            }
        }
        self.conv_out
            .forward(self.conv_norm_out.forward_silu_between(hidden))
    }
}

fn resnet(
    params: &Params<'_>,
    channels_in: usize,
    channels_out: usize,
    config: &VaeConfig,
) -> Result<ResnetBlock, ParamError> {
    let groups = config.norm_num_groups;
    ResnetBlock::new(
        params,
        ResnetShape {
            channels_in,
            channels_out,
            time_width: None,
            groups,
            epsilon: EPSILON,
        },
    )
}

/// The autoencoder.
#[derive(Debug, Clone)]
pub struct Vae {
    encoder: Encoder,
    decoder: Decoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
    scaling_factor: f64,
    latent_channels: usize,
    pub(super) tile_latents: usize,
    pub(super) pixels_per_latent: usize,
}

visit_fields!(Vae {
    encoder,
    decoder,
    quant_conv,
    post_quant_conv
});

/// The distribution that the encoder gives for a picture.
#[derive(Debug, Clone)]
pub struct Posterior {
    /// `[b, latent channels, h, w]`.
    pub mean_bchw: Tensor<4>,
    /// Logarithm of the variance, clamped to −30 … 20; same shape.
    pub logvar_bchw: Tensor<4>,
}

impl Posterior {
    pub(super) fn from_moments(moments_bchw: Tensor<4>) -> Self {
        let [mean_bchw, logvar]: [Tensor<4>; 2] = moments_bchw
            .chunk(2, 1)
            .try_into()
            .expect("mean and variance have the same channels");
        Self {
            mean_bchw,
            logvar_bchw: logvar.clamp(-30.0, 20.0),
        }
    }

    /// A draw from the distribution, with unit normal `noise_bchw`.
    pub fn sample(&self, noise_bchw: Tensor<4>) -> Tensor<4> {
        self.mean_bchw.clone() + (self.logvar_bchw.clone() * 0.5).exp() * noise_bchw
    }
}

impl Vae {
    /// Builds the autoencoder that `config` describes.
    pub fn new(params: &Params<'_>, config: &VaeConfig) -> Result<Self, ParamError> {
        let latent = config.latent_channels;
        let quant = |name: &str, channels: usize, wanted: bool| {
            wanted
                .then(|| Conv2d::new(&params.at(name), channels, channels, ConvShape::ONE))
                .transpose()
        };
        Ok(Self {
            encoder: Encoder::new(&params.at("encoder"), config)?,
            decoder: Decoder::new(&params.at("decoder"), config)?,
            quant_conv: quant("quant_conv", 2 * latent, config.use_quant_conv)?,
            post_quant_conv: quant("post_quant_conv", latent, config.use_post_quant_conv)?,
            scaling_factor: config.scaling_factor,
            latent_channels: latent,
            tile_latents: config.tile_latents(),
            pixels_per_latent: config.pixels_per_latent(),
        })
    }

    /// The latent distribution of pictures.
    ///
    /// # Shapes
    /// - `pixels_bchw`: `[b, 3, H, W]`, −1 to 1, sides divisible by the pixels per latent
    ///
    /// # Panics
    /// Panics on tensors of other shapes.
    pub fn encode(&self, pixels_bchw: Tensor<4>) -> Posterior {
        Posterior::from_moments(self.moments(pixels_bchw))
    }

    /// Mean and logarithm of the variance, one after the other along the channels.
    pub(super) fn moments(&self, pixels_bchw: Tensor<4>) -> Tensor<4> {
        let moments = self.encoder.forward(channels_last(pixels_bchw));
        channels_first(match &self.quant_conv {
            Some(conv) => conv.forward(moments),
            None => moments,
        })
    }

    /// Pictures from unscaled latents; −1 to 1, not clamped.
    pub fn decode(&self, latents_bchw: Tensor<4>) -> Tensor<4> {
        let latents = channels_last(latents_bchw);
        let pixels = self.decoder.forward(match &self.post_quant_conv {
            Some(conv) => conv.forward(latents),
            None => latents,
        });
        channels_first(pixels)
    }

    /// Latents as the denoiser sees them.
    pub fn scale(&self, latents_bchw: Tensor<4>) -> Tensor<4> {
        latents_bchw * self.scaling_factor
    }

    /// Latents as the decoder wants them.
    pub fn unscale(&self, latents_bchw: Tensor<4>) -> Tensor<4> {
        latents_bchw / self.scaling_factor
    }

    /// Channels of the latents.
    pub fn latent_channels(&self) -> usize {
        self.latent_channels
    }
}

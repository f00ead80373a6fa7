//! `UNet2DConditionModel`: predicts the noise (or velocity) in latents at a timestep, given text states.

use atelier_nn::layers::ConvShape;
use atelier_nn::{
    Conv2d, Engine, GroupNorm, Linear, ParamError, Params, activation::Activation, visit_fields,
};
use burn::tensor::{Tensor, TensorData};

use super::attention_block::{Transformer, TransformerShape};
use super::config::UnetConfig;
use super::resnet::{Downsample, ResnetBlock, ResnetShape, Upsample};

/// Two linear layers that turn a sinusoid of the timestep into the width that residual blocks expect.
#[derive(Debug, Clone)]
struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

visit_fields!(TimestepEmbedding { linear_1, linear_2 });

/// One level on the way down.
#[derive(Debug, Clone)]
struct DownBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer>,
    downsamplers: Vec<Downsample>,
}

visit_fields!(DownBlock {
    resnets,
    attentions,
    downsamplers
});

/// The lowest level.
#[derive(Debug, Clone)]
struct MidBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer>,
}

visit_fields!(MidBlock {
    resnets,
    attentions
});

/// One level on the way up.
#[derive(Debug, Clone)]
struct UpBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer>,
    upsamplers: Vec<Upsample>,
}

visit_fields!(UpBlock {
    resnets,
    attentions,
    upsamplers
});

/// The denoiser.
#[derive(Debug, Clone)]
pub struct Unet {
    conv_in: Conv2d,
    time_embedding: TimestepEmbedding,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    frequencies: Vec<f32>,
    flip_sin_to_cos: bool,
    engine: Engine,
}

visit_fields!(Unet {
    conv_in,
    time_embedding,
    down_blocks,
    mid_block,
    up_blocks,
    conv_norm_out,
    conv_out
});

/// Builds the levels of a configuration.
struct Builder<'a> {
    config: &'a UnetConfig,
    heads: Vec<usize>,
    depths: Vec<usize>,
    time_width: usize,
}

impl Builder<'_> {
    fn resnet(
        &self,
        params: &Params<'_>,
        channels_in: usize,
        channels_out: usize,
    ) -> Result<ResnetBlock, ParamError> {
        let (groups, epsilon) = (self.config.norm_num_groups, self.config.norm_eps);
        let time_width = Some(self.time_width);
        ResnetBlock::new(
            params,
            ResnetShape {
                channels_in,
                channels_out,
                time_width,
                groups,
                epsilon,
            },
        )
    }

    fn transformer(&self, params: &Params<'_>, level: usize) -> Result<Transformer, ParamError> {
        let shape = TransformerShape {
            channels: self.config.block_out_channels[level],
            context_width: self.config.cross_attention_dim,
            heads: self.heads[level],
            depth: self.depths[level],
            groups: self.config.norm_num_groups,
            linear_projection: self.config.use_linear_projection,
        };
        Transformer::new(params, shape)
    }

    fn down(&self, params: &Params<'_>, level: usize) -> Result<DownBlock, ParamError> {
        let channels = &self.config.block_out_channels;
        let attends = self.config.down_block_types[level] == "CrossAttnDownBlock2D";
        let mut block = DownBlock {
            resnets: Vec::new(),
            attentions: Vec::new(),
            downsamplers: Vec::new(),
        };
        for index in 0..self.config.layers_per_block {
            let channels_in = if index == 0 {
                channels[level.saturating_sub(1)]
            } else {
                channels[level]
            };
            block.resnets.push(self.resnet(
                &params.at("resnets").at(index),
                channels_in,
                channels[level],
            )?);
            if attends {
                block
                    .attentions
                    .push(self.transformer(&params.at("attentions").at(index), level)?);
            }
        }
        if level + 1 < channels.len() {
            block.downsamplers.push(Downsample::new(
                &params.at("downsamplers.0"),
                channels[level],
            )?);
        }
        Ok(block)
    }

    fn mid(&self, params: &Params<'_>) -> Result<MidBlock, ParamError> {
        let level = self.config.block_out_channels.len() - 1;
        let channels = self.config.block_out_channels[level];
        let resnets =
            [0, 1].map(|index| self.resnet(&params.at("resnets").at(index), channels, channels));
        Ok(MidBlock {
            resnets: resnets.into_iter().collect::<Result<_, _>>()?,
            attentions: vec![self.transformer(&params.at("attentions.0"), level)?],
        })
    }

    /// `index` counts from the lowest level up.
    fn up(&self, params: &Params<'_>, index: usize) -> Result<UpBlock, ParamError> {
        let channels = &self.config.block_out_channels;
        let level = channels.len() - 1 - index;
        let from_below = channels[(level + 1).min(channels.len() - 1)];
        let attends = self.config.up_block_types[index] == "CrossAttnUpBlock2D";
        let layers = self.config.layers_per_block + 1;
        let mut block = UpBlock {
            resnets: Vec::new(),
            attentions: Vec::new(),
            upsamplers: Vec::new(),
        };
        for layer in 0..layers {
            let below = if layer == 0 {
                from_below
            } else {
                channels[level]
            };
            let skip = if layer + 1 == layers {
                channels[level.saturating_sub(1)]
            } else {
                channels[level]
            };
            block.resnets.push(self.resnet(
                &params.at("resnets").at(layer),
                below + skip,
                channels[level],
            )?);
            if attends {
                block
                    .attentions
                    .push(self.transformer(&params.at("attentions").at(layer), level)?);
            }
        }
        if level > 0 {
            block
                .upsamplers
                .push(Upsample::new(&params.at("upsamplers.0"), channels[level])?);
        }
        Ok(block)
    }
}

impl Unet {
    /// Builds the denoiser that `config` describes.
    ///
    /// # Panics
    /// Panics on a configuration that [`UnetConfig::read`] would have refused.
    pub fn new(params: &Params<'_>, config: &UnetConfig) -> Result<Self, ParamError> {
        let first = config.block_out_channels[0];
        let time_width = 4 * first;
        let heads = config
            .heads()
            .expect("the configuration was checked when it was read");
        let depths = config
            .depths()
            .expect("the configuration was checked when it was read");
        let builder = Builder {
            config,
            heads,
            depths,
            time_width,
        };
        let levels = config.block_out_channels.len();
        let conv_in = Conv2d::new(
            &params.at("conv_in"),
            config.in_channels,
            first,
            ConvShape::THREE,
        )?;
        let time = params.at("time_embedding");
        let time_embedding = TimestepEmbedding {
            linear_1: Linear::new(&time.at("linear_1"), first, time_width)?,
            linear_2: Linear::new(&time.at("linear_2"), time_width, time_width)?,
        };
        let down =
            (0..levels).map(|level| builder.down(&params.at("down_blocks").at(level), level));
        let down_blocks = down.collect::<Result<_, _>>()?;
        let mid_block = builder.mid(&params.at("mid_block"))?;
        let up = (0..levels).map(|index| builder.up(&params.at("up_blocks").at(index), index));
        let up_blocks = up.collect::<Result<_, _>>()?;
        let groups = config.norm_num_groups;
        let conv_norm_out =
            GroupNorm::new(&params.at("conv_norm_out"), groups, first, config.norm_eps)?;
        let conv_out = Conv2d::new(
            &params.at("conv_out"),
            first,
            config.out_channels,
            ConvShape::THREE,
        )?;
        Ok(Self {
            conv_in,
            time_embedding,
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out,
            conv_out,
            frequencies: frequencies(first / 2, config.freq_shift),
            flip_sin_to_cos: config.flip_sin_to_cos,
            engine: params.engine(),
        })
    }

    /// Predicts what was added to `latents_bchw`.
    ///
    /// # Shapes
    /// - `latents_bchw`: `[b, in, h, w]`, scaled for the timestep as the sampler says
    /// - `timesteps`: `b` values, 0 to the schedule's length exclusive
    /// - `context_bsd`: `[b, s, cross_attention_dim]`
    /// - returns: `[b, out, h, w]`
    ///
    /// # Panics
    /// Panics on tensors of other shapes.
    ///
    /// # Source
    /// Ronneberger et al. 2015 and Rombach et al. 2022; checked against diffusers'
    /// `models/unets/unet_2d_condition.py`.
    pub fn forward(
        &self,
        latents_bchw: Tensor<4>,
        timesteps: &[f32],
        context_bsd: &Tensor<3>,
    ) -> Tensor<4> {
        let time = self.embed_time(timesteps, &latents_bchw);
        let mut hidden = self.conv_in.forward(latents_bchw);
        let mut skips = vec![hidden.clone()];
        for block in &self.down_blocks {
            for (index, resnet) in block.resnets.iter().enumerate() {
                hidden = resnet.forward(hidden, Some(&time));
                if let Some(attention) = block.attentions.get(index) {
                    hidden = attention.forward(hidden, context_bsd);
                }
                skips.push(hidden.clone());
            }
            for downsample in &block.downsamplers {
                hidden = downsample.forward(hidden);
                skips.push(hidden.clone());
            }
        }
        hidden = self.mid_block.resnets[0].forward(hidden, Some(&time));
        hidden = self.mid_block.attentions[0].forward(hidden, context_bsd);
        hidden = self.mid_block.resnets[1].forward(hidden, Some(&time));
        for block in &self.up_blocks {
            for (index, resnet) in block.resnets.iter().enumerate() {
                let skip = skips
                    .pop()
                    .expect("every up layer has the skip of a down layer");
                hidden = resnet.forward(Tensor::cat(vec![hidden, skip], 1), Some(&time));
                if let Some(attention) = block.attentions.get(index) {
                    hidden = attention.forward(hidden, context_bsd);
                }
            }
            if let (Some(upsample), Some(next)) = (block.upsamplers.first(), skips.last()) {
                let [_, _, height, width] = next.dims();
                hidden = upsample.forward(hidden, [height, width]);
            }
        }
        self.conv_out
            .forward(self.conv_norm_out.forward_silu(hidden))
    }

    /// `[b, 4 · first channels]`.
    fn embed_time(&self, timesteps: &[f32], like: &Tensor<4>) -> Tensor<2> {
        let half = self.frequencies.len();
        let mut values = Vec::with_capacity(timesteps.len() * 2 * half);
        for &timestep in timesteps {
            let angles = self
                .frequencies
                .iter()
                .map(|frequency| timestep * frequency);
            let (sines, cosines): (Vec<f32>, Vec<f32>) = angles.map(f32::sin_cos).unzip();
            let (first, second) = if self.flip_sin_to_cos {
                (cosines, sines)
            } else {
                (sines, cosines)
            };
            values.extend(first);
            values.extend(second);
        }
        let waves = Tensor::from_data(
            TensorData::new(values, [timesteps.len(), 2 * half]),
            &like.device(),
        );
        let hidden =
            Activation::Silu.apply(self.time_embedding.linear_1.forward(waves), self.engine);
        self.time_embedding.linear_2.forward(hidden)
    }
}

/// Frequencies of the sinusoids from 1 down to nearly 1/10000, rounded as `PyTorch` rounds them.
fn frequencies(half: usize, shift: f64) -> Vec<f32> {
    let factor = -(10_000.0f64.ln()) as f32;
    (0..half)
        .map(|index| (factor * index as f32 / (half as f64 - shift) as f32).exp())
        .collect()
}

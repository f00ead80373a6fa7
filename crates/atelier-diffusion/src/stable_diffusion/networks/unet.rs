//! `UNet2DConditionModel`: predicts the noise (or velocity) in latents at a timestep, given text states.

use atelier_core::Recompute;
use atelier_nn::layers::ConvShape;
use atelier_nn::layout::{channels_first, channels_last};
use atelier_nn::{
    Conv2d, Engine, GroupNorm, Linear, ParamError, Params, activation::Activation, visit_fields,
};
use burn::tensor::{Device, Tensor};

use super::attention_block::{Transformer, TransformerShape};
use super::conditioning::{AddedConditioning, Conditioning};
use super::resnet::{Downsample, ResnetBlock, ResnetShape, Upsample};
use super::sinusoid::Sinusoid;
use super::unet_config::UnetConfig;
use super::unet_layer::Rest;

/// Two linear layers that turn sinusoids into the width that residual blocks expect.
#[derive(Debug, Clone)]
struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

visit_fields!(TimestepEmbedding { linear_1, linear_2 });

impl TimestepEmbedding {
    fn new(params: &Params<'_>, width_in: usize, width: usize) -> Result<Self, ParamError> {
        Ok(Self {
            linear_1: Linear::new(&params.at("linear_1"), width_in, width)?,
            linear_2: Linear::new(&params.at("linear_2"), width, width)?,
        })
    }

    fn forward(&self, waves: Tensor<2>, engine: Engine) -> Tensor<2> {
        let hidden = Activation::Silu.apply(self.linear_1.forward(waves), engine);
        self.linear_2.forward(hidden)
    }
}

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
    add_embedding: Option<TimestepEmbedding>,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    timestep_waves: Sinusoid,
    size_waves: Sinusoid,
    engine: Engine,
    recompute: Recompute,
}

visit_fields!(Unet {
    conv_in,
    time_embedding,
    add_embedding,
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
        let time_embedding =
            TimestepEmbedding::new(&params.at("time_embedding"), first, time_width)?;
        let add_embedding = config
            .added_width()
            .map(|width| TimestepEmbedding::new(&params.at("add_embedding"), width, time_width));
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
            add_embedding: add_embedding.transpose()?,
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out,
            conv_out,
            timestep_waves: config.sinusoid(first),
            size_waves: config.sinusoid(config.addition_time_embed_dim.unwrap_or_default()),
            engine: params.engine(),
            recompute: Recompute::None,
        })
    }

    /// Chooses what backward passes compute again; the numbers stay the same. `Auto` is for those who know the memory
    /// that is free, and means nothing here.
    #[must_use]
    pub fn with_recompute(self, recompute: Recompute) -> Self {
        Self { recompute, ..self }
    }

    /// Predicts what was added to `latents_bchw`.
    ///
    /// # Shapes
    /// - `latents_bchw`: `[b, in, h, w]`, scaled for the timestep as the sampler says
    /// - `timesteps`: `b` values, 0 to the schedule's length exclusive
    /// - `conditioning`: states of `[b, s, cross_attention_dim]`, and the added part exactly where the configuration has one
    /// - returns: `[b, out, h, w]`
    ///
    /// # Panics
    /// Panics on tensors of other shapes, and when the added part is lacking or not wanted.
    ///
    /// # Source
    /// Ronneberger et al. 2015, Rombach et al. 2022, Podell et al. 2023; checked against diffusers'
    /// `models/unets/unet_2d_condition.py`.
    pub fn forward(
        &self,
        latents_bchw: Tensor<4>,
        timesteps: &[f32],
        conditioning: &Conditioning,
    ) -> Tensor<4> {
        let context_bsd = &conditioning.states_bsd;
        let added = conditioning.added.as_ref();
        let time = self.embed_time(timesteps, added, &latents_bchw.device());
        let rest = Rest {
            time: &time,
            context_bsd,
            recompute: self.recompute,
        };
        let mut hidden = self.conv_in.forward(channels_last(latents_bchw));
        let mut skips = vec![hidden.clone()];
        for block in &self.down_blocks {
            for (index, resnet) in block.resnets.iter().enumerate() {
                hidden = rest.layer(resnet, block.attentions.get(index), hidden, None);
                skips.push(hidden.clone());
            }
            for downsample in &block.downsamplers {
                hidden = downsample.forward(hidden);
                skips.push(hidden.clone());
            }
        }
        let [first, second] = [0, 1].map(|index| &self.mid_block.resnets[index]);
        hidden = rest.layer(first, self.mid_block.attentions.first(), hidden, None);
        hidden = rest.layer(second, None, hidden, None);
        for block in &self.up_blocks {
            for (index, resnet) in block.resnets.iter().enumerate() {
                let skip = skips
                    .pop()
                    .expect("every up layer has the skip of a down layer");
                hidden = rest.layer(resnet, block.attentions.get(index), hidden, Some(skip));
            }
            if let (Some(upsample), Some(next)) = (block.upsamplers.first(), skips.last()) {
                let [_, height, width, _] = next.dims();
                hidden = upsample.forward(hidden, [height, width]);
            }
        }
        let hidden = self.conv_norm_out.forward_silu_between(hidden);
        channels_first(self.conv_out.forward(hidden))
    }

    /// `[b, 4 · first channels]`.
    fn embed_time(
        &self,
        timesteps: &[f32],
        added: Option<&AddedConditioning>,
        device: &Device,
    ) -> Tensor<2> {
        let waves = self.timestep_waves.waves(timesteps, 1, device);
        let time = self.time_embedding.forward(waves, self.engine);
        match (&self.add_embedding, added) {
            (Some(embedding), Some(added)) => {
                let sizes = self
                    .size_waves
                    .waves(added.time_ids.as_flattened(), 6, device);
                let both = Tensor::cat(vec![added.pooled_bd.clone(), sizes], 1);
                time + embedding.forward(both, self.engine)
            }
            (None, None) => time,
            (Some(_), None) => panic!("this denoiser needs pooled text and sizes"),
            (None, Some(_)) => panic!("this denoiser takes no pooled text and sizes"),
        }
    }
}

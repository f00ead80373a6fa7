//! The network from pixels to the means of its last activations.

use atelier_nn::gradients::values_of;
use atelier_nn::layers::ConvShape;
use atelier_nn::params::ParamError;
use atelier_nn::{Conv2d, Params};
use burn::tensor::Tensor;

use super::block::{Block, BlockShape};
use super::relu6::relu6;

/// Numbers that come out for each picture.
pub(super) const FEATURES: usize = 1280;
/// Channels after the first convolution.
const STEM: usize = 32;

/// Blocks alike but for the first, which changes the size.
struct Stage {
    blocks: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    channels: usize,
}

const fn stage([blocks, kernel, stride, expansion, channels]: [usize; 5]) -> Stage {
    Stage {
        blocks,
        kernel,
        stride,
        expansion,
        channels,
    }
}

/// `_DEFAULT_BLOCKS_ARGS` of `lite/efficientnet_lite_builder.py`.
const STAGES: [Stage; 7] = [
    stage([1, 3, 1, 1, 16]),
    stage([2, 3, 2, 6, 24]),
    stage([2, 5, 2, 6, 40]),
    stage([3, 3, 2, 6, 80]),
    stage([3, 5, 1, 6, 112]),
    stage([4, 5, 2, 6, 192]),
    stage([1, 3, 1, 6, 320]),
];

/// EfficientNet-Lite0 without its last layer, its norms folded into the convolutions.
#[derive(Debug)]
pub(super) struct Network {
    stem: Conv2d,
    blocks: Vec<Block>,
    head: Conv2d,
}

impl Network {
    pub(super) fn new(params: &Params<'_>) -> Result<Self, ParamError> {
        let stem = Conv2d::new(&params.at("stem"), 3, STEM, ConvShape::HALVE_UNPADDED)?;
        let mut blocks = Vec::new();
        let mut channels = STEM;
        for stage in &STAGES {
            for index in 0..stage.blocks {
                let shape = BlockShape {
                    channels_in: channels,
                    channels_out: stage.channels,
                    expansion: stage.expansion,
                    kernel: stage.kernel,
                    stride: if index == 0 { stage.stride } else { 1 },
                };
                let place = params.at("blocks").at(blocks.len());
                blocks.push(Block::new(&place, shape)?);
                channels = stage.channels;
            }
        }
        let head = Conv2d::new(&params.at("head"), channels, FEATURES, ConvShape::ONE)?;
        Ok(Self { stem, blocks, head })
    }

    /// The means of the last activations over each picture.
    ///
    /// # Shapes
    /// - `x_bhwc`: `[b, 225, 225, 3]`, zeros in the last row and column
    /// - returns: `[b, 1280]`
    pub(super) fn forward(&self, x_bhwc: Tensor<4>) -> Vec<f32> {
        self.forward_watched(x_bhwc, |_| ())
    }

    /// [`forward`](Self::forward), showing the activations after the first convolution, each block and the last convolution.
    pub(super) fn forward_watched(
        &self,
        x_bhwc: Tensor<4>,
        mut watch: impl FnMut(&Tensor<4>),
    ) -> Vec<f32> {
        let mut x_bhwc = relu6(self.stem.forward(x_bhwc));
        watch(&x_bhwc);
        for block in &self.blocks {
            x_bhwc = block.forward(x_bhwc);
            watch(&x_bhwc);
        }
        let last_bhwc = relu6(self.head.forward(x_bhwc));
        watch(&last_bhwc);
        means(last_bhwc)
    }
}

/// `[b, h, w, c]` → `[b, c]`: the mean of each channel.
fn means(x_bhwc: Tensor<4>) -> Vec<f32> {
    let [b, h, w, c] = x_bhwc.dims();
    let mut means = vec![0.0; b * c];
    let values = values_of(x_bhwc);
    for (means, picture) in means
        .chunks_exact_mut(c)
        .zip(values.chunks_exact(h * w * c))
    {
        for pixel in picture.chunks_exact(c) {
            for (mean, value) in means.iter_mut().zip(pixel) {
                *mean += value / (h * w) as f32;
            }
        }
    }
    means
}

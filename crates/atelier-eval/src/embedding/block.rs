//! The block that the network is made of: more channels, a convolution of each by itself, fewer channels (Sandler et al.
//! 2018).

use atelier_nn::kernels;
use atelier_nn::layers::ConvShape;
use atelier_nn::params::ParamError;
use atelier_nn::{Conv2d, Params};
use burn::tensor::Tensor;

use super::depthwise::Depthwise;
use super::relu6::relu6;

/// The sizes of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockShape {
    pub(super) channels_in: usize,
    pub(super) channels_out: usize,
    /// How many times the channels in there are in between.
    pub(super) expansion: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
}

/// A block of the network.
#[derive(Debug)]
pub(super) struct Block {
    expand: Option<Conv2d>,
    depthwise: Depthwise,
    project: Conv2d,
    adds_input: bool,
}

impl Block {
    pub(super) fn new(params: &Params<'_>, shape: BlockShape) -> Result<Self, ParamError> {
        let BlockShape {
            channels_in,
            channels_out,
            expansion,
            kernel,
            stride,
        } = shape;
        let middle = channels_in * expansion;
        let map = |name, from, to| Conv2d::new(&params.at(name), from, to, ConvShape::ONE);
        let expand = (expansion > 1).then(|| map("expand", channels_in, middle));
        Ok(Self {
            expand: expand.transpose()?,
            depthwise: Depthwise::new(&params.at("depthwise"), middle, kernel, stride)?,
            project: map("project", middle, channels_out)?,
            adds_input: stride == 1 && channels_in == channels_out,
        })
    }

    pub(super) fn forward(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        let input = self.adds_input.then(|| x_bhwc.clone());
        let wide = match &self.expand {
            Some(expand) => relu6(expand.forward(x_bhwc)),
            None => x_bhwc,
        };
        let y = self.project.forward(self.depthwise.forward(wide));
        match input {
            Some(input) => kernels::sum(y, input),
            None => y,
        }
    }
}

//! Low-rank adapters (Hu et al. 2021) on linear layers and convolutions.
//!
//! An adapter adds `strength · alpha / rank · up(down(x))` to the output of the layer that it is attached to.

use burn::tensor::{Device, Tensor, TensorData};

use crate::layers::{Conv2d, ConvShape, Linear};
use crate::visit::{Visit, Visitor};

/// The factors of an adapter on a linear layer.
#[derive(Debug, Clone)]
pub struct LinearLora {
    /// `[rank, in]`.
    pub down: Tensor<2>,
    /// `[out, rank]`.
    pub up: Tensor<2>,
    /// `alpha / rank`.
    pub scale: f32,
    /// 0 adds nothing at all.
    pub strength: f32,
}

impl LinearLora {
    /// Adds the adapter's share for the input `x` (`[rows, in]`) to `y` (`[rows, out]`).
    pub(crate) fn add_to(&self, y: Tensor<2>, x: &Tensor<2>) -> Tensor<2> {
        if self.strength == 0.0 {
            return y;
        }
        let low = x.clone().matmul(self.down.clone().transpose());
        y + low.matmul(self.up.clone().transpose()) * (self.scale * self.strength)
    }
}

/// The factors of an adapter on a convolution.
#[derive(Debug, Clone)]
pub struct ConvLora {
    /// `[rank, in, kernel, kernel]`, moved over the picture like the layer itself.
    pub down: Tensor<4>,
    /// `[out, rank, 1, 1]`.
    pub up: Tensor<4>,
    /// `alpha / rank`.
    pub scale: f32,
    /// 0 adds nothing at all.
    pub strength: f32,
}

impl ConvLora {
    /// Adds the adapter's share for the input `x` to `y`.
    pub(crate) fn add_to(&self, y: Tensor<4>, x: &Tensor<4>, shape: ConvShape) -> Tensor<4> {
        if self.strength == 0.0 {
            return y;
        }
        let low = shape.convolve(x.clone(), self.down.clone(), None);
        y + ConvShape::ONE.convolve(low, self.up.clone(), None) * (self.scale * self.strength)
    }
}

/// Which kind of layer an adapter sits on, with the sizes that decide the shapes of its factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdapterSite {
    /// A linear layer.
    Linear {
        /// Features in.
        features_in: usize,
        /// Features out.
        features_out: usize,
    },
    /// A convolution.
    Conv {
        /// Channels in.
        channels_in: usize,
        /// Channels out.
        channels_out: usize,
        /// Side of the kernel.
        kernel: usize,
    },
}

impl AdapterSite {
    /// Shape of the down factor, as it stands in files.
    pub fn down_shape(self, rank: usize) -> Vec<usize> {
        match self {
            Self::Linear { features_in, .. } => vec![rank, features_in],
            Self::Conv {
                channels_in,
                kernel,
                ..
            } => vec![rank, channels_in, kernel, kernel],
        }
    }

    /// Shape of the up factor, as it stands in files.
    pub fn up_shape(self, rank: usize) -> Vec<usize> {
        match self {
            Self::Linear { features_out, .. } => vec![features_out, rank],
            Self::Conv { channels_out, .. } => vec![channels_out, rank, 1, 1],
        }
    }
}

/// The factors of one adapter layer as plain numbers, in the shapes that [`AdapterSite`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// Rank of the product.
    pub rank: usize,
    /// `alpha / rank`.
    pub scale: f32,
    /// Values of the down factor.
    pub down: Vec<f32>,
    /// Values of the up factor.
    pub up: Vec<f32>,
}

/// Every layer of `model` that an adapter can sit on, in the order of the walk, under its published name.
pub fn sites<M: Visit>(model: &mut M) -> Vec<(String, AdapterSite)> {
    let mut collector = SiteCollector(Vec::new());
    model.visit("", &mut collector);
    collector.0
}

struct SiteCollector(Vec<(String, AdapterSite)>);

impl Visitor for SiteCollector {
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, path: &str, layer: &mut Linear) {
        let [features_out, features_in] = layer.weight.dims();
        self.0.push((
            path.to_owned(),
            AdapterSite::Linear {
                features_in,
                features_out,
            },
        ));
    }

    fn conv2d(&mut self, path: &str, layer: &mut Conv2d) {
        let [channels_out, channels_in, kernel, _] = layer.weight.dims();
        self.0.push((
            path.to_owned(),
            AdapterSite::Conv {
                channels_in,
                channels_out,
                kernel,
            },
        ));
    }
}

/// Attaches one adapter to a model: `factors` gives the numbers for a layer's name, or nothing.
/// With `trainable` the factors take part in the gradient.
pub struct Attach<'a, F: FnMut(&str) -> Option<Factors>> {
    /// Looks up the factors by layer name.
    pub factors: F,
    /// The strength at which the adapter acts.
    pub strength: f32,
    /// Where the factors live.
    pub device: &'a Device,
    /// Whether gradients are wanted.
    pub trainable: bool,
}

impl<F: FnMut(&str) -> Option<Factors>> Attach<'_, F> {
    fn place<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        let tensor = Tensor::from_data(TensorData::new(values, shape), self.device);
        if self.trainable {
            tensor.require_grad()
        } else {
            tensor
        }
    }
}

impl<F: FnMut(&str) -> Option<Factors>> Visitor for Attach<'_, F> {
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, path: &str, layer: &mut Linear) {
        if let Some(Factors {
            rank,
            scale,
            down,
            up,
        }) = (self.factors)(path)
        {
            let [features_out, features_in] = layer.weight.dims();
            let down = self.place(down, [rank, features_in]);
            let up = self.place(up, [features_out, rank]);
            layer.adapters.push(LinearLora {
                down,
                up,
                scale,
                strength: self.strength,
            });
        }
    }

    fn conv2d(&mut self, path: &str, layer: &mut Conv2d) {
        if let Some(Factors {
            rank,
            scale,
            down,
            up,
        }) = (self.factors)(path)
        {
            let [channels_out, channels_in, kernel, _] = layer.weight.dims();
            let down = self.place(down, [rank, channels_in, kernel, kernel]);
            let up = self.place(up, [channels_out, rank, 1, 1]);
            layer.adapters.push(ConvLora {
                down,
                up,
                scale,
                strength: self.strength,
            });
        }
    }
}

/// Takes every adapter off a model.
pub struct Detach;

impl Visitor for Detach {
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, _path: &str, layer: &mut Linear) {
        layer.adapters.clear();
    }

    fn conv2d(&mut self, _path: &str, layer: &mut Conv2d) {
        layer.adapters.clear();
    }
}

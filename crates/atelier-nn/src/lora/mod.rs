//! Adapters on linear layers and convolutions.
//!
//! A low-rank adapter (Hu et al. 2021) adds `strength · alpha / rank · up(down(x))` to the output of the layer that it is
//! attached to. Every other kind changes the layer's weight, see [`AttachedChange`]; norms and biases get a [`Shift`].

mod attach;
mod change;
mod shift;

use atelier_core::{Delta, Factor, Matrix, WeightChange};
use burn::tensor::Tensor;

use crate::kernels::{self, Held, reference};
use crate::layers::{Conv2d, ConvShape, Linear};
use crate::params::Engine;
use crate::visit::{Visit, Visitor};

pub use attach::{Attach, Detach};
pub use change::AttachedChange;
pub(crate) use change::{acts, changed};
pub use shift::{AttachShifts, Shift};

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
    /// Its factors, and what their product is scaled by.
    pub(crate) fn parts(&self) -> ([Tensor<2>; 2], f32) {
        let factors = [self.down.clone(), self.up.clone()];
        (factors, self.scale * self.strength)
    }

    /// Adds the adapter's share for the input `x` (`[rows, in]`) to `y` (`[rows, out]`).
    pub(crate) fn add_to(&self, y: Tensor<2>, x: &Held<2>, engine: Engine) -> Tensor<2> {
        if self.strength == 0.0 {
            return y;
        }
        let (factors, scale) = self.parts();
        match engine {
            Engine::Reference => reference::add_low_rank(y, x.tensor().clone(), factors, scale),
            _ => kernels::add_low_rank(y, x.clone(), factors, scale, engine.keep()),
        }
    }

    /// The same adapter as a change of the weight.
    fn into_change(self) -> AttachedChange {
        let product = Factor::Product {
            left: self.up,
            right: self.down,
        };
        AttachedChange::of_factor(product, self.scale, self.strength)
    }
}

/// The factors of an adapter on a convolution.
#[derive(Debug, Clone)]
pub struct ConvLora {
    /// `[rank, in, kernel, kernel]`, moved over the picture like the layer itself; 1×1 beside a `mid`.
    pub down: Tensor<4>,
    /// `[rank, rank, kernel, kernel]`, moved like the layer: `LoCon` with Tucker factors.
    pub mid: Option<Tensor<4>>,
    /// `[out, rank, 1, 1]`.
    pub up: Tensor<4>,
    /// `alpha / rank`.
    pub scale: f32,
    /// 0 adds nothing at all.
    pub strength: f32,
}

impl ConvLora {
    /// Adds the adapter's share for the input `x_bhwc` to `y_bhwc`.
    pub(crate) fn add_to(
        &self,
        y_bhwc: Tensor<4>,
        x_bhwc: &Tensor<4>,
        shape: ConvShape,
        engine: Engine,
    ) -> Tensor<4> {
        if self.strength == 0.0 {
            return y_bhwc;
        }
        // Factors are small, so that f32 costs little with any arithmetic of the base.
        let engine = match engine {
            Engine::Reference => Engine::Reference,
            _ => Engine::Exact,
        };
        let convolve = |shape: ConvShape, x_bhwc: Tensor<4>, weight_oihw: &Tensor<4>| {
            shape.convolve(x_bhwc, weight_oihw.clone(), None, engine)
        };
        let low = match &self.mid {
            None => convolve(shape, x_bhwc.clone(), &self.down),
            Some(mid) => {
                let low = convolve(ConvShape::ONE, x_bhwc.clone(), &self.down);
                convolve(shape, low, mid)
            }
        };
        y_bhwc + convolve(ConvShape::ONE, low, &self.up) * (self.scale * self.strength)
    }

    /// The same adapter as a change of the weight.
    fn into_change(self) -> AttachedChange {
        let [rank, channels_in, height, width] = self.down.dims();
        let right = self.down.reshape([rank, channels_in * height * width]);
        let left = self.up.flatten(1, 3);
        let factor = match self.mid {
            Some(mid) => Factor::Tucker {
                core: mid.flatten(1, 3),
                left,
                right,
            },
            None => Factor::Product { left, right },
        };
        AttachedChange::of_factor(factor, self.scale, self.strength)
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
    /// Shape of the layer's weight.
    pub fn weight_shape(self) -> Vec<usize> {
        match self {
            Self::Linear {
                features_in,
                features_out,
            } => vec![features_out, features_in],
            Self::Conv {
                channels_in,
                channels_out,
                kernel,
            } => vec![channels_out, channels_in, kernel, kernel],
        }
    }

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

impl From<Factors> for WeightChange {
    fn from(factors: Factors) -> Self {
        let rank = factors.rank.max(1);
        let (rows, columns) = (factors.up.len() / rank, factors.down.len() / rank);
        let left = Matrix {
            rows,
            columns: rank,
            values: factors.up,
        };
        let right = Matrix {
            rows: rank,
            columns,
            values: factors.down,
        };
        Self {
            delta: Delta::Plain(Factor::Product { left, right }),
            scale: factors.scale,
            magnitude: None,
        }
    }
}

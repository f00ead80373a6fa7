//! Group and layer normalisation.

use burn::tensor::{Tensor, activation};

use crate::kernels;
use crate::layout::{channels_first, channels_last};
use crate::params::{Engine, Init, ParamError, Params};
use crate::visit::{Visit, Visitor, join};

/// Normalises groups of channels over the picture (Wu and He 2018).
#[derive(Debug, Clone)]
pub struct GroupNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
    engine: Engine,
}

impl GroupNorm {
    /// A norm over `channels`, which `groups` must divide.
    pub fn new(
        params: &Params<'_>,
        groups: usize,
        channels: usize,
        epsilon: f64,
    ) -> Result<Self, ParamError> {
        let weight = params.tensor("weight", [channels], Init::Ones)?;
        let bias = params.tensor("bias", [channels], Init::Zeros)?;
        Ok(Self {
            weight,
            bias,
            groups,
            epsilon,
            engine: params.engine(),
        })
    }

    /// Normalises `x_bhwc`; same shape.
    pub fn forward(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        match self.engine {
            Engine::Mixed => self.fused(x_bhwc, false),
            Engine::Exact => self.composed(x_bhwc),
        }
    }

    /// Normalises `x_bhwc` and applies `SiLU`; same shape.
    pub fn forward_silu(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        match self.engine {
            Engine::Mixed => self.fused(x_bhwc, true),
            Engine::Exact => activation::silu(self.composed(x_bhwc)),
        }
    }

    fn fused(&self, x_bhwc: Tensor<4>, silu: bool) -> Tensor<4> {
        channels_last(kernels::group_norm_silu(
            channels_first(x_bhwc),
            self.weight.clone(),
            self.bias.clone(),
            self.groups,
            self.epsilon,
            silu,
        ))
    }

    fn composed(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        let centred = x_bhwc.clone() - self.means(x_bhwc);
        let variance = self.means(centred.clone() * centred.clone());
        centred / (variance + self.epsilon).sqrt() * self.weight.clone().unsqueeze()
            + self.bias.clone().unsqueeze()
    }

    /// The mean of each channel's group, `[b, 1, 1, c]`.
    ///
    /// Burn adds up along a middle axis one number after the other. Rows and columns apart keep those sums short, and so
    /// exact in large pictures.
    fn means(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        let [b, _, _, c] = x_bhwc.dims();
        let by_channel = x_bhwc.mean_dim(1).mean_dim(2);
        let by_group = by_channel
            .reshape([b, self.groups, c / self.groups])
            .mean_dim(2);
        by_group
            .expand([b, self.groups, c / self.groups])
            .reshape([b, 1, 1, c])
    }
}

impl Visit for GroupNorm {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        visitor.param(&join(path, "weight"), &mut self.weight);
        visitor.param(&join(path, "bias"), &mut self.bias);
    }
}

/// Normalises the last axis (Ba et al. 2016).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
}

impl LayerNorm {
    /// A norm over the last axis of size `features`.
    pub fn new(params: &Params<'_>, features: usize, epsilon: f64) -> Result<Self, ParamError> {
        let weight = params.tensor("weight", [features], Init::Ones)?;
        let bias = params.tensor("bias", [features], Init::Zeros)?;
        Ok(Self {
            weight,
            bias,
            epsilon,
        })
    }

    /// Normalises `x_bsd`; same shape.
    pub fn forward(&self, x_bsd: Tensor<3>) -> Tensor<3> {
        standardized(x_bsd, self.epsilon) * self.weight.clone().unsqueeze()
            + self.bias.clone().unsqueeze()
    }
}

impl Visit for LayerNorm {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        visitor.param(&join(path, "weight"), &mut self.weight);
        visitor.param(&join(path, "bias"), &mut self.bias);
    }
}

/// Zero mean and unit (biased) variance along the last axis.
fn standardized(x: Tensor<3>, epsilon: f64) -> Tensor<3> {
    let centred = x.clone() - x.mean_dim(2);
    let variance = (centred.clone() * centred.clone()).mean_dim(2);
    centred / (variance + epsilon).sqrt()
}

//! Group and layer normalisation.

use burn::tensor::{Tensor, activation};

use crate::kernels;
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

    /// Normalises `x_bchw`; same shape.
    pub fn forward(&self, x_bchw: Tensor<4>) -> Tensor<4> {
        match self.engine {
            Engine::Mixed => self.fused(x_bchw, false),
            Engine::Exact => self.composed(x_bchw),
        }
    }

    /// Normalises `x_bchw` and applies `SiLU`; same shape.
    pub fn forward_silu(&self, x_bchw: Tensor<4>) -> Tensor<4> {
        match self.engine {
            Engine::Mixed => self.fused(x_bchw, true),
            Engine::Exact => activation::silu(self.composed(x_bchw)),
        }
    }

    fn fused(&self, x_bchw: Tensor<4>, silu: bool) -> Tensor<4> {
        kernels::group_norm_silu(
            x_bchw,
            self.weight.clone(),
            self.bias.clone(),
            self.groups,
            self.epsilon,
            silu,
        )
    }

    fn composed(&self, x_bchw: Tensor<4>) -> Tensor<4> {
        let [b, c, h, w] = x_bchw.dims();
        let grouped = x_bchw.reshape([b, self.groups, c / self.groups * h * w]);
        let normal = standardized(grouped, self.epsilon).reshape([b, c, h, w]);
        normal * self.weight.clone().reshape([1, c, 1, 1]) + self.bias.clone().reshape([1, c, 1, 1])
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

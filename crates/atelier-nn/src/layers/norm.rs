//! Group and layer normalisation.

use burn::tensor::Tensor;

use crate::kernels::{self, Keep, reference};
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
        self.normalize(x_bhwc, false, Keep::Exact)
    }

    /// [`Self::forward`] for layers that multiply the result: rounded where they would.
    pub fn forward_between(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        self.normalize(x_bhwc, false, self.engine.between())
    }

    /// Normalises `x_bhwc` and applies `SiLU`, for a layer that multiplies the result: rounded where it would.
    pub fn forward_silu_between(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        self.normalize(x_bhwc, true, self.engine.between())
    }

    fn normalize(&self, x_bhwc: Tensor<4>, silu: bool, result: Keep) -> Tensor<4> {
        let affine = [self.weight.clone(), self.bias.clone()];
        let (groups, epsilon) = (self.groups, self.epsilon);
        match self.engine {
            Engine::Reference => reference::group_norm(x_bhwc, affine, groups, epsilon, silu),
            engine => {
                let precision = [engine.keep(), result];
                kernels::group_norm(x_bhwc, affine, groups, epsilon, silu, precision)
            }
        }
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
    engine: Engine,
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
            engine: params.engine(),
        })
    }

    /// Normalises `x_bsd`; same shape.
    pub fn forward(&self, x_bsd: Tensor<3>) -> Tensor<3> {
        self.normalize(x_bsd, Keep::Exact)
    }

    /// [`Self::forward`] for layers that multiply the result: rounded where they would.
    pub fn forward_between(&self, x_bsd: Tensor<3>) -> Tensor<3> {
        self.normalize(x_bsd, self.engine.between())
    }

    fn normalize(&self, x_bsd: Tensor<3>, result: Keep) -> Tensor<3> {
        let [b, s, d] = x_bsd.dims();
        let rows = x_bsd.reshape([b * s, d]);
        let affine = [self.weight.clone(), self.bias.clone()];
        let y = match self.engine {
            Engine::Reference => reference::layer_norm(rows, affine, self.epsilon),
            engine => {
                let precision = [engine.keep(), result];
                kernels::layer_norm(rows, affine, self.epsilon, precision)
            }
        };
        y.reshape([b, s, d])
    }
}

impl Visit for LayerNorm {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        visitor.param(&join(path, "weight"), &mut self.weight);
        visitor.param(&join(path, "bias"), &mut self.bias);
    }
}

//! Group and layer normalisation.

use burn::tensor::Tensor;

use crate::kernels::{self, Keep, reference};
use crate::lora::Shift;
use crate::params::{Engine, Init, ParamError, Params};
use crate::visit::{Visit, Visitor, join};

/// What a norm multiplies the channels by and adds to them.
#[derive(Debug, Clone)]
pub struct Affine {
    weight: Tensor<1>,
    bias: Tensor<1>,
    /// What adapters add to the weight.
    pub(crate) weight_shift: Shift,
    /// What adapters add to the bias.
    pub(crate) bias_shift: Shift,
}

impl Affine {
    fn new(params: &Params<'_>, channels: usize) -> Result<Self, ParamError> {
        Ok(Self {
            weight: params.tensor("weight", [channels], Init::Ones)?,
            bias: params.tensor("bias", [channels], Init::Zeros)?,
            weight_shift: Shift::default(),
            bias_shift: Shift::default(),
        })
    }

    /// Weight and bias, with what adapters add.
    fn tensors(&self) -> [Tensor<1>; 2] {
        [
            self.weight_shift.add_to(self.weight.clone()),
            self.bias_shift.add_to(self.bias.clone()),
        ]
    }

    /// The number of channels.
    pub(crate) fn channels(&self) -> usize {
        self.weight.dims()[0]
    }

    /// Shows the norm's own parameters to a visitor.
    pub fn visit_params<V: Visitor + ?Sized>(&mut self, path: &str, visitor: &mut V) {
        visitor.param(&join(path, "weight"), &mut self.weight);
        visitor.param(&join(path, "bias"), &mut self.bias);
    }
}

/// Normalises groups of channels over the picture (Wu and He 2018).
#[derive(Debug, Clone)]
pub struct GroupNorm {
    affine: Affine,
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
        Ok(Self {
            affine: Affine::new(params, channels)?,
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
        let affine = self.affine.tensors();
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
        visitor.affine(path, &mut self.affine);
    }
}

/// Normalises the last axis (Ba et al. 2016).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    affine: Affine,
    epsilon: f64,
    engine: Engine,
}

impl LayerNorm {
    /// A norm over the last axis of size `features`.
    pub fn new(params: &Params<'_>, features: usize, epsilon: f64) -> Result<Self, ParamError> {
        Ok(Self {
            affine: Affine::new(params, features)?,
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
        let affine = self.affine.tensors();
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
        visitor.affine(path, &mut self.affine);
    }
}

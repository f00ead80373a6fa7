//! The linear layer, with room for adapters.

use burn::tensor::Tensor;

use crate::kernels;
use crate::lora::{AttachedChange, LinearLora, changed};
use crate::params::{Engine, Init, ParamError, Params};
use crate::visit::{Visit, Visitor, join};

/// `y = x Wᵀ + b`, plus what the attached adapters add.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[out, in]`, as `PyTorch` stores it.
    pub weight: Tensor<2>,
    /// `[out]`.
    pub bias: Option<Tensor<1>>,
    /// Low-rank adapters, applied in order.
    pub adapters: Vec<LinearLora>,
    /// Changes of the weight, applied in order and before the low-rank adapters.
    pub changes: Vec<AttachedChange>,
    engine: Engine,
}

impl Linear {
    /// A layer with bias.
    pub fn new(
        params: &Params<'_>,
        features_in: usize,
        features_out: usize,
    ) -> Result<Self, ParamError> {
        let mut layer = Self::without_bias(params, features_in, features_out)?;
        layer.bias = Some(params.tensor("bias", [features_out], Init::Zeros)?);
        Ok(layer)
    }

    /// A layer without bias.
    pub fn without_bias(
        params: &Params<'_>,
        features_in: usize,
        features_out: usize,
    ) -> Result<Self, ParamError> {
        let weight = params.tensor(
            "weight",
            [features_out, features_in],
            Init::FanIn(features_in),
        )?;
        Ok(Self {
            weight,
            bias: None,
            adapters: Vec::new(),
            changes: Vec::new(),
            engine: params.engine(),
        })
    }

    /// Applies the layer to the last axis.
    ///
    /// # Shapes
    /// - `x`: `[…, in]`
    /// - returns: `[…, out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut shape = x.dims();
        let [features_out, features_in] = self.weight.dims();
        let rows = shape.iter().product::<usize>() / features_in;
        let flat = x.reshape([rows, features_in]);
        let weight = changed(&self.weight, &self.changes);
        let mut y = product(flat.clone(), weight, self.bias.clone(), self.engine);
        for adapter in &self.adapters {
            y = adapter.add_to(y, &flat);
        }
        shape[D - 1] = features_out;
        y.reshape(shape)
    }

    /// Shows the layer's own parameters to a visitor.
    pub fn visit_params<V: Visitor + ?Sized>(&mut self, path: &str, visitor: &mut V) {
        visitor.param(&join(path, "weight"), &mut self.weight);
        if let Some(bias) = &mut self.bias {
            visitor.param(&join(path, "bias"), bias);
        }
    }
}

/// `x [rows, in]` times the transpose of `weight [out, in]`, plus the bias.
pub(super) fn product(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    engine: Engine,
) -> Tensor<2> {
    match engine {
        Engine::Mixed => kernels::linear(x, weight, bias),
        Engine::Exact => {
            let y = x.matmul(weight.transpose());
            match bias {
                Some(bias) => y + bias.unsqueeze(),
                None => y,
            }
        }
    }
}

impl Visit for Linear {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        visitor.linear(path, self);
    }
}

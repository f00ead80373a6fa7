//! The linear layer, with room for adapters.

use burn::tensor::Tensor;

use crate::activation::geglu;
use crate::kernels::{self, Held, Keep, WeightFormat, reference};
use crate::layers::Weight;
use crate::lora::{AttachedChange, LinearLora, Shift, acts, changed};
use crate::params::{Engine, Init, ParamError, Params};
use crate::visit::{Visit, Visitor, join};

/// `y = x Wᵀ + b`, plus what the attached adapters add.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[out, in]`, as `PyTorch` stores it.
    pub weight: Weight<2>,
    /// `[out]`.
    pub bias: Option<Tensor<1>>,
    /// Low-rank adapters, applied in order.
    pub adapters: Vec<LinearLora>,
    /// Changes of the weight, applied in order and before the low-rank adapters.
    pub changes: Vec<AttachedChange>,
    /// What is added to the bias.
    pub(crate) bias_shift: Shift,
    engine: Engine,
}

impl Linear {
    /// A layer with bias.
    pub fn new(
        params: &Params<'_>,
        features_in: usize,
        features_out: usize,
    ) -> Result<Self, ParamError> {
        Self::with_bias(params, features_in, features_out, true)
    }

    /// A layer without bias.
    pub fn without_bias(
        params: &Params<'_>,
        features_in: usize,
        features_out: usize,
    ) -> Result<Self, ParamError> {
        Self::with_bias(params, features_in, features_out, false)
    }

    fn with_bias(
        params: &Params<'_>,
        features_in: usize,
        features_out: usize,
        biased: bool,
    ) -> Result<Self, ParamError> {
        let bias = biased.then(|| params.tensor("bias", [features_out], Init::Zeros));
        let bias = bias.transpose()?;
        let shape = [features_out, features_in];
        Ok(Self {
            weight: Weight::new(params, shape, features_in, bias.as_ref())?,
            bias,
            adapters: Vec::new(),
            changes: Vec::new(),
            bias_shift: Shift::default(),
            engine: params.engine(),
        })
    }

    /// Applies the layer to the last axis.
    ///
    /// # Shapes
    /// - `x`: `[…, in]`
    /// - returns: `[…, out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.forward_held(&x.into())
    }

    /// [`Self::forward`] on a tensor that other layers read, too: backward passes keep one copy of it for all of them.
    pub fn forward_held<const D: usize>(&self, x: &Held<D>) -> Tensor<D> {
        self.apply(x, Keep::Exact)
    }

    /// [`Self::forward_held`] for operations that multiply the result: rounded where they would.
    pub fn forward_between<const D: usize>(&self, x: &Held<D>) -> Tensor<D> {
        let acts = |adapter: &&LinearLora| adapter.strength != 0.0;
        match self.adapters.iter().filter(acts).count() {
            // sums of more are not rounded in between
            0 | 1 if self.bias_shift.is_none() => self.apply(x, self.engine.between()),
            _ => self.apply(x, Keep::Exact),
        }
    }

    fn apply<const D: usize>(&self, x: &Held<D>, result: Keep) -> Tensor<D> {
        let mut shape = x.tensor().dims();
        let [features_out, _] = self.weight.dims();
        let mut x = x.rows();
        if self.adapters.len() > 1 {
            x = x.into_shared();
        }
        let mut adapters = self.adapters.iter();
        let mut y = match &self.weight {
            Weight::Frozen { weights, .. } if !acts(&self.changes) => {
                match adapters.find(|adapter| adapter.strength != 0.0) {
                    Some(adapter) => {
                        let (factors, scale) = adapter.parts();
                        let precision = [self.engine.keep(), result];
                        kernels::adapted_linear(x.clone(), weights, factors, scale, precision)
                    }
                    None => kernels::frozen_linear(x.clone(), weights, result),
                }
            }
            weight => {
                let weight = changed(weight.tensor(), &self.changes);
                product(x.clone(), weight, self.bias.clone(), self.engine)
            }
        };
        for adapter in adapters {
            y = adapter.add_to(y, &x, self.engine);
        }
        y = self.bias_shift.add_to(y);
        shape[D - 1] = features_out;
        y.reshape(shape)
    }

    /// The layer, then the gate: the first half of the outputs times GELU of the second.
    ///
    /// # Shapes
    /// - `x_bsd`: `[b, s, in]`
    /// - returns: `[b, s, out / 2]`
    pub fn forward_gated(&self, x_bsd: Tensor<3>) -> Tensor<3> {
        let is_bare = self.adapters.iter().all(|adapter| adapter.strength == 0.0)
            && self.bias_shift.is_none();
        match &self.weight {
            Weight::Frozen { weights, .. } if is_bare && !acts(&self.changes) => {
                let [b, s, features] = x_bsd.dims();
                let rows = x_bsd.reshape([b * s, features]);
                let [both, _] = self.weight.dims();
                let precision = [self.engine.keep(), self.engine.between()];
                kernels::frozen_geglu(rows, weights, precision).reshape([b, s, both / 2])
            }
            _ => geglu(self.forward(x_bsd), self.engine),
        }
    }

    /// Shows the layer's own parameters to a visitor.
    pub fn visit_params<V: Visitor + ?Sized>(&mut self, path: &str, visitor: &mut V) {
        self.weight
            .show(|weight| visitor.param(&join(path, "weight"), weight));
        if let Some(bias) = &mut self.bias {
            visitor.param(&join(path, "bias"), bias);
        }
    }
}

/// `x [rows, in]` times the transpose of `weight [out, in]`, plus the bias.
pub(super) fn product(
    x: Held<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    engine: Engine,
) -> Tensor<2> {
    match engine {
        Engine::Reference => reference::linear(x.into_tensor(), weight, bias),
        Engine::Exact => kernels::trained_linear(x, weight, bias, WeightFormat::Float),
        Engine::Mixed | Engine::Small | Engine::Trained => {
            kernels::trained_linear(x, weight, bias, WeightFormat::Whole)
        }
    }
}

impl Visit for Linear {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        visitor.linear(path, self);
    }
}

//! Putting adapters on the layers of a model, and taking them off.

use atelier_core::{Delta, Factor, WeightChange};
use burn::tensor::{Device, Tensor, TensorData};

use super::{AttachedChange, ConvLora, LinearLora};
use crate::layers::{Affine, Conv2d, Linear};
use crate::visit::Visitor;

/// Attaches one adapter to a model: `factors` gives the numbers for a layer's name ([`super::Factors`] or [`WeightChange`]), or
/// nothing. They must fit the layer. With `trainable` the factors of low-rank layers take part in the gradient.
///
/// Adapters act in the order in which they are attached.
pub struct Attach<'a, F> {
    /// Looks up the factors by layer name.
    pub factors: F,
    /// The strength at which the adapter acts.
    pub strength: f32,
    /// Where the factors live.
    pub device: &'a Device,
    /// Whether gradients are wanted.
    pub trainable: bool,
}

impl<F> Attach<'_, F> {
    fn place<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        let tensor = Tensor::from_data(TensorData::new(values, shape), self.device);
        if self.trainable {
            tensor.require_grad()
        } else {
            tensor
        }
    }

    fn on_linear(&self, layer: &mut Linear, change: WeightChange) {
        let [features_out, features_in] = layer.weight.dims();
        let scale = change.scale;
        match LowRank::of(change, false) {
            Ok(low_rank) => layer.adapters.push(LinearLora {
                down: self.place(low_rank.down, [low_rank.rank, features_in]),
                up: self.place(low_rank.up, [features_out, low_rank.rank]),
                scale,
                strength: self.strength,
            }),
            Err(change) => {
                // Lengths depend on what came before, so that must act on the weight too.
                if change.magnitude.is_some() {
                    let before = layer.adapters.drain(..).map(LinearLora::into_change);
                    layer.changes.extend(before);
                }
                layer.changes.push(self.place_change(*change));
            }
        }
    }

    fn on_conv2d(&self, layer: &mut Conv2d, change: WeightChange) {
        let [channels_out, channels_in, kernel, _] = layer.weight.dims();
        let scale = change.scale;
        match LowRank::of(change, true) {
            Ok(LowRank {
                rank,
                down,
                up,
                mid,
            }) => {
                let inner = if mid.is_some() { 1 } else { kernel };
                layer.adapters.push(ConvLora {
                    down: self.place(down, [rank, channels_in, inner, inner]),
                    mid: mid.map(|mid| self.place(mid, [rank, rank, kernel, kernel])),
                    up: self.place(up, [channels_out, rank, 1, 1]),
                    scale,
                    strength: self.strength,
                });
            }
            Err(change) => {
                if change.magnitude.is_some() {
                    let before = layer.adapters.drain(..).map(ConvLora::into_change);
                    layer.changes.extend(before);
                }
                layer.changes.push(self.place_change(*change));
            }
        }
    }

    fn place_change(&self, change: WeightChange) -> AttachedChange {
        AttachedChange::new(change, self.strength, self.device)
    }
}

/// A change that a layer can compute beside its own product, as plain numbers.
struct LowRank {
    rank: usize,
    down: Vec<f32>,
    up: Vec<f32>,
    mid: Option<Vec<f32>>,
}

impl LowRank {
    /// The factors of a low-rank change, with Tucker factors where `tucker` allows them; any other change comes back.
    fn of(change: WeightChange, tucker: bool) -> Result<Self, Box<WeightChange>> {
        match change {
            WeightChange {
                delta: Delta::Plain(Factor::Product { left, right }),
                magnitude: None,
                ..
            } => Ok(Self {
                rank: right.rows,
                down: right.values,
                up: left.values,
                mid: None,
            }),
            WeightChange {
                delta: Delta::Plain(Factor::Tucker { core, left, right }),
                magnitude: None,
                ..
            } if tucker => Ok(Self {
                rank: right.rows,
                down: right.values,
                up: left.values,
                mid: Some(core.values),
            }),
            other => Err(Box::new(other)),
        }
    }
}

impl<T, F> Visitor for Attach<'_, F>
where
    T: Into<WeightChange>,
    F: FnMut(&str) -> Option<T>,
{
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, path: &str, layer: &mut Linear) {
        if let Some(change) = (self.factors)(path) {
            self.on_linear(layer, change.into());
        }
    }

    fn conv2d(&mut self, path: &str, layer: &mut Conv2d) {
        if let Some(change) = (self.factors)(path) {
            self.on_conv2d(layer, change.into());
        }
    }
}

/// Takes every adapter off a model.
pub struct Detach;

impl Visitor for Detach {
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, _path: &str, layer: &mut Linear) {
        layer.adapters.clear();
        layer.changes.clear();
        layer.bias_shift.clear();
    }

    fn conv2d(&mut self, _path: &str, layer: &mut Conv2d) {
        layer.adapters.clear();
        layer.changes.clear();
        layer.bias_shift.clear();
    }

    fn affine(&mut self, _path: &str, affine: &mut Affine) {
        affine.weight_shift.clear();
        affine.bias_shift.clear();
    }
}

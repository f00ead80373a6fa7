//! Adapters that change a weight before its product: `LoHa`, `LoKr`, `DoRA`, whole differences.
//!
//! The weight is computed anew in every forward pass from the small factors, so that nothing of the weight's size is
//! kept.

use atelier_core::{Delta, Factor, Magnitude, MagnitudeAxis, MagnitudeRule, Matrix, WeightChange};
use burn::tensor::{Device, Tensor, TensorData};

/// A change of a layer's weight, on the device.
#[derive(Debug, Clone)]
pub struct AttachedChange {
    change: WeightChange<Tensor<2>>,
    /// 0 leaves the weight as it is.
    pub strength: f32,
}

impl AttachedChange {
    /// Places the numbers of `change` on the device.
    pub(crate) fn new(change: WeightChange<Matrix>, strength: f32, device: &Device) -> Self {
        let place = |matrix: Matrix| {
            let shape = [matrix.rows, matrix.columns];
            Tensor::from_data(TensorData::new(matrix.values, shape), device)
        };
        Self {
            change: change.map(place),
            strength,
        }
    }

    /// A single factor as a change, for layers whose weight must be changed in order.
    pub(crate) fn of_factor(factor: Factor<Tensor<2>>, scale: f32, strength: f32) -> Self {
        Self::of_delta(Delta::Plain(factor), scale, strength)
    }

    /// A difference that is added to the weight.
    pub(crate) fn of_delta(delta: Delta<Tensor<2>>, scale: f32, strength: f32) -> Self {
        Self {
            change: WeightChange {
                delta,
                scale,
                magnitude: None,
            },
            strength,
        }
    }

    /// The changed weight.
    ///
    /// Without magnitude `W + s·delta` at strength `s`. With it, by the magnitude's rule, `W + s·(W₁ − W)`, where `W₁` is
    /// `W + delta` brought to the magnitude's lengths, or `W + s·delta` brought to them.
    pub(crate) fn apply(&self, weight: Tensor<2>) -> Tensor<2> {
        if self.strength == 0.0 {
            return weight;
        }
        let delta = expand(&self.change.delta).reshape(weight.dims());
        let Some(magnitude) = &self.change.magnitude else {
            return weight + delta * (self.change.scale * self.strength);
        };
        let share = match magnitude.rule {
            MagnitudeRule::Interpolate => 1.0,
            MagnitudeRule::ScaleDelta => self.strength,
        };
        let whole = brought_to(
            weight.clone() + delta * (self.change.scale * share),
            magnitude,
        );
        match magnitude.rule {
            MagnitudeRule::Interpolate => weight.clone() + (whole - weight) * self.strength,
            MagnitudeRule::ScaleDelta => whole,
        }
    }
}

/// Each row, or all columns of each input channel, at the length that `magnitude` gives.
fn brought_to(weight: Tensor<2>, magnitude: &Magnitude<Tensor<2>>) -> Tensor<2> {
    let [rows, columns] = weight.dims();
    let lengths = magnitude.lengths.clone();
    match magnitude.axis {
        MagnitudeAxis::Output => {
            let norms = (weight.clone() * weight.clone()).sum_dim(1).sqrt();
            weight * (lengths / (norms + f32::EPSILON))
        }
        MagnitudeAxis::Input => {
            let channels = lengths.dims()[0];
            let by_channel = weight.reshape([rows, channels, columns / channels]);
            let squares = by_channel.clone() * by_channel.clone();
            let norms = squares.sum_dim(0).sum_dim(2).sqrt();
            let lengths = lengths.reshape([1, channels, 1]);
            (by_channel * (lengths / (norms + f32::EPSILON))).reshape([rows, columns])
        }
    }
}

/// The matrix that a change adds, before it is scaled.
fn expand(delta: &Delta<Tensor<2>>) -> Tensor<2> {
    match delta {
        Delta::Plain(factor) => matrix(factor),
        Delta::Hadamard(first, second) => matrix(first) * matrix(second),
        Delta::Kronecker(first, second) => {
            let (first, second) = (matrix(first), matrix(second));
            let ([a, b], [c, d]) = (first.dims(), second.dims());
            let product = first.reshape([a, 1, b, 1]) * second.reshape([1, c, 1, d]);
            product.reshape([a * c, b * d])
        }
    }
}

fn matrix(factor: &Factor<Tensor<2>>) -> Tensor<2> {
    match factor {
        Factor::Whole(whole) => whole.clone(),
        Factor::Product { left, right } => left.clone().matmul(right.clone()),
        Factor::Tucker { core, left, right } => {
            let ([rows, _], [rank, channels]) = (left.dims(), right.dims());
            let positions = core.dims()[1] / rank;
            // [rows, rank · positions], then the channel in place of the inner rank.
            let outer = left.clone().matmul(core.clone());
            let outer = outer
                .reshape([rows, rank, positions])
                .swap_dims(1, 2)
                .reshape([rows * positions, rank]);
            outer
                .matmul(right.clone())
                .reshape([rows, positions, channels])
                .swap_dims(1, 2)
                .reshape([rows, channels * positions])
        }
    }
}

/// Whether any of `changes` changes the weight.
pub(crate) fn acts(changes: &[AttachedChange]) -> bool {
    changes.iter().any(|change| change.strength != 0.0)
}

/// The weight after all `changes`, in order.
pub(crate) fn changed<const D: usize>(weight: Tensor<D>, changes: &[AttachedChange]) -> Tensor<D> {
    if !acts(changes) {
        return weight;
    }
    let shape = weight.dims();
    let rows = shape[0];
    let columns = weight.shape().num_elements() / rows;
    let mut flat: Tensor<2> = weight.reshape([rows, columns]);
    for change in changes {
        flat = change.apply(flat);
    }
    flat.reshape(shape)
}

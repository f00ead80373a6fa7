//! Parts of a network of which only the inputs are kept: the backward pass computes their inside again.
//!
//! # Source
//! Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost".

mod inner;
mod ops;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::visit::Visit;
use inner::{Part, Shaped};

/// The most inputs that a part can have.
pub const MAX_INPUTS: usize = 4;

/// An input of a part: a tensor of any number of axes.
#[derive(Debug, Clone)]
pub struct Wire {
    flat: Tensor<1>,
    shape: Vec<usize>,
}

impl<const D: usize> From<Tensor<D>> for Wire {
    fn from(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims();
        Self {
            flat: tensor.reshape([shape.iter().product::<usize>()]),
            shape: shape.to_vec(),
        }
    }
}

impl Wire {
    /// The tensor.
    ///
    /// # Panics
    /// Panics when it has another number of axes.
    pub fn tensor<const D: usize>(&self) -> Tensor<D> {
        let shape: [usize; D] = self
            .shape
            .as_slice()
            .try_into()
            .expect("a part reads its inputs with the axes that they were given with");
        self.flat.clone().reshape(shape)
    }

    fn is_tracked(&self) -> bool {
        self.flat.is_tracked()
    }

    /// The same values outside any graph.
    fn detached(&self) -> Self {
        Self {
            flat: outside(self.flat.clone()),
            shape: self.shape.clone(),
        }
    }

    /// The same values as the start of a graph.
    fn leaf(&self) -> Self {
        Self {
            flat: self.flat.clone().require_grad(),
            shape: self.shape.clone(),
        }
    }
}

/// The same values with autodiff and without a history.
fn outside<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    Tensor::from_inner(tensor.inner())
}

/// `run(part, inputs)`, with the same numbers and gradients, but of all that happens inside only the inputs are kept.
/// Gradients reach the inputs, and every tensor of `part` that wants one.
///
/// `run` must be a pure function of its arguments. Where no gradient is wanted it simply runs.
///
/// # Panics
/// Panics on more than [`MAX_INPUTS`] inputs.
pub fn recomputed<M, const D: usize>(
    part: &M,
    inputs: Vec<Wire>,
    run: impl Fn(&M, &[Wire]) -> Tensor<D> + Send + Sync + 'static,
) -> Tensor<D>
where
    M: Visit + Clone + Send + Sync + 'static,
{
    assert!(inputs.len() <= MAX_INPUTS, "inputs of a part");
    let (network, leaves) = inner::detached(part);
    if leaves.is_empty() && !inputs.iter().any(Wire::is_tracked) {
        return run(part, &inputs);
    }
    let again = Part::new(network, &inputs, run);
    let y = again.run();
    let shape = y.dims();
    let flat = y.reshape([shape.iter().product::<usize>()]);
    ops::recomputed(flat, inputs, leaves, Arc::new(Shaped::<M, _, D>(again))).reshape(shape)
}

//! The two operations behind a part that runs twice.
#![allow(
    clippy::too_many_arguments,
    reason = "an operation has its operands one by one"
)]

use std::sync::Arc;

#[cfg(feature = "wgpu")]
use burn::backend::Cube;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, Backend, Dispatch, DispatchKindConversion, DispatchTensor, Flex, TensorMetadata as _,
    backend_extension,
};
use burn::tensor::{Device, Tensor, TensorData};

use super::inner::Again;
use super::{MAX_INPUTS, Wire};
use crate::kernels::ops::finish;

/// Parts that run twice, as a backend supplies them. Outside a graph there is nothing to do.
#[backend_extension(Autodiff, Flex, Cube: cfg(feature = "wgpu"))]
pub(crate) trait RecomputeOps: Backend {
    /// `y`, whose gradient goes to four inputs and the tensors of the part, all flat.
    fn recomputed(
        y: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        leaves: FloatTensor<Self>,
        part: Arc<dyn Again>,
    ) -> FloatTensor<Self> {
        drop((a, b, c, d, leaves, part));
        y
    }
    /// A number whose gradient for `y` is `dy`, whatever its own is.
    fn seeded(y: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        drop(dy);
        y
    }
}

impl RecomputeOps for Flex {}

#[cfg(feature = "wgpu")]
impl RecomputeOps for Cube {}

/// Lets the gradient of `y` run through `part` again.
pub(super) fn recomputed(
    y: Tensor<1>,
    inputs: Vec<Wire>,
    leaves: Vec<Tensor<1>>,
    part: Arc<dyn Again>,
) -> Tensor<1> {
    let device = y.device();
    let mut inputs = inputs.into_iter();
    let [a, b, c, d] = [(); MAX_INPUTS].map(|()| {
        let input = inputs.next().map(|wire| wire.flat);
        input.unwrap_or_else(|| nothing(&device)).into_dispatch()
    });
    let leaves = if leaves.is_empty() {
        nothing(&device)
    } else {
        Tensor::cat(leaves, 0)
    };
    let (y, leaves) = (y.into_dispatch(), leaves.into_dispatch());
    Tensor::from_dispatch(Dispatch::recomputed(y, a, b, c, d, leaves, part))
}

/// Stands where there is no operand.
fn nothing(device: &Device) -> Tensor<1> {
    Tensor::zeros([1], device)
}

/// A number whose backward pass gives `y` the gradient `dy`.
pub(super) fn seeded(y: Tensor<1>, dy: Tensor<1>) -> Tensor<1> {
    let dy = Tensor::from_inner(dy).into_dispatch();
    Tensor::from_dispatch(Dispatch::seeded(y.into_dispatch(), dy))
}

#[derive(Debug)]
struct RecomputedBackward;

impl<B: Backend> Backward<B, 5> for RecomputedBackward
where
    DispatchTensor: DispatchKindConversion<B>,
{
    type State = Arc<dyn Again>;

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = Tensor::from_primitive::<B>(grads.consume::<B>(&ops.node));
        let found = ops.state.gradients(dy);
        let [inputs @ .., leaves] = ops.parents;
        let pairs = inputs.into_iter().zip(found.inputs);
        for (node, gradient) in pairs.chain([(leaves, found.leaves)]) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                let gradient = gradient
                    .try_into_primitive::<B>()
                    .expect("gradients lie where the tensors do");
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct SeededBackward;

impl<B: Backend> Backward<B, 1> for SeededBackward {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, ops.state);
        }
    }
}

impl<B: Backend, C: CheckpointStrategy> RecomputeOps for Autodiff<B, C>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    fn recomputed(
        y: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        leaves: FloatTensor<Self>,
        part: Arc<dyn Again>,
    ) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node(), c.node(), d.node(), leaves.node()];
        finish!(RecomputedBackward, nodes, y.into_primitive(), part)
    }

    fn seeded(y: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [y.node()];
        let y = y.into_primitive();
        let number = B::float_from_data(TensorData::new(vec![0.0f32], [1]), &y.device());
        finish!(SeededBackward, nodes, number, dy.into_primitive())
    }
}

//! The two operations behind a part that runs twice.
#![allow(
    clippy::too_many_arguments,
    reason = "an operation has its operands one by one"
)]

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Device, Tensor, TensorData};

use super::inner::Again;
use super::{MAX_INPUTS, Wire};
use crate::kernels::ops::finish;

/// Parts that run twice, as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
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
    ) -> FloatTensor<Self>;
    /// A number whose gradient for `y` is `dy`, whatever its own is.
    fn seeded(y: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;
}

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

impl RecomputeOps for Flex {
    fn recomputed(
        y: FlexTensor,
        _a: FlexTensor,
        _b: FlexTensor,
        _c: FlexTensor,
        _d: FlexTensor,
        _leaves: FlexTensor,
        _part: Arc<dyn Again>,
    ) -> FlexTensor {
        y
    }

    fn seeded(y: FlexTensor, _dy: FlexTensor) -> FlexTensor {
        y
    }
}

#[derive(Debug)]
struct RecomputedBackward;

impl Backward<Flex, 5> for RecomputedBackward {
    type State = Arc<dyn Again>;

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = Tensor::from_primitive::<Flex>(grads.consume::<Flex>(&ops.node));
        let found = ops.state.gradients(dy);
        let [inputs @ .., leaves] = ops.parents;
        let pairs = inputs.into_iter().zip(found.inputs);
        for (node, gradient) in pairs.chain([(leaves, found.leaves)]) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                let gradient = gradient
                    .try_into_primitive::<Flex>()
                    .expect("gradients lie where the tensors do");
                grads.register::<Flex>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct SeededBackward;

impl Backward<Flex, 1> for SeededBackward {
    type State = FlexTensor;

    fn backward(
        self,
        ops: Ops<FlexTensor, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        grads.consume::<Flex>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<Flex>(node.id, ops.state);
        }
    }
}

impl<C: CheckpointStrategy> RecomputeOps for Autodiff<Flex, C> {
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
        let number = FlexTensor::from_data(TensorData::new(vec![0.0f32], [1]));
        finish!(SeededBackward, nodes, number, dy.into_primitive())
    }
}

//! Rounded tensors as f32, for operations that read no others.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::{finish, whole};

/// Widening as a backend supplies it.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait WidenOps: Backend {
    /// `x` as f32. Its gradient is that of the result, in f32 as those of others that read `x`.
    fn widen(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// [`WidenOps::widen`] on tensors.
pub(crate) fn unrounded<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::widen(x.into_dispatch()))
}

impl WidenOps for Flex {
    fn widen(x: FlexTensor) -> FlexTensor {
        whole(x)
    }
}

#[derive(Debug)]
struct WidenBackward;

impl Backward<Flex, 1> for WidenBackward {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<Flex>(node.id, dy);
        }
    }
}

impl<C: CheckpointStrategy> WidenOps for Autodiff<Flex, C> {
    fn widen(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = x.node();
        let y = Flex::widen(x.into_primitive());
        finish!(WidenBackward, [node], y, ())
    }
}

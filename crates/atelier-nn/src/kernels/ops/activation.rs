//! Activation functions, and the gated one of transformers.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, TensorData};

use super::super::level::Level;
use super::super::pointwise::activation::{self, Curve};
use super::super::pointwise::geglu;
use super::super::pointwise::kept::Precision;
use super::{Kept, activation_tensor, change, finish, with_values, with_view};

/// Activations as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait ActivationOps: Backend {
    /// The curve at every value.
    fn curve(x: FloatTensor<Self>, curve: Curve, keep: Precision) -> FloatTensor<Self>;
    /// `x [rows, 2 d]` → `[rows, d]`: the first half of a row times GELU of the second.
    fn geglu(x: FloatTensor<Self>, keep: Precision) -> FloatTensor<Self>;
}

/// [`ActivationOps::curve`] on tensors.
pub(crate) fn curve<const D: usize>(x: Tensor<D>, curve: Curve, keep: Precision) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::curve(x.into_dispatch(), curve, keep))
}

/// [`ActivationOps::geglu`] on tensors.
pub(crate) fn gated(x: Tensor<2>, keep: Precision) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::geglu(x.into_dispatch(), keep))
}

fn curve_of(x: &FlexTensor, curve: Curve) -> FlexTensor {
    let values = with_values(x, |x| activation::forward(Level::best(), curve, x));
    FlexTensor::from_data(TensorData::new(values, x.shape()))
}

fn gate(x: &FlexTensor) -> FlexTensor {
    let [rows, both] = x.shape().dims();
    let values = with_values(x, |x| geglu::forward(Level::best(), x, both / 2));
    activation_tensor(values, [rows, both / 2])
}

impl ActivationOps for Flex {
    fn curve(x: FlexTensor, curve: Curve, _keep: Precision) -> FlexTensor {
        curve_of(&x, curve)
    }

    fn geglu(x: FlexTensor, _keep: Precision) -> FlexTensor {
        gate(&x)
    }
}

#[derive(Debug)]
struct CurveBackward;

impl Backward<Flex, 1> for CurveBackward {
    type State = (Kept, Curve);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let (x, curve) = &ops.state;
        if let [Some(node)] = ops.parents {
            let dx = change(dy, |dy| {
                x.with_view(|x| activation::backward(Level::best(), *curve, x, dy));
            });
            grads.register::<Flex>(node.id, dx);
        }
    }
}

#[derive(Debug)]
struct GateBackward;

impl Backward<Flex, 1> for GateBackward {
    type State = Kept;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [rows, features] = dy.shape().dims();
        if let [Some(node)] = ops.parents {
            let values = with_view(&dy, |dy| {
                ops.state
                    .with_view(|x| geglu::backward(Level::best(), x, dy, features))
            });
            grads.register::<Flex>(node.id, activation_tensor(values, [rows, 2 * features]));
        }
    }
}

impl<C: CheckpointStrategy> ActivationOps for Autodiff<Flex, C> {
    fn curve(x: FloatTensor<Self>, curve: Curve, keep: Precision) -> FloatTensor<Self> {
        let y = curve_of(x.primitive(), curve);
        finish!(
            CurveBackward,
            [x.node()],
            y,
            (Kept::new(x.primitive(), keep), curve)
        )
    }

    fn geglu(x: FloatTensor<Self>, keep: Precision) -> FloatTensor<Self> {
        let y = gate(x.primitive());
        finish!(GateBackward, [x.node()], y, Kept::new(x.primitive(), keep))
    }
}

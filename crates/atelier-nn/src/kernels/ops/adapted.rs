//! A linear map with frozen weights and a low-rank adapter (Hu et al. 2021) on it, in one pass: the input is read and rounded
//! once for both, and what the adapter adds is summed with the product, forward and in the gradient of the input.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::super::pointwise::kept::Precision;
use super::super::product::{Format, Operand, linear};
use super::super::weights::Frozen;
use super::held::{Held, Slot, keep, kept, with_rows};
use super::low_rank::{Factors, Made, with_gradient};
use super::{activation_tensor, finish, with_values};

/// Adapted maps as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait AdaptedOps: Backend {
    /// `x [rows, in]` times frozen weights, plus `scale · (x · down [rank, in]ᵀ) · up [out, rank]ᵀ`. What products read of `x`,
    /// and what is kept of it for the backward pass, lies in `copy`; `written` tells how result and gradient are written.
    fn adapted_linear(
        x: FloatTensor<Self>,
        down: FloatTensor<Self>,
        up: FloatTensor<Self>,
        weights: Arc<Frozen>,
        scale: f32,
        precision: Precision,
        copy: Slot,
        written: [Precision; 2],
    ) -> FloatTensor<Self>;
}

/// [`AdaptedOps::adapted_linear`] on tensors.
pub(crate) fn linear(
    x: Held<2>,
    weights: Arc<Frozen>,
    [down, up]: [Tensor<2>; 2],
    scale: f32,
    [precision, result]: [Precision; 2],
) -> Tensor<2> {
    let written = [result, x.slope()];
    let (x, copy) = x.into_parts();
    let copy = copy.unwrap_or_default();
    let [x, down, up] = [x, down, up].map(Tensor::into_dispatch);
    let y = Dispatch::adapted_linear(x, down, up, weights, scale, precision, copy, written);
    Tensor::from_dispatch(y)
}

/// Runs `f` on the rows of `tensor` as the adapter takes them, `rows`, and as the weights do.
fn with_both<R>(
    tensor: &FlexTensor,
    rows: Operand<'_>,
    weights: &Frozen,
    f: impl FnOnce([Operand<'_>; 2]) -> R,
) -> R {
    match rows {
        Operand::Halves(_) if !weights.packed.takes_halves() => {
            let [_, width] = tensor.shape().dims();
            with_values(tensor, |values| f([rows, Operand::floats(values, width)]))
        }
        rows => f([rows, rows]),
    }
}

/// The map, and `x · downᵀ`.
fn forward(
    x: &FlexTensor,
    weights: &Frozen,
    factors: &Factors,
    copy: &Slot,
    precision: Precision,
) -> (FlexTensor, Made) {
    let [rows, _] = x.shape().dims();
    let (values, low) = with_rows(x, Some(copy), factors.format == Format::Bf16, |operand| {
        with_both(x, operand, weights, |[its, theirs]| {
            let low = factors.low(its);
            let up = factors.packed_up();
            let terms = [(&weights.packed, theirs), (&up, low.operand())];
            let y = linear::forward_sum(&terms, weights.bias.as_deref(), precision);
            (y, low)
        })
    });
    (
        activation_tensor(values, [rows, weights.packed.columns()]),
        low,
    )
}

impl AdaptedOps for Flex {
    fn adapted_linear(
        x: FlexTensor,
        down: FlexTensor,
        up: FlexTensor,
        weights: Arc<Frozen>,
        scale: f32,
        precision: Precision,
        copy: Slot,
        [result, _]: [Precision; 2],
    ) -> FlexTensor {
        let factors = Factors::new([&down, &up], scale, precision);
        forward(&x, &weights, &factors, &copy, result).0
    }
}

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct State {
    x: Slot,
    low: Made,
    factors: Factors,
    weights: Arc<Frozen>,
    /// How the gradient of the input is written.
    slope: Precision,
}

#[derive(Debug)]
struct AdaptedBackward;

impl Backward<Flex, 3> for AdaptedBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let State {
            x,
            low,
            factors,
            weights,
            slope,
        } = ops.state;
        let [x_node, down_node, up_node] = ops.parents;
        let slopes = with_gradient(&dy, factors.format == Format::Bf16, |operand| {
            let wanted = [down_node.is_some(), up_node.is_some()];
            let slopes = factors.backward(kept(&x), &low, operand, wanted);
            if let Some(node) = x_node {
                let values = with_both(&dy, operand, &weights, |[_, dy]| {
                    let down = factors.packed_down();
                    let terms = [(&weights.packed, dy), (&down, slopes.low.operand())];
                    linear::input_gradient_sum(&terms, slope)
                });
                let [rows, _] = dy.shape().dims();
                let inputs = weights.packed.depth();
                grads.register::<Flex>(node.id, activation_tensor(values, [rows, inputs]));
            }
            slopes
        });
        for slope in [(down_node, slopes.down), (up_node, slopes.up)] {
            if let (Some(node), Some(slope)) = slope {
                grads.register::<Flex>(node.id, slope);
            }
        }
    }
}

impl<C: CheckpointStrategy> AdaptedOps for Autodiff<Flex, C> {
    fn adapted_linear(
        x: FloatTensor<Self>,
        down: FloatTensor<Self>,
        up: FloatTensor<Self>,
        weights: Arc<Frozen>,
        scale: f32,
        precision: Precision,
        copy: Slot,
        written: [Precision; 2],
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), down.node(), up.node()];
        let factors = Factors::new([down.primitive(), up.primitive()], scale, precision);
        let x = x.primitive();
        let (y, low) = forward(x, &weights, &factors, &copy, written[0]);
        finish!(AdaptedBackward, nodes, y, {
            State {
                x: keep(&copy, x, precision),
                low,
                factors,
                weights,
                slope: written[1],
            }
        })
    }
}

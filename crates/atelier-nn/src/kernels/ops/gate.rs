//! A frozen linear map and the gate on its output, some rows at a time: what lies between them, several times as wide as
//! either side, is never in memory as a whole.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::super::level::Level;
use super::super::pointwise::geglu;
use super::super::pointwise::kept::{self, Activation, Precision};
use super::super::product::linear;
use super::super::weights::Frozen;
use super::held::with_rows;
use super::{activation_tensor, finish, tensor, with_view};

/// Values between map and gate that are in memory at a time: few enough for the last cache, of enough rows that turning the
/// panels of the weights takes little time.
pub const GATE_VALUES: usize = 2 << 20;
/// The fewest rows at a time: several blocks of rows for each turned panel.
const ROWS: usize = 192;

/// Gated maps as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait GateOps: Backend {
    /// `x [rows, in]` times frozen weights of `2 d` outputs → `[rows, d]`: the first half of these times GELU of the second.
    /// How what lies between is kept, and the result written, is in `precision`.
    fn frozen_gate(
        x: FloatTensor<Self>,
        weights: Arc<Frozen>,
        precision: [Precision; 2],
    ) -> FloatTensor<Self>;
}

/// [`GateOps::frozen_gate`] on tensors.
pub(crate) fn frozen(x: Tensor<2>, weights: Arc<Frozen>, precision: [Precision; 2]) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::frozen_gate(x.into_dispatch(), weights, precision))
}

fn rows_at_once(both: usize) -> usize {
    (GATE_VALUES / both.max(1)).max(ROWS)
}

/// The result; `keep` is given what lies between map and gate, piece by piece.
fn forward(
    x: &FlexTensor,
    weights: &Frozen,
    result: Precision,
    mut keep: impl FnMut(Vec<f32>),
) -> FlexTensor {
    let ([rows, _], [both, _, _]) = (x.shape().dims(), weights.sizes());
    let mut y = Activation::with_room(rows * both / 2, result);
    with_rows(x, None, weights.packed.takes_halves(), |x| {
        for x in x.parts(rows_at_once(both)) {
            let between = linear::forward(&weights.packed, x, weights.bias.as_deref());
            geglu::forward_onto(Level::best(), &between, both / 2, &mut y);
            keep(between);
        }
    });
    activation_tensor(y, [rows, both / 2])
}

impl GateOps for Flex {
    fn frozen_gate(x: FlexTensor, weights: Arc<Frozen>, [_, result]: [Precision; 2]) -> FlexTensor {
        forward(&x, &weights, result, |_| ())
    }
}

#[derive(Debug)]
struct GateBackward;

impl Backward<Flex, 1> for GateBackward {
    /// What lies between is kept in the pieces in which it came: buffers of a few megabytes find room between others, and each
    /// is free as soon as it was used.
    type State = (Arc<Frozen>, Vec<Activation>);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let (weights, pieces) = ops.state;
        let ([rows, features], [both, inputs, _]) = (dy.shape().dims(), weights.sizes());
        let mut first = 0;
        let mut dx = Vec::with_capacity(rows * inputs);
        with_view(&dy, |dy| {
            for between in pieces {
                let count = between.len() / both;
                let dy = dy.part(first * features, count * features);
                let slopes = geglu::backward(Level::best(), between.view(), dy, features);
                drop(between);
                first += count;
                let slopes = activation_tensor(slopes, [count, both]);
                with_rows(&slopes, None, weights.packed.takes_halves(), |slopes| {
                    linear::input_gradient_onto(&weights.packed, slopes, &mut dx);
                });
            }
        });
        grads.register::<Flex>(node.id, tensor(dx, [rows, inputs]));
    }
}

impl<C: CheckpointStrategy> GateOps for Autodiff<Flex, C> {
    fn frozen_gate(
        x: FloatTensor<Self>,
        weights: Arc<Frozen>,
        [precision, result]: [Precision; 2],
    ) -> FloatTensor<Self> {
        let is_tracked = x.is_tracked();
        let mut pieces = Vec::new();
        let y = forward(x.primitive(), &weights, result, |piece| {
            if is_tracked {
                pieces.push(match precision {
                    Precision::Exact => Activation::Exact(piece),
                    Precision::Rounded => Activation::Rounded(kept::rounded(Level::best(), &piece)),
                });
            }
        });
        finish!(GateBackward, [x.node()], y, (weights, pieces))
    }
}

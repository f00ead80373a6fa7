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
use super::{Kept, activation_tensor, finish, tensor, with_view};

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

/// The result; `see` is shown what lies between map and gate, piece by piece.
fn forward(
    x: &FlexTensor,
    weights: &Frozen,
    result: Precision,
    mut see: impl FnMut(&[f32]),
) -> FlexTensor {
    let ([rows, _], [both, _, _]) = (x.shape().dims(), weights.sizes());
    let mut y = Activation::with_room(rows * both / 2, result);
    with_rows(x, None, weights.packed.takes_halves(), |x| {
        for x in x.parts(rows_at_once(both)) {
            let between = linear::forward(&weights.packed, x, weights.bias.as_deref());
            see(&between);
            geglu::forward_onto(Level::best(), &between, both / 2, &mut y);
        }
    });
    activation_tensor(y, [rows, both / 2])
}

impl GateOps for Flex {
    fn frozen_gate(x: FlexTensor, weights: Arc<Frozen>, [_, result]: [Precision; 2]) -> FlexTensor {
        forward(&x, &weights, result, |_| ())
    }
}

/// What is kept of what lies between, as it comes.
enum Pieces {
    Exact(Vec<f32>),
    Rounded(Vec<u16>),
}

impl Pieces {
    fn with_room(values: usize, precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact(Vec::with_capacity(values)),
            Precision::Rounded => Self::Rounded(Vec::with_capacity(values)),
        }
    }

    fn push(&mut self, piece: &[f32]) {
        match self {
            Self::Exact(values) => values.extend_from_slice(piece),
            Self::Rounded(halves) => kept::round_onto(Level::best(), piece, halves),
        }
    }

    fn finish(self) -> Kept {
        match self {
            Self::Exact(values) => {
                let count = values.len();
                Kept::Exact(tensor(values, [count]))
            }
            Self::Rounded(halves) => Kept::Rounded(halves.into()),
        }
    }
}

#[derive(Debug)]
struct GateBackward;

impl Backward<Flex, 1> for GateBackward {
    type State = (Arc<Frozen>, Kept);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let (weights, between) = ops.state;
        let ([rows, features], [both, inputs, _]) = (dy.shape().dims(), weights.sizes());
        let at_once = rows_at_once(both);
        let mut dx = Vec::with_capacity(rows * inputs);
        with_view(&dy, |dy| {
            between.with_view(|between| {
                for first in (0..rows).step_by(at_once) {
                    let count = at_once.min(rows - first);
                    let between = between.part(first * both, count * both);
                    let dy = dy.part(first * features, count * features);
                    let slopes = geglu::backward(Level::best(), between, dy, features);
                    let slopes = activation_tensor(slopes, [count, both]);
                    with_rows(&slopes, None, weights.packed.takes_halves(), |slopes| {
                        linear::input_gradient_onto(&weights.packed, slopes, &mut dx);
                    });
                }
            });
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
        let ([rows, _], [both, _, _]) = (x.primitive().shape().dims(), weights.sizes());
        let room = if x.is_tracked() { rows * both } else { 0 };
        let mut pieces = Pieces::with_room(room, precision);
        let y = forward(x.primitive(), &weights, result, |piece| {
            if room > 0 {
                pieces.push(piece);
            }
        });
        finish!(GateBackward, [x.node()], y, (weights, pieces.finish()))
    }
}

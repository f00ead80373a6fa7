//! Linear maps: with frozen weights, which keep nothing for their backward pass, and with weights that are trained.

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
use super::super::pointwise::channels;
use super::super::pointwise::kept::Precision;
use super::super::product::{Format, Packed, linear, outer};
use super::super::weights::Frozen;
use super::held::{Held, Slot, keep, kept, with_kept_rows, with_rows};
use super::{activation_tensor, finish, tensor, with_values};

/// Linear maps as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait LinearOps: Backend {
    /// `x [rows, in]` times frozen weights, `precision` telling how result and gradient are written. What products read of
    /// `x` lies in `copy`, where there is one.
    fn frozen_linear(
        x: FloatTensor<Self>,
        weights: Arc<Frozen>,
        copy: Option<Slot>,
        precision: [Precision; 2],
    ) -> FloatTensor<Self>;
    /// `x [rows, in]` times the transpose of `weight [out, in]`, whose gradient may be wanted. What products read of `x`, in
    /// both passes, lies in `copy`.
    fn trained_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        format: Format,
        copy: Slot,
    ) -> FloatTensor<Self>;
    /// `x [rows, c]` plus `bias [c]`, whose gradient may be wanted.
    fn trained_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// [`LinearOps::frozen_linear`] on tensors.
pub(crate) fn frozen(x: Held<2>, weights: Arc<Frozen>, result: Precision) -> Tensor<2> {
    let precision = [result, x.slope()];
    let (x, copy) = x.into_parts();
    let y = Dispatch::frozen_linear(x.into_dispatch(), weights, copy, precision);
    Tensor::from_dispatch(y)
}

/// [`LinearOps::trained_linear`] on tensors, with bias.
pub(crate) fn trained(
    x: Held<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    format: Format,
) -> Tensor<2> {
    let (x, copy) = x.into_parts();
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    let y = Dispatch::trained_linear(x, weight, format, copy.unwrap_or_default());
    let y = Tensor::from_dispatch(y);
    match bias {
        Some(bias) => add_bias(y, bias),
        None => y,
    }
}

/// [`LinearOps::trained_bias`] on tensors.
pub(crate) fn add_bias(x: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::trained_bias(
        x.into_dispatch(),
        bias.into_dispatch(),
    ))
}

fn forward(
    x: &FlexTensor,
    weights: &Packed,
    bias: Option<&[f32]>,
    copy: Option<&Slot>,
    precision: Precision,
) -> FlexTensor {
    let [rows, _] = x.shape().dims();
    let values = with_rows(x, copy, weights.takes_halves(), |x| {
        linear::forward_sum(&[(weights, x)], bias, precision)
    });
    activation_tensor(values, [rows, weights.columns()])
}

fn input_gradient(dy: &FlexTensor, weights: &Packed, precision: Precision) -> FlexTensor {
    let [rows, _] = dy.shape().dims();
    let values = with_rows(dy, None, weights.takes_halves(), |dy| {
        linear::input_gradient_sum(&[(weights, dy)], precision)
    });
    activation_tensor(values, [rows, weights.depth()])
}

/// Weights that change with every step, packed for one pass.
fn packed(weight: &FlexTensor, format: Format) -> Packed {
    let [outputs, inputs] = weight.shape().dims();
    with_values(weight, |weight| {
        Packed::new(Level::best(), format, weight, [outputs, inputs, 1])
    })
}

fn shifted(x: FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let [_, columns] = x.shape().dims();
    with_values(bias, |bias| {
        super::change(x, |x| channels::shift(Level::best(), x, bias, columns))
    })
}

impl LinearOps for Flex {
    fn frozen_linear(
        x: FlexTensor,
        weights: Arc<Frozen>,
        copy: Option<Slot>,
        [result, _]: [Precision; 2],
    ) -> FlexTensor {
        let (packed, bias) = (&weights.packed, weights.bias.as_deref());
        forward(&x, packed, bias, copy.as_ref(), result)
    }

    fn trained_linear(x: FlexTensor, weight: FlexTensor, format: Format, copy: Slot) -> FlexTensor {
        let weight = packed(&weight, format);
        forward(&x, &weight, None, Some(&copy), Precision::Exact)
    }

    fn trained_bias(x: FlexTensor, bias: FlexTensor) -> FlexTensor {
        shifted(x, &bias)
    }
}

#[derive(Debug)]
struct FrozenBackward;

impl Backward<Flex, 1> for FrozenBackward {
    type State = (Arc<Frozen>, Precision);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        if let [Some(node)] = ops.parents {
            let (weights, slope) = ops.state;
            grads.register::<Flex>(node.id, input_gradient(&dy, &weights.packed, slope));
        }
    }
}

#[derive(Debug)]
struct TrainedBackward;

/// What a trained map keeps: its input, as products read it, where the weight's gradient is wanted, and its packed weight where
/// the input's is.
#[derive(Debug, Clone)]
struct TrainedState {
    format: Format,
    inputs: usize,
    x: Option<Slot>,
    weight: Option<Arc<Packed>>,
}

impl Backward<Flex, 2> for TrainedBackward {
    type State = TrainedState;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [_, outputs] = dy.shape().dims();
        let [x_node, weight_node] = ops.parents;
        let (format, inputs) = (ops.state.format, ops.state.inputs);
        with_rows(&dy, None, format.takes_halves(), |dy| {
            if let (Some(node), Some(weight)) = (x_node, &ops.state.weight) {
                let values = linear::input_gradient_sum(&[(weight, dy)], Precision::Exact);
                let dx = activation_tensor(values, [dy.count(), weight.depth()]);
                grads.register::<Flex>(node.id, dx);
            }
            if let (Some(node), Some(x)) = (weight_node, &ops.state.x) {
                let level = Level::best();
                let values = with_kept_rows(kept(x), inputs, |x| {
                    outer::weight_gradient(level, format.of_sums(level), dy, x)
                });
                grads.register::<Flex>(node.id, tensor(values, [outputs, inputs]));
            }
        });
    }
}

#[derive(Debug)]
struct BiasBackward;

impl Backward<Flex, 2> for BiasBackward {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [_, columns] = dy.shape().dims();
        let [x_node, bias_node] = ops.parents;
        if let Some(node) = bias_node {
            let sums = with_values(&dy, |dy| {
                channels::shift_gradient(Level::best(), dy, 1, columns)
            });
            grads.register::<Flex>(node.id, tensor(sums, [columns]));
        }
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, dy);
        }
    }
}

impl<C: CheckpointStrategy> LinearOps for Autodiff<Flex, C> {
    fn frozen_linear(
        x: FloatTensor<Self>,
        weights: Arc<Frozen>,
        copy: Option<Slot>,
        precision: [Precision; 2],
    ) -> FloatTensor<Self> {
        let y = Flex::frozen_linear(x.primitive().clone(), weights.clone(), copy, precision);
        finish!(FrozenBackward, [x.node()], y, (weights, precision[1]))
    }

    fn trained_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        format: Format,
        copy: Slot,
    ) -> FloatTensor<Self> {
        let packed = Arc::new(packed(weight.primitive(), format));
        let y = forward(x.primitive(), &packed, None, Some(&copy), Precision::Exact);
        let state = TrainedState {
            format,
            inputs: packed.depth(),
            x: weight
                .is_tracked()
                .then(|| keep(&copy, x.primitive(), Precision::Exact)),
            weight: x.is_tracked().then_some(packed),
        };
        finish!(TrainedBackward, [x.node(), weight.node()], y, state)
    }

    fn trained_bias(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node(), bias.node()];
        let y = shifted(x.into_primitive(), bias.primitive());
        finish!(BiasBackward, nodes, y, ())
    }
}

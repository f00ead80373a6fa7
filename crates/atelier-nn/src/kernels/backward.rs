//! The kernels as differentiable operations: what each keeps for its backward pass, and that pass.

use super::activation::{self, Curve};
use super::conv2d;
use super::conv2d_weight;
use super::group_norm::{self, Moments, Norm};
use super::linear;
use super::ops::{
    KernelOps, activation_forward, conv_forward, conv_shape, linear_forward, linear_shape,
    norm_forward, norm_of, tensor, with_values,
};
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::TensorData;

/// The sizes of an operation with input, weight and perhaps bias, and the operands that a tracked parent asks for.
#[derive(Clone, Debug)]
struct Weighted<S> {
    shape: S,
    x: Option<NodeId>,
    weight: Option<NodeId>,
}

/// An operand as the forward pass saw it.
fn operand(checkpointer: &mut Checkpointer, id: Option<NodeId>) -> Option<FlexTensor> {
    id.map(|id| checkpointer.retrieve_node_output::<FlexTensor>(id))
}

/// Backward pass of a convolution with `N` parents: input, weight and, for three, bias.
#[derive(Debug)]
struct ConvBackward;

impl<const N: usize> Backward<Flex, N> for ConvBackward {
    type State = Weighted<conv2d::Shape>;

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let slopes = grads.consume::<Flex>(&ops.node).to_contiguous();
        let Weighted { shape, x, weight } = ops.state;
        let (x, weight) = (operand(checkpointer, x), operand(checkpointer, weight));
        let mut parents = ops.parents.into_iter();
        let mut next = || parents.next().flatten();
        if let (Some(node), Some(weight)) = (next(), weight) {
            let run = |dy: &[f32]| {
                with_values(&weight, |weight| conv2d::input_gradient(&shape, dy, weight))
            };
            let dx = tensor(
                with_values(&slopes, run),
                [shape.batch, shape.input, shape.height, shape.width],
            );
            grads.register::<Flex>(node.id, dx);
        }
        if let (Some(node), Some(x)) = (next(), x) {
            let run =
                |dy: &[f32]| with_values(&x, |x| conv2d_weight::weight_gradient(&shape, x, dy));
            let dw = tensor(
                with_values(&slopes, run),
                [shape.output, shape.input, shape.kernel, shape.kernel],
            );
            grads.register::<Flex>(node.id, dw);
        }
        if let Some(node) = next() {
            let values = with_values(&slopes, |dy| conv2d::bias_gradient(&shape, dy));
            grads.register::<Flex>(node.id, tensor(values, [shape.output]));
        }
    }
}

/// Backward pass of a linear map with `N` parents: input, weight and, for three, bias.
#[derive(Debug)]
struct LinearBackward;

impl<const N: usize> Backward<Flex, N> for LinearBackward {
    type State = Weighted<linear::Shape>;

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let slopes = grads.consume::<Flex>(&ops.node).to_contiguous();
        let Weighted { shape, x, weight } = ops.state;
        let (x, weight) = (operand(checkpointer, x), operand(checkpointer, weight));
        let mut parents = ops.parents.into_iter();
        let mut next = || parents.next().flatten();
        if let (Some(node), Some(weight)) = (next(), weight) {
            let run = |dy: &[f32]| {
                with_values(&weight, |weight| linear::input_gradient(&shape, dy, weight))
            };
            grads.register::<Flex>(
                node.id,
                tensor(with_values(&slopes, run), [shape.rows, shape.input]),
            );
        }
        if let (Some(node), Some(x)) = (next(), x) {
            let run = |dy: &[f32]| with_values(&x, |x| linear::weight_gradient(&shape, x, dy));
            grads.register::<Flex>(
                node.id,
                tensor(with_values(&slopes, run), [shape.output, shape.input]),
            );
        }
        if let Some(node) = next() {
            let values = with_values(&slopes, |dy| linear::bias_gradient(&shape, dy));
            grads.register::<Flex>(node.id, tensor(values, [shape.output]));
        }
    }
}

/// What a normalisation keeps: its operands and the moments of every group.
#[derive(Clone, Debug)]
struct NormState {
    norm: Norm,
    operands: [NodeId; 3],
    moments: Moments,
}

/// Backward pass of a group normalisation.
#[derive(Debug)]
struct NormBackward;

impl Backward<Flex, 3> for NormBackward {
    type State = NormState;

    fn backward(
        self,
        ops: Ops<NormState, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let slopes = grads.consume::<Flex>(&ops.node).to_contiguous();
        let NormState {
            norm,
            operands,
            moments,
        } = ops.state;
        let [x, gamma, beta] =
            operands.map(|id| checkpointer.retrieve_node_output::<FlexTensor>(id));
        let shape = x.shape().dims::<4>();
        let run = |x: &[f32], factors: [&[f32]; 2], dy: &[f32]| {
            group_norm::backward(&norm, x, factors, &moments, dy)
        };
        let got = with_values(&gamma, |gamma| {
            with_values(&beta, |beta| {
                with_values(&x, |x| with_values(&slopes, |dy| run(x, [gamma, beta], dy)))
            })
        });
        let [node_x, node_gamma, node_beta] = ops.parents;
        if let Some(node) = node_x {
            grads.register::<Flex>(node.id, tensor(got.x, shape));
        }
        if let Some(node) = node_gamma {
            grads.register::<Flex>(node.id, tensor(got.gamma, [norm.channels]));
        }
        if let Some(node) = node_beta {
            grads.register::<Flex>(node.id, tensor(got.beta, [norm.channels]));
        }
    }
}

/// Backward pass of an activation function.
#[derive(Debug)]
struct ActivationBackward;

impl Backward<Flex, 1> for ActivationBackward {
    type State = (NodeId, Curve);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let slopes = grads.consume::<Flex>(&ops.node).to_contiguous();
        let (x, curve) = ops.state;
        let x = checkpointer.retrieve_node_output::<FlexTensor>(x);
        let [node] = ops.parents;
        if let Some(node) = node {
            let values = with_values(&x, |x| {
                with_values(&slopes, |dy| activation::backward(curve, x, dy))
            });
            grads.register::<Flex>(
                node.id,
                FlexTensor::from_data(TensorData::new(values, x.shape())),
            );
        }
    }
}

/// Runs an operation with weights, keeping its operands where a gradient will need them.
macro_rules! weighted {
    ($backward:ident, [$x:ident, $weight:ident $(, $bias:ident)?], $shape:expr, $output:expr) => {{
        let (x_tracked, weight_tracked) = ($x.is_tracked(), $weight.is_tracked());
        let nodes = [$x.node(), $weight.node() $(, $bias.node())?];
        match $backward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = Weighted {
                    shape: $shape,
                    x: weight_tracked.then(|| prep.checkpoint(&$x)),
                    weight: x_tracked.then(|| prep.checkpoint(&$weight)),
                };
                prep.finish(state, $output)
            }
            OpsKind::UnTracked(prep) => prep.finish($output),
        }
    }};
}

impl<C: CheckpointStrategy> KernelOps for Autodiff<Flex, C> {
    fn fast_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        weighted!(
            ConvBackward,
            [x, weight],
            conv_shape(x.primitive(), weight.primitive(), stride, padding),
            conv_forward(x.primitive(), weight.primitive(), None, stride, padding)
        )
    }

    fn fast_conv2d_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        weighted!(
            ConvBackward,
            [x, weight, bias],
            conv_shape(x.primitive(), weight.primitive(), stride, padding),
            conv_forward(
                x.primitive(),
                weight.primitive(),
                Some(bias.primitive()),
                stride,
                padding
            )
        )
    }

    fn fast_group_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        groups: usize,
        eps: f32,
        silu: bool,
    ) -> FloatTensor<Self> {
        let norm = norm_of(x.primitive(), groups, eps, silu);
        let (y, moments) = norm_forward(&norm, x.primitive(), gamma.primitive(), beta.primitive());
        let nodes = [x.node(), gamma.node(), beta.node()];
        match NormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let operands = [
                    prep.checkpoint(&x),
                    prep.checkpoint(&gamma),
                    prep.checkpoint(&beta),
                ];
                prep.finish(
                    NormState {
                        norm,
                        operands,
                        moments,
                    },
                    y,
                )
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fast_linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        weighted!(
            LinearBackward,
            [x, weight],
            linear_shape(x.primitive(), weight.primitive()),
            linear_forward(x.primitive(), weight.primitive(), None)
        )
    }

    fn fast_linear_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        weighted!(
            LinearBackward,
            [x, weight, bias],
            linear_shape(x.primitive(), weight.primitive()),
            linear_forward(x.primitive(), weight.primitive(), Some(bias.primitive()))
        )
    }

    fn fast_activation(x: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
        let y = activation_forward(x.primitive(), curve);
        match ActivationBackward
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), curve);
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}

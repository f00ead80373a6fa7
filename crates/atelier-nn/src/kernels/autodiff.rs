//! The kernels as operations of the tensor library: dispatch to the CPU backend, and the backward passes.

use super::conv2d::{self, Shape};
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor, TensorData};

/// The fast operations a backend can supply.
#[backend_extension(Autodiff, Flex)]
pub trait KernelOps: Backend {
    /// Convolution without bias.
    fn fast_conv2d(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize, padding: usize) -> FloatTensor<Self>;
    /// Convolution with bias.
    fn fast_conv2d_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
}

fn is_f32<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32
}

/// Whether the kernels do this convolution.
pub(super) fn covers_conv2d(x: &Tensor<4>, weight: &Tensor<4>, bias: Option<&Tensor<1>>, stride: usize, padding: usize) -> bool {
    let ([batch, channels, height, width], [output, input, kernel, across]) = (x.dims(), weight.dims());
    let small = kernel == across && (kernel == 1 || kernel == 3) && (stride == 1 || stride == 2) && padding < kernel;
    let filled = batch > 0 && output > 0 && channels > 0 && channels == input && height.min(width) + 2 * padding >= kernel;
    small && filled && is_f32(x) && is_f32(weight) && bias.is_none_or(|bias| is_f32(bias) && bias.dims() == [output])
}

/// [`super::conv2d`] for inputs that the kernels cover.
pub(super) fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(match bias {
        Some(bias) => Dispatch::fast_conv2d_bias(x, weight, bias.into_dispatch(), stride, padding),
        None => Dispatch::fast_conv2d(x, weight, stride, padding),
    })
}

/// Runs `f` on the values of `tensor` in row-major order.
fn with_values<R>(tensor: &FlexTensor, f: impl FnOnce(&[f32]) -> R) -> R {
    if let Some(values) = tensor.as_slice::<f32>() {
        return f(values);
    }
    let contiguous = tensor.to_contiguous();
    f(&contiguous.storage::<f32>()[..contiguous.layout().num_elements()])
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn conv_shape(x: &FlexTensor, weight: &FlexTensor, stride: usize, padding: usize) -> Shape {
    let ([batch, input, height, width], [output, _, kernel, _]) = (x.shape().dims(), weight.shape().dims());
    Shape { batch, input, output, height, width, kernel, stride, padding }
}

fn conv_forward(x: &FlexTensor, weight: &FlexTensor, bias: Option<&FlexTensor>, stride: usize, padding: usize) -> FlexTensor {
    let shape = conv_shape(x, weight, stride, padding);
    let [height, width] = shape.grid();
    let values = with_values(x, |x| {
        with_values(weight, |weight| match bias {
            Some(bias) => with_values(bias, |bias| conv2d::forward(&shape, x, weight, Some(bias))),
            None => conv2d::forward(&shape, x, weight, None),
        })
    });
    tensor(values, [shape.batch, shape.output, height, width])
}

impl KernelOps for Flex {
    fn fast_conv2d(x: FlexTensor, weight: FlexTensor, stride: usize, padding: usize) -> FlexTensor {
        conv_forward(&x, &weight, None, stride, padding)
    }

    fn fast_conv2d_bias(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, stride: usize, padding: usize) -> FlexTensor {
        conv_forward(&x, &weight, Some(&bias), stride, padding)
    }
}

/// What the backward pass of a convolution needs: its sizes, and the operands that a tracked parent asks for.
#[derive(Clone, Debug)]
struct ConvState {
    shape: Shape,
    x: Option<NodeId>,
    weight: Option<NodeId>,
}

/// Backward pass of a convolution with `N` parents: input, weight and, for three, bias.
#[derive(Debug)]
struct ConvBackward;

impl<const N: usize> Backward<Flex, N> for ConvBackward {
    type State = ConvState;

    fn backward(self, ops: Ops<ConvState, N>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let slopes = grads.consume::<Flex>(&ops.node);
        let ConvState { shape, x, weight } = ops.state;
        let x = x.map(|id| checkpointer.retrieve_node_output::<FlexTensor>(id));
        let weight = weight.map(|id| checkpointer.retrieve_node_output::<FlexTensor>(id));
        let mut parents = ops.parents.into_iter();
        let mut next = || parents.next().flatten();
        if let (Some(node), Some(weight)) = (next(), weight) {
            let values = with_values(&slopes, |dy| with_values(&weight, |weight| conv2d::input_gradient(&shape, dy, weight)));
            grads.register::<Flex>(node.id, tensor(values, [shape.batch, shape.input, shape.height, shape.width]));
        }
        if let (Some(node), Some(x)) = (next(), x) {
            let values = with_values(&slopes, |dy| with_values(&x, |x| conv2d::weight_gradient(&shape, x, dy)));
            grads.register::<Flex>(node.id, tensor(values, [shape.output, shape.input, shape.kernel, shape.kernel]));
        }
        if let Some(node) = next() {
            let values = with_values(&slopes, |dy| conv2d::bias_gradient(&shape, dy));
            grads.register::<Flex>(node.id, tensor(values, [shape.output]));
        }
    }
}

impl<C: CheckpointStrategy> KernelOps for Autodiff<Flex, C> {
    fn fast_conv2d(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize, padding: usize) -> FloatTensor<Self> {
        let shape = conv_shape(x.primitive(), weight.primitive(), stride, padding);
        let (x_tracked, weight_tracked) = (x.is_tracked(), weight.is_tracked());
        match ConvBackward.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = ConvState {
                    shape,
                    x: weight_tracked.then(|| prep.checkpoint(&x)),
                    weight: x_tracked.then(|| prep.checkpoint(&weight)),
                };
                prep.finish(state, conv_forward(x.primitive(), weight.primitive(), None, stride, padding))
            }
            OpsKind::UnTracked(prep) => prep.finish(conv_forward(x.primitive(), weight.primitive(), None, stride, padding)),
        }
    }

    fn fast_conv2d_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let shape = conv_shape(x.primitive(), weight.primitive(), stride, padding);
        let (x_tracked, weight_tracked) = (x.is_tracked(), weight.is_tracked());
        let prep = ConvBackward.prepare::<C>([x.node(), weight.node(), bias.node()]).compute_bound().stateful();
        let run = || conv_forward(x.primitive(), weight.primitive(), Some(bias.primitive()), stride, padding);
        match prep {
            OpsKind::Tracked(mut prep) => {
                let state = ConvState {
                    shape,
                    x: weight_tracked.then(|| prep.checkpoint(&x)),
                    weight: x_tracked.then(|| prep.checkpoint(&weight)),
                };
                prep.finish(state, run())
            }
            OpsKind::UnTracked(prep) => prep.finish(run()),
        }
    }
}

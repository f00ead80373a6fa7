//! 3×3 convolutions of channels-last pictures: with frozen weights, which keep nothing for their backward pass, and with
//! weights that are trained.

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
use super::super::product::{ConvSizes, Format, Packed, conv};
use super::super::weights::Frozen;
use super::{finish, tensor, with_values, with_view};

/// Convolutions as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait ConvOps: Backend {
    /// `x [b, h, w, in]` with frozen weights.
    fn frozen_conv2d(
        x: FloatTensor<Self>,
        weights: Arc<Frozen>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
    /// `x [b, h, w, in]` with `weight [out, in, 3, 3]`, whose gradient may be wanted.
    fn trained_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        format: Format,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
}

/// [`ConvOps::frozen_conv2d`] on tensors.
pub(crate) fn frozen(
    x_bhwc: Tensor<4>,
    weights: Arc<Frozen>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let x = x_bhwc.into_dispatch();
    Tensor::from_dispatch(Dispatch::frozen_conv2d(x, weights, stride, padding))
}

/// [`ConvOps::trained_conv2d`] on tensors.
pub(crate) fn trained(
    x_bhwc: Tensor<4>,
    weight_oihw: Tensor<4>,
    format: Format,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let (x, weight) = (x_bhwc.into_dispatch(), weight_oihw.into_dispatch());
    Tensor::from_dispatch(Dispatch::trained_conv2d(x, weight, format, stride, padding))
}

fn sizes_of(x: &FlexTensor, stride: usize, padding: usize) -> ConvSizes {
    let [batch, height, width, _] = x.shape().dims();
    ConvSizes {
        batch,
        height,
        width,
        stride,
        padding,
    }
}

fn forward(
    x: &FlexTensor,
    sizes: &ConvSizes,
    weights: &Packed,
    bias: Option<&[f32]>,
) -> FlexTensor {
    let [height, width] = sizes.output();
    let values = with_view(x, |x| conv::forward(weights, sizes, x, bias));
    tensor(values, [sizes.batch, height, width, weights.columns()])
}

fn input_gradient(dy: &FlexTensor, sizes: &ConvSizes, weights: &Packed) -> FlexTensor {
    let values = with_values(dy, |dy| conv::input_gradient(weights, sizes, dy));
    tensor(
        values,
        [sizes.batch, sizes.height, sizes.width, weights.depth()],
    )
}

fn packed(weight: &FlexTensor, format: Format) -> Packed {
    let [outputs, inputs, height, width] = weight.shape().dims();
    with_values(weight, |weight| {
        Packed::new(
            Level::best(),
            format,
            weight,
            [outputs, inputs, height * width],
        )
    })
}

impl ConvOps for Flex {
    fn frozen_conv2d(
        x: FlexTensor,
        weights: Arc<Frozen>,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        let sizes = sizes_of(&x, stride, padding);
        forward(&x, &sizes, &weights.packed, weights.bias.as_deref())
    }

    fn trained_conv2d(
        x: FlexTensor,
        weight: FlexTensor,
        format: Format,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        let sizes = sizes_of(&x, stride, padding);
        forward(&x, &sizes, &packed(&weight, format), None)
    }
}

#[derive(Debug)]
struct FrozenBackward;

impl Backward<Flex, 1> for FrozenBackward {
    type State = (Arc<Frozen>, ConvSizes);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let (weights, sizes) = &ops.state;
        if let [Some(node)] = ops.parents {
            grads.register::<Flex>(node.id, input_gradient(&dy, sizes, &weights.packed));
        }
    }
}

/// What a trained convolution keeps: its input where the weight's gradient is wanted, and its packed weight where the
/// input's is.
#[derive(Debug, Clone)]
struct TrainedState {
    format: Format,
    sizes: ConvSizes,
    x: Option<FlexTensor>,
    weight: Option<Arc<Packed>>,
}

#[derive(Debug)]
struct TrainedBackward;

impl Backward<Flex, 2> for TrainedBackward {
    type State = TrainedState;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let TrainedState {
            format,
            sizes,
            x,
            weight,
        } = &ops.state;
        let [x_node, weight_node] = ops.parents;
        if let (Some(node), Some(weight)) = (x_node, weight) {
            grads.register::<Flex>(node.id, input_gradient(&dy, sizes, weight));
        }
        if let (Some(node), Some(x)) = (weight_node, x) {
            let ([_, _, _, outputs], [_, _, _, inputs]) = (dy.shape().dims(), x.shape().dims());
            let level = Level::best();
            let format = format.of_sums(level);
            let values = with_values(&dy, |dy| {
                with_view(x, |x| conv::weight_gradient(level, format, sizes, x, dy))
            });
            grads.register::<Flex>(node.id, tensor(values, [outputs, inputs, 3, 3]));
        }
    }
}

impl<C: CheckpointStrategy> ConvOps for Autodiff<Flex, C> {
    fn frozen_conv2d(
        x: FloatTensor<Self>,
        weights: Arc<Frozen>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let sizes = sizes_of(x.primitive(), stride, padding);
        let y = Flex::frozen_conv2d(x.primitive().clone(), weights.clone(), stride, padding);
        finish!(FrozenBackward, [x.node()], y, (weights, sizes))
    }

    fn trained_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        format: Format,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let sizes = sizes_of(x.primitive(), stride, padding);
        let packed = Arc::new(packed(weight.primitive(), format));
        let y = forward(x.primitive(), &sizes, &packed, None);
        let state = TrainedState {
            format,
            sizes,
            x: weight.is_tracked().then(|| x.primitive().clone()),
            weight: x.is_tracked().then_some(packed),
        };
        finish!(TrainedBackward, [x.node(), weight.node()], y, state)
    }
}

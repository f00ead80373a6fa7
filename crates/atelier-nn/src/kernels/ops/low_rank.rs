//! What a low-rank adapter adds to the output of a linear map (Hu et al. 2021), in one pass over the output.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::super::level::Level;
use super::super::pointwise::adamw;
use super::super::pointwise::kept::Precision;
use super::super::product::{Format, Packed, linear, outer};
use super::held::{Held, Slot, keep, kept};
use super::{change, finish, takes_halves, tensor, with_values};

/// Low-rank sums as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait LowRankOps: Backend {
    /// `y [rows, out] + scale · (x [rows, in] · down [rank, in]ᵀ) · up [out, rank]ᵀ`. What is kept of `x` for the backward
    /// pass lies in `copy`.
    fn add_low_rank(
        y: FloatTensor<Self>,
        x: FloatTensor<Self>,
        down: FloatTensor<Self>,
        up: FloatTensor<Self>,
        scale: f32,
        precision: Precision,
        copy: Slot,
    ) -> FloatTensor<Self>;
}

/// [`LowRankOps::add_low_rank`] on tensors.
pub(crate) fn add(
    y: Tensor<2>,
    x: Held<2>,
    [down, up]: [Tensor<2>; 2],
    scale: f32,
    precision: Precision,
) -> Tensor<2> {
    let (x, copy) = x.into_parts();
    let [y, x, down, up] = [y, x, down, up].map(Tensor::into_dispatch);
    let sum = Dispatch::add_low_rank(y, x, down, up, scale, precision, copy);
    Tensor::from_dispatch(sum)
}

/// The numbers of products.
fn format_of(precision: Precision) -> Format {
    if takes_halves(precision) {
        Format::Bf16
    } else {
        Format::F32
    }
}

/// Factors are small and change with every step; they are packed for one pass.
fn packed(factor: &FlexTensor, scale: f32, format: Format) -> Packed {
    let [rows, columns] = factor.shape().dims();
    with_values(factor, |values| {
        let scaled: Vec<f32> = values.iter().map(|value| value * scale).collect();
        Packed::new(Level::best(), format, &scaled, [rows, columns, 1])
    })
}

/// The sum, and `x · downᵀ`.
fn forward(
    y: FlexTensor,
    x: &FlexTensor,
    down: &FlexTensor,
    up: &FlexTensor,
    scale: f32,
    format: Format,
) -> (FlexTensor, Vec<f32>) {
    let low = with_values(x, |x| linear::forward(&packed(down, 1.0, format), x, None));
    let y = change(y, |y| {
        linear::add_forward(&packed(up, scale, format), &low, y);
    });
    (y, low)
}

impl LowRankOps for Flex {
    fn add_low_rank(
        y: FlexTensor,
        x: FlexTensor,
        down: FlexTensor,
        up: FlexTensor,
        scale: f32,
        precision: Precision,
        _copy: Slot,
    ) -> FlexTensor {
        forward(y, &x, &down, &up, scale, format_of(precision)).0
    }
}

/// What the backward pass needs: the input and its product with the first factor are small or shared.
#[derive(Debug, Clone)]
struct State {
    x: Slot,
    low: Vec<f32>,
    down: FlexTensor,
    up: FlexTensor,
    scale: f32,
    format: Format,
}

#[derive(Debug)]
struct LowRankBackward;

impl Backward<Flex, 4> for LowRankBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 4>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let State {
            x,
            low,
            down,
            up,
            scale,
            format,
        } = ops.state;
        let level = Level::best();
        let ([rank, inputs], [outputs, _]) = (down.shape().dims(), up.shape().dims());
        let [y_node, x_node, down_node, up_node] = ops.parents;
        let slope = with_values(&dy, |dy| {
            linear::input_gradient(&packed(&up, scale, format), dy)
        });
        if let Some(node) = up_node {
            let mut values = with_values(&dy, |dy| {
                outer::weight_gradient(level, format, dy, &low, outputs)
            });
            adamw::scale(level, &mut values, scale);
            grads.register::<Flex>(node.id, tensor(values, [outputs, rank]));
        }
        if let Some(node) = down_node {
            let values =
                kept(&x).with_values(|x| outer::weight_gradient(level, format, &slope, x, rank));
            grads.register::<Flex>(node.id, tensor(values, [rank, inputs]));
        }
        if let Some(node) = x_node {
            let rows = slope.len() / rank.max(1);
            let values = linear::input_gradient(&packed(&down, 1.0, format), &slope);
            grads.register::<Flex>(node.id, tensor(values, [rows, inputs]));
        }
        if let Some(node) = y_node {
            grads.register::<Flex>(node.id, dy);
        }
    }
}

impl<C: CheckpointStrategy> LowRankOps for Autodiff<Flex, C> {
    fn add_low_rank(
        y: FloatTensor<Self>,
        x: FloatTensor<Self>,
        down: FloatTensor<Self>,
        up: FloatTensor<Self>,
        scale: f32,
        precision: Precision,
        copy: Slot,
    ) -> FloatTensor<Self> {
        let nodes = [y.node(), x.node(), down.node(), up.node()];
        let (x, down, up) = (
            x.primitive().clone(),
            down.primitive().clone(),
            up.primitive().clone(),
        );
        let format = format_of(precision);
        let (sum, low) = forward(y.into_primitive(), &x, &down, &up, scale, format);
        finish!(
            LowRankBackward,
            nodes,
            sum,
            State {
                x: keep(&copy, &x, precision),
                low,
                down,
                up,
                scale,
                format,
            }
        )
    }
}

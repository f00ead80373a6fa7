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
use super::super::product::{Format, HalfRows, Operand, Packed, linear, outer};
use super::held::{Held, KeptTensor, Slot, keep, kept, with_kept_rows, with_rows};
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
    let copy = copy.unwrap_or_default();
    let [y, x, down, up] = [y, x, down, up].map(Tensor::into_dispatch);
    let sum = Dispatch::add_low_rank(y, x, down, up, scale, precision, copy);
    Tensor::from_dispatch(sum)
}

/// The factors of an adapter, in a pass.
#[derive(Debug, Clone)]
pub(super) struct Factors {
    /// `[rank, in]`.
    pub(super) down: FlexTensor,
    /// `[out, rank]`.
    pub(super) up: FlexTensor,
    pub(super) scale: f32,
    /// The numbers of products.
    pub(super) format: Format,
}

impl Factors {
    pub(super) fn new([down, up]: [&FlexTensor; 2], scale: f32, precision: Precision) -> Self {
        Self {
            down: down.clone(),
            up: up.clone(),
            scale,
            format: if takes_halves(precision) {
                Format::Bf16
            } else {
                Format::F32
            },
        }
    }

    /// The first factor, packed. Factors are small and change with every step, so that they are packed for one pass.
    pub(super) fn packed_down(&self) -> Packed {
        packed(&self.down, 1.0, self.format)
    }

    /// The second factor times the scale, packed.
    pub(super) fn packed_up(&self) -> Packed {
        packed(&self.up, self.scale, self.format)
    }

    fn rank(&self) -> usize {
        self.down.shape()[0]
    }

    /// `x · downᵀ`.
    pub(super) fn low(&self, x: Operand<'_>) -> Made {
        let values = linear::forward(&self.packed_down(), x, None);
        Made::new(values, self.rank(), self.format)
    }

    /// The gradients of both factors, as far as they are `wanted`, and that of `x · downᵀ`, for that of the output.
    pub(super) fn backward(
        &self,
        x: &KeptTensor,
        low: &Made,
        dy: Operand<'_>,
        wanted: [bool; 2],
    ) -> Slopes {
        let level = Level::best();
        let ([rank, inputs], [outputs, _]) = (self.down.shape().dims(), self.up.shape().dims());
        let slope = linear::input_gradient(&self.packed_up(), dy);
        let slope = Made::new(slope, rank, self.format);
        let down = wanted[0].then(|| {
            let values = with_kept_rows(x, inputs, |x| {
                outer::weight_gradient(level, self.format, slope.operand(), x)
            });
            tensor(values, [rank, inputs])
        });
        let up = wanted[1].then(|| {
            let mut values = outer::weight_gradient(level, self.format, dy, low.operand());
            adamw::scale(level, &mut values, self.scale);
            tensor(values, [outputs, rank])
        });
        Slopes {
            down,
            up,
            low: slope,
        }
    }
}

fn packed(factor: &FlexTensor, scale: f32, format: Format) -> Packed {
    let [rows, columns] = factor.shape().dims();
    let pack = |values: &[f32]| Packed::new(Level::best(), format, values, [rows, columns, 1]);
    with_values(factor, |values| {
        if scale.to_bits() == 1.0_f32.to_bits() {
            return pack(values);
        }
        let scaled: Vec<f32> = values.iter().map(|value| value * scale).collect();
        pack(&scaled)
    })
}

/// Gradients of an adapter.
pub(super) struct Slopes {
    pub(super) down: Option<FlexTensor>,
    pub(super) up: Option<FlexTensor>,
    /// That of what lies between the factors.
    pub(super) low: Made,
}

/// Rows that a pass made, rounded where several products take them so.
#[derive(Debug, Clone)]
pub(super) enum Made {
    Floats { values: Vec<f32>, width: usize },
    Halves(HalfRows),
}

impl Made {
    fn new(values: Vec<f32>, width: usize, format: Format) -> Self {
        match format {
            Format::Bf16 => Self::Halves(HalfRows::new(Level::best(), &values, width)),
            Format::F32 | Format::I16 => Self::Floats { values, width },
        }
    }

    pub(super) fn operand(&self) -> Operand<'_> {
        match self {
            Self::Floats { values, width } => Operand::floats(values, *width),
            Self::Halves(rows) => rows.operand(),
        }
    }
}

/// Runs `f` on the rows of a gradient of an output, rounded once where products take `halves`.
pub(super) fn with_gradient<R>(
    dy: &FlexTensor,
    halves: bool,
    f: impl FnOnce(Operand<'_>) -> R,
) -> R {
    with_rows(dy, Some(&Slot::default()), halves, f)
}

/// The sum, and `x · downᵀ`.
fn forward(y: FlexTensor, x: &FlexTensor, factors: &Factors, copy: &Slot) -> (FlexTensor, Made) {
    let halves = factors.format == Format::Bf16;
    let low = with_rows(x, Some(copy), halves, |x| factors.low(x));
    let y = change(y, |y| {
        linear::add_forward((&factors.packed_up(), low.operand()), y);
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
        copy: Slot,
    ) -> FlexTensor {
        let factors = Factors::new([&down, &up], scale, precision);
        forward(y, &x, &factors, &copy).0
    }
}

/// What the backward pass needs: the input and its product with the first factor are small or shared.
#[derive(Debug, Clone)]
struct State {
    x: Slot,
    low: Made,
    factors: Factors,
}

#[derive(Debug)]
struct LowRankBackward;

impl Backward<Flex, 4> for LowRankBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 4>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let State { x, low, factors } = ops.state;
        let [y_node, x_node, down_node, up_node] = ops.parents;
        let wanted = [down_node.is_some(), up_node.is_some()];
        let slopes = with_gradient(&dy, factors.format == Format::Bf16, |dy| {
            factors.backward(kept(&x), &low, dy, wanted)
        });
        if let Some(node) = x_node {
            let [rows, _] = dy.shape().dims();
            let [_, inputs] = factors.down.shape().dims();
            let values = linear::input_gradient(&factors.packed_down(), slopes.low.operand());
            grads.register::<Flex>(node.id, tensor(values, [rows, inputs]));
        }
        let slopes = [
            (down_node, slopes.down),
            (up_node, slopes.up),
            (y_node, Some(dy)),
        ];
        for slope in slopes {
            if let (Some(node), Some(slope)) = slope {
                grads.register::<Flex>(node.id, slope);
            }
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
        let factors = Factors::new([down.primitive(), up.primitive()], scale, precision);
        let x = x.primitive().clone();
        let (sum, low) = forward(y.into_primitive(), &x, &factors, &copy);
        finish!(LowRankBackward, nodes, sum, {
            State {
                x: keep(&copy, &x, precision),
                low,
                factors,
            }
        })
    }
}

//! What happens to pictures between layers: a shift of all pixels, two pictures beside each other, enlargement.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::super::level::Level;
use super::super::pointwise::{channels, resample};
use super::{change, finish, tensor, with_values};

/// Operations on channels-last pictures as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait PictureOps: Backend {
    /// `x [b, h, w, c] + shift [b, c]`.
    fn shift(x: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `a [b, h, w, c]` and `b [b, h, w, d]` → `[b, h, w, c + d]`.
    fn beside(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `x [b, h, w, c]` → `[b, 2 h, 2 w, c]`, every pixel four times.
    fn enlarge(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `a + b` of the same shape.
    fn sum(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// [`PictureOps::shift`] on tensors.
pub(crate) fn shift(x_bhwc: Tensor<4>, shift_bc: Tensor<2>) -> Tensor<4> {
    let (x, shift) = (x_bhwc.into_dispatch(), shift_bc.into_dispatch());
    Tensor::from_dispatch(Dispatch::shift(x, shift))
}

/// [`PictureOps::beside`] on tensors.
pub(crate) fn beside(a_bhwc: Tensor<4>, b_bhwc: Tensor<4>) -> Tensor<4> {
    let (a, b) = (a_bhwc.into_dispatch(), b_bhwc.into_dispatch());
    Tensor::from_dispatch(Dispatch::beside(a, b))
}

/// [`PictureOps::enlarge`] on tensors.
pub(crate) fn enlarge(x_bhwc: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::enlarge(x_bhwc.into_dispatch()))
}

/// [`PictureOps::sum`] on tensors.
pub(crate) fn sum<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::sum(a.into_dispatch(), b.into_dispatch()))
}

fn shifted(x: FlexTensor, shift: &FlexTensor) -> FlexTensor {
    let [_, c] = shift.shape().dims();
    with_values(shift, |shift| {
        change(x, |x| channels::shift(Level::best(), x, shift, c))
    })
}

fn joined(a: &FlexTensor, b: &FlexTensor) -> FlexTensor {
    let ([batch, height, width, c], [_, _, _, d]) = (a.shape().dims(), b.shape().dims());
    let values = with_values(a, |a| {
        with_values(b, |b| channels::concatenate(a, b, [c, d]))
    });
    tensor(values, [batch, height, width, c + d])
}

fn enlarged(x: &FlexTensor) -> FlexTensor {
    let [batch, height, width, c] = x.shape().dims();
    let values = with_values(x, |x| resample::enlarge(x, [height, width, c]));
    tensor(values, [batch, 2 * height, 2 * width, c])
}

/// The sum, in the memory of whichever summand nobody else holds.
fn added(a: FlexTensor, b: FlexTensor) -> FlexTensor {
    let (to, other) = if a.is_unique() || !b.is_unique() {
        (a, b)
    } else {
        (b, a)
    };
    with_values(&other, |other| {
        change(to, |to| channels::add(Level::best(), to, other))
    })
}

impl PictureOps for Flex {
    fn shift(x: FlexTensor, shift: FlexTensor) -> FlexTensor {
        shifted(x, &shift)
    }

    fn beside(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        joined(&a, &b)
    }

    fn enlarge(x: FlexTensor) -> FlexTensor {
        enlarged(&x)
    }

    fn sum(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        added(a, b)
    }
}

#[derive(Debug)]
struct ShiftBackward;

impl Backward<Flex, 2> for ShiftBackward {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [batch, _, _, c] = dy.shape().dims();
        let [x_node, shift_node] = ops.parents;
        if let Some(node) = shift_node {
            let sums = with_values(&dy, |dy| {
                channels::shift_gradient(Level::best(), dy, batch, c)
            });
            grads.register::<Flex>(node.id, tensor(sums, [batch, c]));
        }
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, dy);
        }
    }
}

#[derive(Debug)]
struct BesideBackward;

impl Backward<Flex, 2> for BesideBackward {
    type State = [usize; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [batch, height, width, _] = dy.shape().dims();
        let parts = with_values(&dy, |dy| channels::split(dy, ops.state));
        for ((node, values), c) in ops.parents.into_iter().zip(parts).zip(ops.state) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(values, [batch, height, width, c]));
            }
        }
    }
}

#[derive(Debug)]
struct EnlargeBackward;

impl Backward<Flex, 1> for EnlargeBackward {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [batch, height, width, c] = dy.shape().dims();
        let (height, width) = (height / 2, width / 2);
        if let [Some(node)] = ops.parents {
            let values = with_values(&dy, |dy| {
                resample::enlarge_gradient(Level::best(), dy, [height, width, c])
            });
            grads.register::<Flex>(node.id, tensor(values, [batch, height, width, c]));
        }
    }
}

#[derive(Debug)]
struct SumBackward;

impl Backward<Flex, 2> for SumBackward {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        for node in ops.parents.into_iter().flatten() {
            grads.register::<Flex>(node.id, dy.clone());
        }
    }
}

impl<C: CheckpointStrategy> PictureOps for Autodiff<Flex, C> {
    fn shift(x: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node(), shift.node()];
        let y = shifted(x.into_primitive(), shift.primitive());
        finish!(ShiftBackward, nodes, y, ())
    }

    fn beside(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let last = |tensor: &FlexTensor| tensor.shape().dims::<4>()[3];
        let widths = [last(a.primitive()), last(b.primitive())];
        let y = joined(a.primitive(), b.primitive());
        finish!(BesideBackward, nodes, y, widths)
    }

    fn enlarge(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let y = enlarged(x.primitive());
        finish!(EnlargeBackward, [x.node()], y, ())
    }

    fn sum(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let y = added(a.into_primitive(), b.into_primitive());
        finish!(SumBackward, nodes, y, ())
    }
}

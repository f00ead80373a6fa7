//! Group and layer normalisation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::super::level::Level;
use super::super::pointwise::group_norm::{self, GroupNorm};
use super::super::pointwise::kept::{Precision, View};
use super::super::pointwise::{Affine, AffineGradient, layer_norm};
use super::{Kept, activation_tensor, change, finish, tensor, with_values};

/// Normalisations as a backend supplies them.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait NormOps: Backend {
    /// Normalises groups of channels of `x [b, h, w, c]`, with a scale and shift per channel, then `SiLU` if `silu` is set.
    fn group_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        setting: GroupSetting,
    ) -> FloatTensor<Self>;
    /// Normalises the rows of `x [rows, d]`, with a scale and shift per feature: how the input is kept, and the result
    /// written, is in `precision`.
    fn layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
        precision: [Precision; 2],
    ) -> FloatTensor<Self>;
}

/// What a group norm is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupSetting {
    /// Groups of channels.
    pub(crate) groups: usize,
    /// Added to the variance.
    pub(crate) eps: f64,
    /// Whether `SiLU` follows.
    pub(crate) silu: bool,
    /// How the input is kept for the backward pass.
    pub(crate) keep: Precision,
    /// How the result is written.
    pub(crate) result: Precision,
}

/// [`NormOps::group_norm`] on tensors.
pub(crate) fn group(
    x_bhwc: Tensor<4>,
    [gamma, beta]: [Tensor<1>; 2],
    setting: GroupSetting,
) -> Tensor<4> {
    let (x, gamma, beta) = (
        x_bhwc.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
    );
    Tensor::from_dispatch(Dispatch::group_norm(x, gamma, beta, setting))
}

/// [`NormOps::layer_norm`] on tensors.
pub(crate) fn layer(
    x: Tensor<2>,
    [gamma, beta]: [Tensor<1>; 2],
    eps: f64,
    precision: [Precision; 2],
) -> Tensor<2> {
    let (x, gamma, beta) = (
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
    );
    Tensor::from_dispatch(Dispatch::layer_norm(x, gamma, beta, eps, precision))
}

/// Runs `f` with the scales and shifts.
fn with_affine<R>(gamma: &FlexTensor, beta: &FlexTensor, f: impl FnOnce(Affine<'_>) -> R) -> R {
    with_values(gamma, |gamma| {
        with_values(beta, |beta| f(Affine { gamma, beta }))
    })
}

fn group_sizes(x: &FlexTensor, setting: GroupSetting) -> GroupNorm {
    let [batch, height, width, channels] = x.shape().dims();
    GroupNorm {
        batch,
        pixels: height * width,
        channels,
        groups: setting.groups,
        eps: setting.eps,
        silu: setting.silu,
    }
}

fn group_forward(
    x: &FlexTensor,
    gamma: &FlexTensor,
    beta: &FlexTensor,
    setting: GroupSetting,
) -> (FlexTensor, group_norm::Moments) {
    let norm = group_sizes(x, setting);
    let (values, moments) = with_affine(gamma, beta, |affine| {
        with_values(x, |x| {
            norm.forward(Level::best(), x, affine, setting.result)
        })
    });
    (activation_tensor(values, x.shape().dims::<4>()), moments)
}

fn layer_forward(
    x: &FlexTensor,
    gamma: &FlexTensor,
    beta: &FlexTensor,
    eps: f64,
    result: Precision,
) -> (FlexTensor, layer_norm::Moments) {
    let (values, moments) = with_affine(gamma, beta, |affine| {
        with_values(x, |x| {
            layer_norm::forward(Level::best(), x, affine, eps, result)
        })
    });
    (activation_tensor(values, x.shape().dims::<2>()), moments)
}

impl NormOps for Flex {
    fn group_norm(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        setting: GroupSetting,
    ) -> FlexTensor {
        group_forward(&x, &gamma, &beta, setting).0
    }

    fn layer_norm(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        eps: f64,
        [_, result]: [Precision; 2],
    ) -> FlexTensor {
        layer_forward(&x, &gamma, &beta, eps, result).0
    }
}

/// What a normalisation keeps.
#[derive(Debug, Clone)]
struct State<N, M> {
    norm: N,
    x: Kept,
    gamma: FlexTensor,
    beta: FlexTensor,
    moments: M,
}

impl<N, M> State<N, M> {
    /// Turns the gradient of the output into that of the input with `run`, and registers all that are wanted.
    fn finish(
        &self,
        ops: Ops<(), 3>,
        grads: &mut Gradients,
        run: impl FnOnce(View<'_>, Affine<'_>, &mut [f32], bool) -> Option<AffineGradient>,
    ) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [x_node, gamma_node, beta_node] = ops.parents;
        let wanted = gamma_node.is_some() || beta_node.is_some();
        let mut sums = None;
        let dx = change(dy, |dy| {
            sums = with_affine(&self.gamma, &self.beta, |affine| {
                self.x.with_view(|x| run(x, affine, dy, wanted))
            });
        });
        if let Some(sums) = sums {
            let size = [sums.gamma.len()];
            if let Some(node) = gamma_node {
                grads.register::<Flex>(node.id, tensor(sums.gamma, size));
            }
            if let Some(node) = beta_node {
                grads.register::<Flex>(node.id, tensor(sums.beta, size));
            }
        }
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, dx);
        }
    }
}

/// What is kept of the input, and the moments that belong to it: rounded inputs lose their mean first, so that digits
/// survive where it is large.
fn keep<M>(
    x: &FlexTensor,
    moments: M,
    precision: Precision,
    round: impl FnOnce(&[f32], &M) -> (Vec<u16>, M),
) -> (Kept, M) {
    if precision == Precision::Exact {
        return (Kept::Exact(x.clone()), moments);
    }
    let (rounded, moments) = with_values(x, |x| round(x, &moments));
    (Kept::Rounded(rounded.into()), moments)
}

/// The operation without its state.
fn bare<S>(ops: Ops<S, 3>) -> (Ops<(), 3>, S) {
    let bare = Ops {
        parents: ops.parents,
        node: ops.node,
        state: (),
    };
    (bare, ops.state)
}

#[derive(Debug)]
struct GroupBackward;

impl Backward<Flex, 3> for GroupBackward {
    type State = State<GroupNorm, group_norm::Moments>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (ops, state) = bare(ops);
        state.finish(ops, grads, |x, affine, dy, wanted| {
            state
                .norm
                .backward(Level::best(), (x, &state.moments), affine, dy, wanted)
        });
    }
}

#[derive(Debug)]
struct LayerBackward;

impl Backward<Flex, 3> for LayerBackward {
    type State = State<(), layer_norm::Moments>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (ops, state) = bare(ops);
        state.finish(ops, grads, |x, affine, dy, wanted| {
            layer_norm::backward(Level::best(), (x, &state.moments), affine, dy, wanted)
        });
    }
}

impl<C: CheckpointStrategy> NormOps for Autodiff<Flex, C> {
    fn group_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        setting: GroupSetting,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let (x, gamma, beta) = (x.primitive(), gamma.primitive(), beta.primitive());
        let (y, moments) = group_forward(x, gamma, beta, setting);
        finish!(GroupBackward, nodes, y, {
            let norm = group_sizes(x, setting);
            let (x, moments) = keep(x, moments, setting.keep, |x, moments| {
                norm.keep_rounded(Level::best(), x, moments)
            });
            State {
                norm,
                x,
                gamma: gamma.clone(),
                beta: beta.clone(),
                moments,
            }
        })
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
        [keep, result]: [Precision; 2],
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let (x, gamma, beta) = (x.primitive(), gamma.primitive(), beta.primitive());
        let (y, moments) = layer_forward(x, gamma, beta, eps, result);
        finish!(LayerBackward, nodes, y, {
            let (x, moments) = self::keep(x, moments, keep, |x, moments| {
                layer_norm::keep_rounded(Level::best(), x, moments)
            });
            State {
                norm: (),
                x,
                gamma: gamma.clone(),
                beta: beta.clone(),
                moments,
            }
        })
    }
}

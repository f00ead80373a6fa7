//! The same functions composed of Burn's operations, for every CPU.

use burn::tensor::{Tensor, activation, module, ops::ConvOptions};

pub(super) fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    module::conv2d(
        x,
        weight,
        bias,
        ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1),
    )
}

pub(super) fn group_norm_silu(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    groups: usize,
    eps: f64,
    silu: bool,
) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let x = x.reshape([batch * groups, channels / groups * height * width]);
    let centered = x.clone() - x.mean_dim(1);
    let variance = centered.clone().square().mean_dim(1);
    let y = (centered / (variance + eps).sqrt()).reshape([batch, channels, height, width]);
    let y = y * gamma.reshape([1, channels, 1, 1]) + beta.reshape([1, channels, 1, 1]);
    if silu { activation::silu(y) } else { y }
}

pub(super) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let y = x.matmul(weight.transpose());
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

pub(super) fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::silu(x)
}

pub(super) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::gelu(x)
}

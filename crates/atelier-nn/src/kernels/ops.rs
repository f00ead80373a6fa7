//! The kernels as operations of the tensor library, on the CPU backend and without gradients.

use super::activation::{self, Curve};
use super::conv2d::{self, Shape as ConvShape};
use super::group_norm::{self, Moments, Norm};
use super::linear;
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor, TensorData};

/// The fast operations a backend can supply.
#[backend_extension(Autodiff, Flex)]
pub(super) trait KernelOps: Backend {
    /// Convolution without bias.
    fn fast_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
    /// Convolution with bias.
    fn fast_conv2d_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
    /// Group normalisation, with `SiLU` if `silu` is set.
    fn fast_group_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        groups: usize,
        eps: f32,
        silu: bool,
    ) -> FloatTensor<Self>;
    /// Linear map without bias.
    fn fast_linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Linear map with bias.
    fn fast_linear_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// An activation function.
    fn fast_activation(x: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;
}

pub(super) fn is_f32<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32
}

/// Whether the kernels do this convolution.
pub(super) fn covers_conv2d(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    stride: usize,
    padding: usize,
) -> bool {
    let ([batch, channels, height, width], [output, input, kernel, across]) =
        (x.dims(), weight.dims());
    let small = kernel == across
        && (kernel == 1 || kernel == 3)
        && (stride == 1 || stride == 2)
        && padding < kernel;
    let filled = batch * output * channels > 0
        && channels == input
        && height.min(width) + 2 * padding >= kernel;
    small
        && filled
        && is_f32(x)
        && is_f32(weight)
        && bias.is_none_or(|bias| is_f32(bias) && bias.dims() == [output])
}

/// Whether the kernels do this normalisation.
pub(super) fn covers_group_norm(
    x: &Tensor<4>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    groups: usize,
) -> bool {
    let [batch, channels, height, width] = x.dims();
    let filled = batch * channels * height * width > 0 && groups > 0 && channels % groups == 0;
    let sized = gamma.dims() == [channels] && beta.dims() == [channels];
    filled && sized && is_f32(x) && is_f32(gamma) && is_f32(beta)
}

/// Whether the kernels do this linear map.
pub(super) fn covers_linear(x: &Tensor<2>, weight: &Tensor<2>, bias: Option<&Tensor<1>>) -> bool {
    let ([rows, input], [output, depth]) = (x.dims(), weight.dims());
    let sized = rows >= 64 && input * output > 0 && input == depth;
    sized
        && is_f32(x)
        && is_f32(weight)
        && bias.is_none_or(|bias| is_f32(bias) && bias.dims() == [output])
}

/// [`super::conv2d`] for inputs that the kernels cover.
pub(super) fn run_conv2d(
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

/// [`super::group_norm_silu`] for inputs that the kernels cover.
pub(super) fn run_group_norm_silu(
    x: Tensor<4>,
    [gamma, beta]: [Tensor<1>; 2],
    groups: usize,
    eps: f64,
    silu: bool,
) -> Tensor<4> {
    let (x, gamma, beta) = (
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
    );
    Tensor::from_dispatch(Dispatch::fast_group_norm(
        x, gamma, beta, groups, eps as f32, silu,
    ))
}

/// [`super::linear`] for inputs that the kernels cover.
pub(super) fn run_linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(match bias {
        Some(bias) => Dispatch::fast_linear_bias(x, weight, bias.into_dispatch()),
        None => Dispatch::fast_linear(x, weight),
    })
}

/// An activation function of f32 values.
pub(super) fn run_activation<const D: usize>(x: Tensor<D>, curve: Curve) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::fast_activation(x.into_dispatch(), curve))
}

/// Runs `f` on the values of `tensor` in row-major order.
pub(super) fn with_values<R>(tensor: &FlexTensor, f: impl FnOnce(&[f32]) -> R) -> R {
    if let Some(values) = tensor.as_slice::<f32>() {
        return f(values);
    }
    let contiguous = tensor.to_contiguous();
    f(&contiguous.storage::<f32>()[..contiguous.layout().num_elements()])
}

pub(super) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

pub(super) fn conv_shape(
    x: &FlexTensor,
    weight: &FlexTensor,
    stride: usize,
    padding: usize,
) -> ConvShape {
    let ([batch, input, height, width], [output, _, kernel, _]) =
        (x.shape().dims(), weight.shape().dims());
    ConvShape {
        batch,
        input,
        output,
        height,
        width,
        kernel,
        stride,
        padding,
    }
}

pub(super) fn conv_forward(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
    stride: usize,
    padding: usize,
) -> FlexTensor {
    let shape = conv_shape(x, weight, stride, padding);
    let [height, width] = shape.grid();
    let run = |bias: Option<&[f32]>| {
        with_values(x, |x| {
            with_values(weight, |weight| conv2d::forward(&shape, x, weight, bias))
        })
    };
    let values = match bias {
        Some(bias) => with_values(bias, |bias| run(Some(bias))),
        None => run(None),
    };
    tensor(values, [shape.batch, shape.output, height, width])
}

pub(super) fn norm_of(x: &FlexTensor, groups: usize, eps: f32, silu: bool) -> Norm {
    let [batch, channels, height, width] = x.shape().dims();
    Norm {
        batch,
        channels,
        area: height * width,
        groups,
        eps,
        silu,
    }
}

pub(super) fn norm_forward(
    norm: &Norm,
    x: &FlexTensor,
    gamma: &FlexTensor,
    beta: &FlexTensor,
) -> (FlexTensor, Moments) {
    let run = |x: &[f32]| {
        with_values(gamma, |gamma| {
            with_values(beta, |beta| group_norm::forward(norm, x, gamma, beta))
        })
    };
    let (values, moments) = with_values(x, run);
    (tensor(values, x.shape().dims::<4>()), moments)
}

pub(super) fn linear_shape(x: &FlexTensor, weight: &FlexTensor) -> linear::Shape {
    let ([rows, input], [output, _]) = (x.shape().dims(), weight.shape().dims());
    linear::Shape {
        rows,
        input,
        output,
    }
}

pub(super) fn linear_forward(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
) -> FlexTensor {
    let shape = linear_shape(x, weight);
    let run = |bias: Option<&[f32]>| {
        with_values(x, |x| {
            with_values(weight, |weight| linear::forward(&shape, x, weight, bias))
        })
    };
    let values = match bias {
        Some(bias) => with_values(bias, |bias| run(Some(bias))),
        None => run(None),
    };
    tensor(values, [shape.rows, shape.output])
}

pub(super) fn activation_forward(x: &FlexTensor, curve: Curve) -> FlexTensor {
    let values = with_values(x, |x| activation::forward(curve, x));
    FlexTensor::from_data(TensorData::new(values, x.shape()))
}

impl KernelOps for Flex {
    fn fast_conv2d(x: FlexTensor, weight: FlexTensor, stride: usize, padding: usize) -> FlexTensor {
        conv_forward(&x, &weight, None, stride, padding)
    }

    fn fast_conv2d_bias(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        conv_forward(&x, &weight, Some(&bias), stride, padding)
    }

    fn fast_group_norm(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        groups: usize,
        eps: f32,
        silu: bool,
    ) -> FlexTensor {
        norm_forward(&norm_of(&x, groups, eps, silu), &x, &gamma, &beta).0
    }

    fn fast_linear(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        linear_forward(&x, &weight, None)
    }

    fn fast_linear_bias(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        linear_forward(&x, &weight, Some(&bias))
    }

    fn fast_activation(x: FlexTensor, curve: Curve) -> FlexTensor {
        activation_forward(&x, curve)
    }
}

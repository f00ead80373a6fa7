//! Convolution, normalisation, activation and linear maps for x86 CPUs with AVX-512 BF16, as functions on tensors.
//!
//! Matrix products take bf16 operands and sum in f32 (relative error about 3e-3); normalisation and activations are
//! f32 throughout. On any other CPU, and for shapes or types the kernels do not cover, the same functions run Burn's
//! own operations, so that callers need no second path.
#![allow(unsafe_code, reason = "vector instructions and their unaligned reads have no safe form; this is the one place for them")]

use burn::tensor::{Tensor, activation};

#[cfg(target_arch = "x86_64")]
mod autodiff;
#[cfg(target_arch = "x86_64")]
mod conv2d;
mod fallback;
#[cfg(target_arch = "x86_64")]
mod gemm;
#[cfg(target_arch = "x86_64")]
mod im2col;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

/// Whether this CPU runs the fast kernels.
pub fn accelerated() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Convolution of `x_bchw` with the square kernel `weight_oihw`, zeros outside the image.
pub fn conv2d(
    x_bchw: Tensor<4>,
    weight_oihw: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    conv2d_on(accelerated(), x_bchw, weight_oihw, bias, stride, padding)
}

/// Group normalisation with a scale and shift per channel, then `SiLU` if `silu` is set.
pub fn group_norm_silu(
    x_bchw: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    groups: usize,
    eps: f64,
    silu: bool,
) -> Tensor<4> {
    fallback::group_norm_silu(x_bchw, gamma, beta, groups, eps, silu)
}

/// `x [rows, in]` times the transpose of `weight [out, in]`, plus `bias [out]`.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    fallback::linear(x, weight, bias)
}

/// `x * sigmoid(x)`.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::silu(x)
}

/// `x * (1 + erf(x / sqrt(2))) / 2`.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::gelu(x)
}

fn conv2d_on(
    fast: bool,
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    #[cfg(target_arch = "x86_64")]
    if fast && autodiff::covers_conv2d(&x, &weight, bias.as_ref(), stride, padding) {
        return autodiff::conv2d(x, weight, bias, stride, padding);
    }
    let _ = fast;
    fallback::conv2d(x, weight, bias, stride, padding)
}

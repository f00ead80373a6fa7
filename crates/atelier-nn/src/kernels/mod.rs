//! Convolution, normalisation, activation and linear maps for x86 CPUs with AVX-512 BF16, as functions on tensors.
//!
//! Matrix products take bf16 operands and sum in f32 (relative error about 3e-3); normalisation and activations are
//! f32 throughout. On any other CPU, and for shapes or types the kernels do not cover, the same functions run Burn's
//! own operations, so that callers need no second path.
#![allow(
    unsafe_code,
    reason = "vector instructions have no safe form; this is the one place for them"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "operands, sizes and strides of a kernel are plain values"
)]

use burn::tensor::Tensor;

#[cfg(target_arch = "x86_64")]
mod activation;
#[cfg(target_arch = "x86_64")]
mod backward;
#[cfg(target_arch = "x86_64")]
mod conv2d;
#[cfg(target_arch = "x86_64")]
mod conv2d_weight;
mod fallback;
#[cfg(target_arch = "x86_64")]
mod gemm;
#[cfg(target_arch = "x86_64")]
mod group_norm;
#[cfg(target_arch = "x86_64")]
mod im2col;
#[cfg(target_arch = "x86_64")]
mod linear;
#[cfg(target_arch = "x86_64")]
mod memory;
#[cfg(target_arch = "x86_64")]
mod ops;
#[cfg(test)]
#[cfg(target_arch = "x86_64")]
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
    #[cfg(target_arch = "x86_64")]
    if accelerated() && ops::covers_conv2d(&x_bchw, &weight_oihw, bias.as_ref(), stride, padding) {
        return ops::run_conv2d(x_bchw, weight_oihw, bias, stride, padding);
    }
    fallback::conv2d(x_bchw, weight_oihw, bias, stride, padding)
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
    #[cfg(target_arch = "x86_64")]
    if accelerated() && ops::covers_group_norm(&x_bchw, &gamma, &beta, groups) {
        return ops::run_group_norm_silu(x_bchw, [gamma, beta], groups, eps, silu);
    }
    fallback::group_norm_silu(x_bchw, gamma, beta, groups, eps, silu)
}

/// `x [rows, in]` times the transpose of `weight [out, in]`, plus `bias [out]`. A few rows are left to Burn, which is
/// as fast there and exact.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    #[cfg(target_arch = "x86_64")]
    if accelerated() && ops::covers_linear(&x, &weight, bias.as_ref()) {
        return ops::run_linear(x, weight, bias);
    }
    fallback::linear(x, weight, bias)
}

/// `x * sigmoid(x)`.
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(target_arch = "x86_64")]
    if accelerated() && ops::is_f32(&x) {
        return ops::run_activation(x, activation::Curve::Silu);
    }
    fallback::silu(x)
}

/// `x * (1 + erf(x / sqrt(2))) / 2`.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(target_arch = "x86_64")]
    if accelerated() && ops::is_f32(&x) {
        return ops::run_activation(x, activation::Curve::Gelu);
    }
    fallback::gelu(x)
}

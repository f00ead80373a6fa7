//! The operations that take the time of a model, as functions on tensors.
//!
//! On the processor they run kernels of our own, written once over [`level::Simd`] and compiled for every set of
//! instructions; everywhere else, and for what the kernels do not cover, [`mod@reference`] composes them of the tensor
//! library's operations. Activations are f32, or bf16 between two operations that round them to it anyway; what a backward
//! pass must keep may be rounded ([`Keep`]).
#![allow(
    unsafe_code,
    reason = "vector instructions have no safe form; this is the one place for them"
)]
#![allow(
    clippy::inline_always,
    reason = "what a kernel calls gets its instructions only inside it"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "operands, sizes and strides of a kernel are plain values"
)]

mod allocator;
mod attention;
mod awake;
mod level;
mod mapped;
mod memory;
pub(crate) mod ops;
mod pointwise;
mod product;
pub mod reference;
mod share;
#[cfg(test)]
mod tests;
mod weights;

use std::sync::Arc;

use burn::tensor::Tensor;

pub use allocator::{give_back_freed_pages, keep_freed_pages};
pub use awake::awake;
pub use mapped::MappedFile;
pub use ops::gate::GATE_VALUES;
pub use ops::held::Held;
pub use pointwise::activation::Curve;
pub use pointwise::adamw::{Moved, Step as OptimizerStep};
pub use pointwise::kept::Precision as Keep;
pub use product::release_scratch;
pub use weights::{Frozen, KeptWeight, WeightFormat, packing};

/// The set of instructions that the kernels use on this processor.
pub fn instructions() -> &'static str {
    level::Level::best().name()
}

/// Whether products of 16 bits are of bf16 here, in place of integers with a scale: where the processor has a unit that
/// multiplies matrices of these.
pub fn rounds_to_bf16() -> bool {
    level::Level::best().multiplies_matrices()
}

/// Whether attention multiplies pairs of 16 bits here, bf16 among them.
pub fn attends_in_halves() -> bool {
    level::Level::best().multiplies_halves()
}

/// Makes the kernels use the instructions named `word` in place of the best of this processor. Before they are used first.
///
/// # Errors
/// The names of what this processor has, where `word` is none of them or kernels have run with others.
pub fn choose_instructions(word: &str) -> Result<(), Vec<&'static str>> {
    let levels = level::Level::available();
    let chosen = levels.iter().find(|level| level.word() == word);
    if chosen.is_some_and(|level| level.choose()) {
        Ok(())
    } else {
        Err(levels.iter().map(|level| level.word()).collect())
    }
}

/// `x [rows, in]` times frozen weights, plus their bias; `result` tells how this is written. Its gradient keeps nothing.
///
/// # Panics
/// Panics unless `x` lies in this processor's memory, in f32 or bf16.
pub fn frozen_linear(x: impl Into<Held<2>>, weights: &Arc<Frozen>, result: Keep) -> Tensor<2> {
    ops::linear::frozen(x.into(), Arc::clone(weights), result)
}

/// [`frozen_linear`] with [`add_low_rank`] on it, in one pass. How the input is kept, and the result written, is in
/// `precision`.
///
/// # Panics
/// Panics unless `x` lies in this processor's memory, in f32 or bf16.
pub fn adapted_linear(
    x: impl Into<Held<2>>,
    weights: &Arc<Frozen>,
    factors: [Tensor<2>; 2],
    scale: f32,
    precision: [Keep; 2],
) -> Tensor<2> {
    ops::adapted::linear(x.into(), Arc::clone(weights), factors, scale, precision)
}

/// `x [rows, in]` times the transpose of `weight [out, in]`, plus `bias [out]`; all may want gradients.
pub fn trained_linear(
    x: Held<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    format: WeightFormat,
) -> Tensor<2> {
    if ops::is_here(x.tensor()) || ops::is_rounded(x.tensor()) {
        ops::linear::trained(x, weight, bias, format.into())
    } else {
        reference::linear(x.into_tensor(), weight, bias)
    }
}

/// `y [rows, out] + scale · (x [rows, in] · down [rank, in]ᵀ) · up [out, rank]ᵀ`: what a low-rank adapter adds.
pub fn add_low_rank(
    y: Tensor<2>,
    x: Held<2>,
    factors: [Tensor<2>; 2],
    scale: f32,
    keep: Keep,
) -> Tensor<2> {
    if ops::is_here(&y) {
        ops::low_rank::add(y, x, factors, scale, keep)
    } else {
        reference::add_low_rank(y, x.into_tensor(), factors, scale)
    }
}

/// Convolution of `x [b, h, w, in]` with frozen 3×3 weights, plus their bias. Its gradient keeps nothing.
///
/// # Panics
/// Panics unless `x` lies in this processor's memory, in f32 or bf16.
pub fn frozen_conv2d(
    x_bhwc: Tensor<4>,
    weights: &Arc<Frozen>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    ops::conv2d::frozen(x_bhwc, Arc::clone(weights), stride, padding)
}

/// Convolution of `x [b, h, w, in]` with `weight [out, in, 3, 3]`, plus `bias [out]`; all may want gradients.
pub fn trained_conv2d(
    x_bhwc: Tensor<4>,
    weight_oihw: Tensor<4>,
    bias: Option<Tensor<1>>,
    format: WeightFormat,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    if !ops::is_here(&x_bhwc) && !ops::is_rounded(&x_bhwc) {
        return reference::conv2d(x_bhwc, weight_oihw, bias, stride, padding);
    }
    let y = ops::conv2d::trained(x_bhwc, weight_oihw, format.into(), stride, padding);
    match bias {
        Some(bias) => {
            let [b, h, w, c] = y.dims();
            ops::linear::add_bias(y.reshape([b * h * w, c]), bias).reshape([b, h, w, c])
        }
        None => y,
    }
}

/// Group normalisation of `x [b, h, w, c]` with a scale and shift per channel, then `SiLU` if `silu` is set. How the input is
/// kept, and the result written where a kernel does, is in `precision`.
pub fn group_norm(
    x_bhwc: Tensor<4>,
    affine: [Tensor<1>; 2],
    groups: usize,
    eps: f64,
    silu: bool,
    [keep, result]: [Keep; 2],
) -> Tensor<4> {
    if !ops::is_here(&x_bhwc) {
        return reference::group_norm(x_bhwc, affine, groups, eps, silu);
    }
    let setting = ops::norm::GroupSetting {
        groups,
        eps,
        silu,
        keep,
        result,
    };
    ops::norm::group(x_bhwc, affine, setting)
}

/// Layer normalisation of the rows of `x [rows, d]` with a scale and shift per feature. How the input is kept, and the result
/// written where a kernel does, is in `precision`.
pub fn layer_norm(
    x: Tensor<2>,
    affine: [Tensor<1>; 2],
    eps: f64,
    precision: [Keep; 2],
) -> Tensor<2> {
    if ops::is_here(&x) {
        ops::norm::layer(x, affine, eps, precision)
    } else {
        reference::layer_norm(x, affine, eps)
    }
}

/// The same values in f32. The gradient is that of the result.
pub fn unrounded<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if ops::is_rounded(&x) {
        ops::widen::unrounded(x)
    } else {
        x
    }
}

/// An activation function of every value.
pub fn activation<const D: usize>(x: Tensor<D>, curve: Curve, keep: Keep) -> Tensor<D> {
    if ops::is_here(&x) {
        ops::activation::curve(x, curve, keep)
    } else {
        reference::activation(x, curve)
    }
}

/// `x [rows, 2 d]` → `[rows, d]`: the first half of a row times GELU of the second.
pub fn geglu(x: Tensor<2>, keep: Keep) -> Tensor<2> {
    if ops::is_here(&x) {
        ops::activation::gated(x, keep)
    } else {
        reference::geglu(x)
    }
}

/// `x [rows, in]` times frozen weights of `2 d` outputs, plus their bias → `[rows, d]`: the first half of these times GELU of
/// the second. Like [`geglu`] of [`frozen_linear`], in less memory. How what lies between is kept, and the result written, is
/// in `precision`.
///
/// # Panics
/// Panics unless `x` lies in this processor's memory, in f32 or bf16.
pub fn frozen_geglu(x: Tensor<2>, weights: &Arc<Frozen>, precision: [Keep; 2]) -> Tensor<2> {
    ops::gate::frozen(x, Arc::clone(weights), precision)
}

/// Queries `[b, s, heads · d]` attend to keys and values `[b, s', heads · d]`; the result is rounded if the queries
/// are and products are of bf16.
pub fn attend(operands: [Tensor<3>; 3], heads: usize, keep: Keep) -> Held<3> {
    if ops::is_here(&operands[0]) || ops::is_rounded(&operands[0]) {
        ops::attention::attend(operands, heads, keep)
    } else {
        reference::attend(operands, heads, None).into()
    }
}

/// `x [b, h, w, c] + shift [b, c]`.
pub fn shift(x_bhwc: Tensor<4>, shift_bc: Tensor<2>) -> Tensor<4> {
    if ops::is_here(&x_bhwc) {
        return ops::picture::shift(x_bhwc, shift_bc);
    }
    let [b, c] = shift_bc.dims();
    x_bhwc + shift_bc.reshape([b, 1, 1, c])
}

/// `a [b, h, w, c]` and `b [b, h, w, d]` → `[b, h, w, c + d]`.
pub fn beside(a_bhwc: Tensor<4>, b_bhwc: Tensor<4>) -> Tensor<4> {
    if ops::is_here(&a_bhwc) {
        ops::picture::beside(a_bhwc, b_bhwc)
    } else {
        Tensor::cat(vec![a_bhwc, b_bhwc], 3)
    }
}

/// `x [b, h, w, c]` → `[b, 2 h, 2 w, c]`, every pixel four times.
pub fn enlarge(x_bhwc: Tensor<4>) -> Tensor<4> {
    if ops::is_here(&x_bhwc) {
        ops::picture::enlarge(x_bhwc)
    } else {
        reference::enlarge(x_bhwc)
    }
}

/// `a + b` of one shape, in the memory of one of them where nobody else holds it.
pub fn sum<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    if ops::is_here(&a) {
        ops::picture::sum(a, b)
    } else {
        a + b
    }
}

/// Moves the values of every tensor against their gradient, with the first and second moments.
///
/// # Panics
/// Panics when the lengths differ.
pub fn optimizer_step<'a>(step: &OptimizerStep, tensors: impl Iterator<Item = Moved<'a>>) {
    pointwise::adamw::update(level::Level::best(), step, tensors);
}

/// The sum of the squares of all values, in f64; the same for any number of threads.
pub fn squared_norm<'a>(tensors: impl Iterator<Item = &'a [f32]>) -> f64 {
    pointwise::adamw::squared_norm(level::Level::best(), tensors)
}

/// Multiplies all values by `factor`.
pub fn scale(values: &mut [f32], factor: f32) {
    pointwise::adamw::scale(level::Level::best(), values, factor);
}

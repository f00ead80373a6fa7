//! The order of a picture's axes.
//!
//! Layers take and give pictures with channels last, so that the pixels are tokens without being moved. Files, samplers
//! and Burn's own operations have them first.

use burn::tensor::Tensor;

/// `[b, c, h, w]` → `[b, h, w, c]`.
pub fn channels_last(x_bchw: Tensor<4>) -> Tensor<4> {
    x_bchw.permute([0, 2, 3, 1])
}

/// `[b, h, w, c]` → `[b, c, h, w]`.
pub fn channels_first(x_bhwc: Tensor<4>) -> Tensor<4> {
    x_bhwc.permute([0, 3, 1, 2])
}

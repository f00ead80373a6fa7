//! Classifier-free guidance (Ho and Salimans 2022).

use burn::tensor::Tensor;

/// `unconditional + scale · (conditional − unconditional)` for a batch that holds the unconditional half first.
///
/// # Shapes
/// - `both_bchw`: `[2 b, c, h, w]`
/// - returns: `[b, c, h, w]`
///
/// # Panics
/// Panics when the batch is odd.
pub fn guide(both_bchw: Tensor<4>, scale: f32) -> Tensor<4> {
    let [unconditional, conditional]: [Tensor<4>; 2] = both_bchw
        .chunk(2, 0)
        .try_into()
        .expect("chunk splits an even batch into two halves");
    unconditional.clone() + (conditional - unconditional) * scale
}

/// Temporary.
pub fn rescale(guided: Tensor<4>, _conditional: Tensor<4>, _factor: f32) -> Tensor<4> {
    guided
}

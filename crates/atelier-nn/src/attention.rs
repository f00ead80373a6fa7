//! Scaled dot-product attention over several heads (Vaswani et al. 2017).

use burn::tensor::Tensor;

use crate::kernels::{self, Held, reference};
use crate::params::Engine;

/// Attends from the first operand, queries, to the others, keys and values. Masks are for short texts, which the reference
/// serves.
///
/// # Shapes
/// - queries: `[b, s, heads · head_size]`
/// - keys, values: `[b, s', heads · head_size]`
/// - `mask_ss`: added to the logits, `[s, s']`
/// - returns: `[b, s, heads · head_size]`
pub fn attend(
    operands: [Tensor<3>; 3],
    heads: usize,
    mask_ss: Option<&Tensor<2>>,
    engine: Engine,
) -> Held<3> {
    match (engine, mask_ss) {
        (Engine::Reference, _) | (_, Some(_)) => reference::attend(operands, heads, mask_ss).into(),
        (engine, None) => kernels::attend(operands, heads, engine.keep()),
    }
}

/// A mask that lets each position see itself and what comes before: 0 where allowed, a large negative number elsewhere.
pub fn causal_mask(length: usize, device: &burn::tensor::Device) -> Tensor<2> {
    let values = (0..length * length).map(|i| {
        if i % length > i / length {
            f32::MIN
        } else {
            0.0
        }
    });
    Tensor::from_data(
        burn::tensor::TensorData::new(values.collect::<Vec<f32>>(), [length, length]),
        device,
    )
}

//! Scaled dot-product attention over several heads (Vaswani et al. 2017).

use burn::tensor::{Tensor, activation};

/// Attends from queries to keys and values.
///
/// # Shapes
/// - `query_bsd`: `[b, s, heads · head_size]`
/// - `key_bsd`, `value_bsd`: `[b, s', heads · head_size]`
/// - `mask_ss`: added to the logits, `[s, s']`
/// - returns: `[b, s, heads · head_size]`
pub fn attend(
    query_bsd: Tensor<3>,
    key_bsd: Tensor<3>,
    value_bsd: Tensor<3>,
    heads: usize,
    mask_ss: Option<&Tensor<2>>,
) -> Tensor<3> {
    let [b, s, d] = query_bsd.dims();
    let scale = 1.0 / ((d / heads) as f64).sqrt();
    let query = split_heads(query_bsd * scale, heads);
    let logits = query.matmul(split_heads(key_bsd, heads).swap_dims(2, 3));
    let logits = match mask_ss {
        Some(mask) => logits + mask.clone().unsqueeze(),
        None => logits,
    };
    let mixed = activation::softmax(logits, 3).matmul(split_heads(value_bsd, heads));
    mixed.swap_dims(1, 2).reshape([b, s, d])
}

/// `[b, s, n · d]` → `[b, n, s, d]`.
fn split_heads(x_bsd: Tensor<3>, heads: usize) -> Tensor<4> {
    let [b, s, d] = x_bsd.dims();
    x_bsd.reshape([b, s, heads, d / heads]).swap_dims(1, 2)
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

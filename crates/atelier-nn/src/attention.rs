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
    let key = split_heads(key_bsd, heads).swap_dims(2, 3);
    let value = split_heads(value_bsd, heads);
    let rows = rows_at_once(b * heads * key.dims()[3], s);
    let attend_rows = |first: usize| {
        let count = rows.min(s - first);
        let logits = query.clone().narrow(2, first, count).matmul(key.clone());
        let logits = match mask_ss {
            Some(mask) => logits + mask.clone().narrow(0, first, count).unsqueeze(),
            None => logits,
        };
        activation::softmax(logits, 3).matmul(value.clone())
    };
    let mixed = if rows < s {
        Tensor::cat((0..s).step_by(rows).map(attend_rows).collect(), 2)
    } else {
        attend_rows(0)
    };
    mixed.swap_dims(1, 2).reshape([b, s, d])
}

/// Most logits that are in memory at a time: 256 MB of them. Queries do not see each other, so that attending for some of
/// them after the others changes nothing but the memory that is needed.
const MOST_LOGITS: usize = 1 << 26;

fn rows_at_once(logits_per_row: usize, rows: usize) -> usize {
    (MOST_LOGITS / logits_per_row.max(1)).clamp(1, rows.max(1))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_attended_at_once_when_there_are_many_keys() {
        assert_eq!(rows_at_once(1000, 64), 64);
        assert_eq!(rows_at_once(1 << 20, 4096), 64);
        assert_eq!(rows_at_once(1 << 30, 4096), 1);
    }
}

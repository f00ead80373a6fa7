//! Weights on text states.

use atelier_nn::gradients::values_of;
use burn::tensor::{Tensor, TensorData};

use super::chunks::{Chunks, is_plain};
use crate::tokenizer::CONTEXT_LENGTH;

/// Multiplies each token's state by its weight, restores the mean of each chunk, and joins the chunks to one sequence.
///
/// The mean is one number per chunk, over its 77 tokens and all their features, padding included: the web interface encodes
/// a prompt chunk by chunk and does this in each ("Original" emphasis). A chunk whose weights are all 1 stays bit for bit what
/// it was. Where the weighted mean is zero no factor restores it, and the states are only multiplied. Encoders whose states
/// are joined along the features, as in SDXL, are weighted one by one before; pooled states are those of the first chunk and
/// get no weight.
///
/// # Shapes
/// - `states_bsd`: `[chunks, 77, d]`
/// - returns: `[1, chunks * 77, d]`
///
/// # Panics
/// When the states are not those of `chunks`.
pub fn weigh(states_bsd: Tensor<3>, chunks: &Chunks) -> Tensor<3> {
    let [count, length, width] = states_bsd.dims();
    assert_eq!(
        (count, length),
        (chunks.count(), CONTEXT_LENGTH),
        "states and chunks of a prompt"
    );
    let joined = [1, count * length, width];
    if chunks.is_plain() {
        return states_bsd.reshape(joined);
    }
    let values = values_of(states_bsd.clone());
    let mut factors = Vec::with_capacity(count * length);
    for (states, weights) in values.chunks_exact(length * width).zip(&chunks.weights) {
        let restore = if is_plain(weights) {
            1.0
        } else {
            mean_ratio(states, weights)
        };
        factors.extend(
            weights
                .iter()
                .map(|&weight| (f64::from(weight) * restore) as f32),
        );
    }
    let factors = TensorData::new(factors, [1, count * length, 1]);
    let factors = Tensor::<3>::from_data(factors, &states_bsd.device());
    states_bsd.reshape(joined) * factors
}

/// The mean before over the mean after. In f64, because both are small sums of large numbers of either sign.
fn mean_ratio(states: &[f32], weights: &[f32; CONTEXT_LENGTH]) -> f64 {
    let rows = states.chunks_exact(states.len() / weights.len());
    let (mut before, mut after) = (0.0, 0.0);
    for (row, &weight) in rows.zip(weights) {
        let sum: f64 = row.iter().map(|&value| f64::from(value)).sum();
        before += sum;
        after += sum * f64::from(weight);
    }
    let ratio = before / after;
    if ratio.is_finite() { ratio } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use atelier_core::PromptSyntax;
    use burn::tensor::Device;

    use super::*;
    use crate::prompt::Prompt;
    use crate::tokenizer::{ClipPadding, Tokenizer};

    fn chunks(text: &str) -> Chunks {
        let prompt = Prompt::read(text, PromptSyntax::Weighted).unwrap();
        prompt.chunks(&Tokenizer::clip(ClipPadding::EndOfText))
    }

    fn states(count: usize, value: impl Fn(usize) -> f32) -> Tensor<3> {
        let values: Vec<f32> = (0..count * 77 * 2).map(value).collect();
        Tensor::from_data(TensorData::new(values, [count, 77, 2]), &Device::flex())
    }

    #[test]
    fn weights_of_one_change_no_bit_even_beside_weighted_chunks() {
        let given = states(2, |i| (i as f32).sin());
        let plain = weigh(given.clone(), &chunks("a BREAK b"));
        assert_eq!(plain.dims(), [1, 154, 2]);
        let before = values_of(given.clone());
        assert_eq!(values_of(plain), before);
        let mixed = values_of(weigh(given, &chunks("a BREAK (b:1.3)")));
        assert_eq!(mixed[..154], before[..154]);
        assert_ne!(mixed[154..], before[154..]);
    }

    #[test]
    fn the_mean_of_each_chunk_is_restored() {
        let given = states(2, |i| 0.3 + (i as f32).sin());
        let after = values_of(weigh(given.clone(), &chunks("(a:1.5) BREAK (b:0.2)")));
        let mean = |values: &[f32]| values.iter().map(|&v| f64::from(v)).sum::<f64>() / 154.0;
        for (before, after) in values_of(given).chunks(154).zip(after.chunks(154)) {
            assert!((mean(before) - mean(after)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_mean_that_cannot_be_restored_leaves_finite_states() {
        // The first token is 1, the second one -1 at weight 1: only its weight keeps the sums apart.
        let given = states(1, |i| [1.0, 1.0, 0.5, 0.5].get(i).copied().unwrap_or(0.0));
        let after = values_of(weigh(given, &chunks("(a:-2)")));
        assert_eq!(after[..4], [1.0, 1.0, -1.0, -1.0]);
    }
}

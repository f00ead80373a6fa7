//! Sinusoids of numbers such as timesteps and sizes (Vaswani et al. 2017, section 3.5), as diffusers' `Timesteps`.

use burn::tensor::{Device, Tensor, TensorData};

/// Frequencies and the order of sine and cosine.
#[derive(Debug, Clone)]
pub(super) struct Sinusoid {
    frequencies: Vec<f32>,
    cosine_first: bool,
}

impl Sinusoid {
    /// `width` values per number, of which half are cosines; frequencies run from 1 down to nearly 1/10000, rounded as
    /// `PyTorch` rounds them.
    pub(super) fn new(width: usize, cosine_first: bool, shift: f64) -> Self {
        let half = width / 2;
        let factor = -(10_000.0f64.ln()) as f32;
        let frequencies = (0..half)
            .map(|index| (factor * index as f32 / (half as f64 - shift) as f32).exp())
            .collect();
        Self {
            frequencies,
            cosine_first,
        }
    }

    /// # Shapes
    /// - returns: `[numbers / per_row, per_row · width]`
    pub(super) fn waves(&self, numbers: &[f32], per_row: usize, device: &Device) -> Tensor<2> {
        let width = 2 * self.frequencies.len();
        let mut values = Vec::with_capacity(numbers.len() * width);
        for &number in numbers {
            let angles = self.frequencies.iter().map(|frequency| number * frequency);
            let (sines, cosines): (Vec<f32>, Vec<f32>) = angles.map(f32::sin_cos).unzip();
            let (first, second) = if self.cosine_first {
                (cosines, sines)
            } else {
                (sines, cosines)
            };
            values.extend(first);
            values.extend(second);
        }
        let shape = [numbers.len() / per_row, per_row * width];
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

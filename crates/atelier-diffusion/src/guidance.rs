//! Classifier-free guidance (Ho and Salimans 2022) and its rescaling (Lin et al. 2023, section 3.4).

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

/// Brings the guided prediction of each picture back to the deviation of the conditional one, by a share of `factor`.
///
/// # Shapes
/// - `guided_bchw`, `conditional_bchw` and the result: `[b, c, h, w]`
pub fn rescale(guided_bchw: Tensor<4>, conditional_bchw: Tensor<4>, factor: f32) -> Tensor<4> {
    let ratio = deviation(conditional_bchw) / deviation(guided_bchw.clone());
    guided_bchw.clone() * ratio * factor + guided_bchw * (1.0 - factor)
}

/// The standard deviation of each picture, `[b, 1, 1, 1]`, from its squares over one less than their number.
fn deviation(values_bchw: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = values_bchw.dims();
    let flat = values_bchw.reshape([batch, channels * height * width]);
    flat.var(1).sqrt().reshape([batch, 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use atelier_testkit::{assert_close, golden};
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn rescaling_equals_that_of_diffusers() {
        let (file, device) = (golden("samplers"), Device::flex());
        let tensor = |name: &str| file.tensor::<4>(&format!("guidance.{name}"), &device);
        for factor in [0.0, 0.7, 1.0] {
            let rescaled = rescale(tensor("guided"), tensor("text"), factor);
            let values: Vec<f32> = rescaled.into_data().try_to_vec().unwrap();
            assert_close(&values, &file.vec(&format!("guidance.{factor:.1}")), 1e-6);
        }
    }
}

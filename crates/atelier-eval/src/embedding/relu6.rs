//! The network's activation: values below 0 become 0, values above 6 become 6.

use atelier_nn::gradients::values_of;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

/// Values that a thread takes at a time.
const PIECE: usize = 1 << 14;

/// One value.
#[inline]
pub(super) fn clip(value: f32) -> f32 {
    value.clamp(0.0, 6.0)
}

/// Every value of a tensor.
pub(super) fn relu6(x_bhwc: Tensor<4>) -> Tensor<4> {
    let (shape, device) = (x_bhwc.dims(), x_bhwc.device());
    let mut values = values_of(x_bhwc);
    values.par_chunks_mut(PIECE).for_each(|piece| {
        for value in piece {
            *value = clip(*value);
        }
    });
    Tensor::from_data(TensorData::new(values, shape), &device)
}

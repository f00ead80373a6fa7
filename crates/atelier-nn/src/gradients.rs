//! Gradients as plain numbers: reading them off a backward pass, and clipping their common norm.

use burn::tensor::{DataError, Gradients, Tensor};

use crate::device::DeviceFailure;
use crate::kernels;

/// The values of a float tensor in row-major order. A device that failed is told by [`guard`](crate::device::guard).
///
/// # Panics
/// Panics when the tensor does not hold f32, which this crate never creates.
pub fn values_of<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.try_into_data();
    let data = data.unwrap_or_else(|error| DeviceFailure::from_error(&error).raise());
    // A device may bring values only when they are looked at.
    let values = data.try_into_vec();
    if let Err(error @ DataError::StorageAccess(_)) = &values {
        DeviceFailure::from_error(error).raise();
    }
    values.expect("float tensors are created as f32")
}

/// The gradient of `tensor`, or zeros when it took no part in the loss.
pub fn gradient_of<const D: usize>(tensor: &Tensor<D>, gradients: &mut Gradients) -> Vec<f32> {
    match tensor.grad_remove(gradients) {
        Some(gradient) => values_of(gradient),
        None => vec![0.0; tensor.dims().iter().product()],
    }
}

/// Scales all gradients down so that their common Euclidean norm is at most `max_norm`; returns the norm before.
///
/// # Source
/// `torch.nn.utils.clip_grad_norm_`: norm of the norms, factor `max_norm / (norm + 1e-6)` limited to 1.
pub fn clip_norm(gradients: &mut [Vec<f32>], max_norm: f64) -> f64 {
    let norm = kernels::squared_norm(gradients.iter().map(Vec::as_slice)).sqrt();
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        for gradient in gradients {
            kernels::scale(gradient, factor as f32);
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_the_direction_and_limits_the_norm() {
        let mut gradients = vec![vec![3.0], vec![0.0, 4.0]];
        assert!((clip_norm(&mut gradients, 1.0) - 5.0).abs() < 1e-9);
        assert!((gradients[0][0] - 0.6).abs() < 1e-5 && (gradients[1][1] - 0.8).abs() < 1e-5);
    }

    #[test]
    fn small_gradients_are_left_alone() {
        let mut gradients = vec![vec![0.1, -0.2]];
        clip_norm(&mut gradients, 1.0);
        assert_eq!(gradients, vec![vec![0.1, -0.2]]);
    }
}

//! The training step, from a batch to a loss.

use atelier_diffusion::schedule::NoiseSchedule;
use atelier_diffusion::stable_diffusion::{Conditioning, Unet};
use atelier_nn::gradients::values_of;
use burn::tensor::Tensor;

/// What one step learns from.
pub struct Batch {
    /// Scaled latents, `[b, c, h, w]`.
    pub latents_bchw: Tensor<4>,
    /// Unit normal noise of the same shape.
    pub noise_bchw: Tensor<4>,
    /// One timestep for each picture.
    pub timesteps: Vec<usize>,
    /// Text states `[b, s, d]`, and what else the family adds.
    pub conditioning: Conditioning,
}

/// What one step says.
pub struct StepLoss {
    /// The mean, ready for a backward pass.
    pub mean: Tensor<1>,
    /// The loss of each picture.
    pub per_picture: Vec<f32>,
}

/// Noises the latents, asks the denoiser what was added, and compares: the mean squared error that diffusers trains with.
pub fn training_step(unet: &Unet, schedule: &NoiseSchedule, batch: Batch) -> StepLoss {
    let Batch {
        latents_bchw,
        noise_bchw,
        timesteps,
        conditioning,
    } = batch;
    let count = timesteps.len();
    let noisy = schedule.add_noise(latents_bchw.clone(), noise_bchw.clone(), &timesteps);
    let target = schedule.target(latents_bchw, noise_bchw, &timesteps);
    let times: Vec<f32> = timesteps.iter().map(|&timestep| timestep as f32).collect();
    let error = unet.forward(noisy, &times, &conditioning) - target;
    let values = error.dims().iter().product::<usize>() / count;
    let squares = (error.clone() * error).reshape([count, values]).mean_dim(1);
    StepLoss {
        per_picture: values_of(squares.clone()),
        mean: squares.mean(),
    }
}

//! Samplers: rules that walk from noise to a picture, each in its own file and equal to the one of the same name in
//! diffusers. [`build`] is the one list of them.

use crate::noise::NoiseSource;
use atelier_core::{SamplerKind, ScheduleKind};
use burn::tensor::Tensor;

use crate::schedule::{Result, ScheduleConfig, ScheduleError, TimestepSpacing};

mod ddim;
mod euler;
#[cfg(test)]
mod tests;

/// Walks from noise to a picture in a fixed number of steps.
pub trait Sampler: Send {
    /// The timestep that the denoiser is told at each step, in the order of the steps.
    fn timesteps(&self) -> &[f32];

    /// The factor that turns noise of unit variance into the first sample.
    fn init_noise_sigma(&self) -> f32;

    /// What the denoiser sees of the sample at step `index`.
    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4>;

    /// The sample after step `index`, from what the denoiser said about the scaled one.
    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        noise: &mut dyn NoiseSource,
    ) -> Tensor<4>;

    /// Starts at evaluation `index` in place of the first.
    fn begin_at(&mut self, index: usize);

    /// Clean latents with as much noise as the sample has before evaluation `index`.
    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4>;

    /// Evaluations of the denoiser per step.
    fn order(&self) -> usize {
        1
    }
}

/// Makes a sampler for `steps` steps on the schedule of a base.
pub fn build(
    kind: SamplerKind,
    _schedule: ScheduleKind,
    config: &ScheduleConfig,
    steps: usize,
) -> Result<Box<dyn Sampler>> {
    if !(1..=config.num_train_timesteps).contains(&steps) {
        return Err(ScheduleError::Steps {
            got: steps,
            most: config.num_train_timesteps,
        });
    }
    Ok(match kind {
        SamplerKind::Ddim => Box::new(ddim::Ddim::new(config, steps)?),
        SamplerKind::Euler => Box::new(euler::Euler::new(config, steps)?),
    })
}

/// The timesteps of `steps` steps, from the noisiest on; fractional with [`TimestepSpacing::Linspace`] alone.
fn spaced_timesteps(config: &ScheduleConfig, spacing: TimestepSpacing, steps: usize) -> Vec<f64> {
    let count = config.num_train_timesteps;
    match spacing {
        TimestepSpacing::Linspace => {
            let last = (count - 1) as f64;
            let step = last / (steps - 1).max(1) as f64;
            let mut timesteps: Vec<f64> = (0..steps).map(|index| index as f64 * step).collect();
            if steps > 1 {
                timesteps[steps - 1] = last;
            }
            timesteps.reverse();
            timesteps
        }
        TimestepSpacing::Leading => {
            let stride = count / steps;
            (0..steps)
                .rev()
                .map(|index| (index * stride) as f64 + config.steps_offset as f64)
                .collect()
        }
        TimestepSpacing::Trailing => {
            let stride = count as f64 / steps as f64;
            (0..steps)
                .map(|index| (count as f64 - index as f64 * stride).round_ties_even() - 1.0)
                .collect()
        }
    }
}

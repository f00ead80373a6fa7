//! Samplers: rules that walk from noise to a picture, each in its own file and equal to the scheduler class of diffusers that
//! `Class.from_config(the base's file)` gives. [`build`] is the one list of them.

use atelier_core::{SamplerKind, ScheduleKind};
use burn::tensor::Tensor;

use crate::noise::NoiseSource;
use crate::schedule::course::Course;
use crate::schedule::{Result, ScheduleConfig, ScheduleError};

mod alphas;
mod ddim;
mod dpm2;
mod dpm_multistep;
mod dpm_sde;
mod euler;
mod euler_ancestral;
mod heun;
mod lcm;
mod lms;
mod pndm;
mod unipc;
mod walk;

#[cfg(test)]
mod tests;

pub use walk::Walk;

/// Walks from noise to a picture in a fixed number of evaluations of the denoiser.
pub trait Sampler: Send {
    /// The noise levels that it walks through, which decide most of the rest.
    fn walk(&self) -> &dyn Walk;

    /// The timestep that the denoiser is told at each evaluation, in their order.
    fn timesteps(&self) -> &[f32] {
        self.walk().timesteps()
    }

    /// The factor that turns noise of unit variance into the first sample.
    fn init_noise_sigma(&self) -> f32 {
        self.walk().init_noise_sigma()
    }

    /// Evaluations per step that a user asked for, the last step of a walk excepted. Image to image starts at a multiple of it.
    fn order(&self) -> usize {
        1
    }

    /// What the denoiser sees of the sample at evaluation `index`.
    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        self.walk().scale_input(sample_bchw, index)
    }

    /// The sample after evaluation `index`, from what the denoiser said about the scaled one. Samplers that add noise draw it
    /// from `noise`, once per step.
    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        noise: &mut dyn NoiseSource,
    ) -> Tensor<4>;

    /// Forgets what past evaluations said, to start from noise again or with a picture from [`Self::add_noise`].
    fn begin_anew(&mut self) {}

    /// Clean latents with as much noise as evaluation `index` starts from.
    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        self.walk().add_noise(latents_bchw, noise_bchw, index)
    }
}

/// Makes a sampler for `steps` steps on the schedule of a base.
pub fn build(
    kind: SamplerKind,
    schedule: ScheduleKind,
    config: &ScheduleConfig,
    steps: usize,
) -> Result<Box<dyn Sampler>> {
    use dpm_multistep::{DpmMultistep, Equation};

    let (least, most) = step_range(kind, config);
    if !(least..=most).contains(&steps) {
        return Err(ScheduleError::Steps {
            got: steps,
            least,
            most,
        });
    }
    refuse_unbuilt(kind, config)?;
    let course = &Course {
        sampler: kind,
        schedule,
        config,
        steps,
    };
    Ok(match kind {
        SamplerKind::Ddim => Box::new(ddim::Ddim::new(course)?),
        SamplerKind::Pndm => Box::new(pndm::Pndm::new(course)?),
        SamplerKind::Lms => Box::new(lms::Lms::new(course)?),
        SamplerKind::Euler => Box::new(euler::Euler::new(course)?),
        SamplerKind::EulerA => Box::new(euler_ancestral::EulerAncestral::new(course)?),
        SamplerKind::Heun => Box::new(heun::Heun::new(course)?),
        SamplerKind::Dpm2 => Box::new(dpm2::Dpm2::new(course)?),
        SamplerKind::Dpm2A => Box::new(dpm2::Dpm2::new_ancestral(course)?),
        SamplerKind::Dpmpp2m => Box::new(DpmMultistep::new(course, Equation::Ordinary, 2)?),
        SamplerKind::Dpmpp2mSde => Box::new(DpmMultistep::new(course, Equation::Stochastic, 2)?),
        SamplerKind::Dpmpp3mSde => Box::new(DpmMultistep::new(course, Equation::Stochastic, 3)?),
        SamplerKind::DpmppSde => Box::new(dpm_sde::DpmSde::new(course)?),
        SamplerKind::Unipc => Box::new(unipc::UniPc::new(course)?),
        SamplerKind::Lcm => Box::new(lcm::Lcm::new(course)?),
    })
}

/// The smallest and the largest number of steps that a sampler can take.
fn step_range(kind: SamplerKind, config: &ScheduleConfig) -> (usize, usize) {
    match kind {
        SamplerKind::Lcm => (1, config.original_inference_steps),
        SamplerKind::Pndm if !config.skip_prk_steps => (pndm::ORDER, config.num_train_timesteps),
        _ => (1, config.num_train_timesteps),
    }
}

/// Refuses settings that the sampler's class reads and this program does not follow.
fn refuse_unbuilt(kind: SamplerKind, config: &ScheduleConfig) -> Result<()> {
    let read: &[&str] = match kind {
        SamplerKind::Euler => &["interpolation_type"],
        SamplerKind::Dpmpp2m | SamplerKind::Dpmpp2mSde | SamplerKind::Dpmpp3mSde => {
            &["variance_type", "use_flow_sigmas", "use_dynamic_shifting"]
        }
        SamplerKind::Unipc => &[
            "use_flow_sigmas",
            "use_dynamic_shifting",
            "shift_terminal",
            "predict_x0",
            "solver_p",
        ],
        _ => &[],
    };
    let mut unbuilt = config.unbuilt.iter();
    match unbuilt.find(|(setting, _)| read.contains(setting)) {
        None => Ok(()),
        Some((setting, got)) => Err(ScheduleError::Unsupported {
            setting,
            got: got.clone(),
            supported: "the default of this sampler, or another sampler such as ddim",
        }),
    }
}

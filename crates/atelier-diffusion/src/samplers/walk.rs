//! The two kinds of walks: down a [`Ladder`], where a sample is the picture plus `sigma` times noise, and through
//! [`Mixtures`] of picture and noise, where a sample keeps unit variance. And what several samplers do to a ladder.

use burn::tensor::Tensor;

use crate::schedule::prediction::Mixture;
use crate::schedule::sigmas::Ladder;

/// The noise levels that a sampler walks through. [`Sampler`](super::Sampler) says what each method is.
pub trait Walk {
    /// The timestep of each evaluation.
    fn timesteps(&self) -> &[f32];

    /// The factor from unit noise to the first sample.
    fn init_noise_sigma(&self) -> f32;

    /// What the denoiser sees of a sample.
    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4>;

    /// Clean latents with the noise of evaluation `index`.
    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4>;
}

impl Walk for Ladder {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    fn scale_input(&self, sample_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        scaled(sample_bchw, self.sigmas[index])
    }

    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        latents_bchw + noise_bchw * self.sigmas[index]
    }
}

/// A walk through mixtures of unit variance.
#[derive(Debug)]
pub(super) struct Mixtures {
    pub(super) timesteps: Vec<f32>,
    /// What the sample of each evaluation consists of; those from a ladder have the final sample as well.
    pub(super) levels: Vec<Mixture>,
}

impl From<&Ladder> for Mixtures {
    fn from(ladder: &Ladder) -> Self {
        let sigmas = ladder.sigmas.iter().copied();
        Self {
            timesteps: ladder.timesteps.clone(),
            levels: sigmas.map(Mixture::from_sigma).collect(),
        }
    }
}

impl Walk for Mixtures {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    fn scale_input(&self, sample_bchw: Tensor<4>, _index: usize) -> Tensor<4> {
        sample_bchw
    }

    fn add_noise(&self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>, index: usize) -> Tensor<4> {
        self.levels[index].mix(latents_bchw, noise_bchw)
    }
}

/// What the denoiser sees of a sample that is the picture plus `sigma` times noise.
pub(super) fn scaled(sample_bchw: Tensor<4>, sigma: f32) -> Tensor<4> {
    sample_bchw / sigma.hypot(1.0)
}

/// Half the logarithm of the signal-to-noise ratio at each evaluation of a ladder and after the last one.
pub(super) fn lambdas(ladder: &Ladder) -> Vec<f64> {
    let sigmas = ladder.sigmas.iter();
    sigmas.map(|&sigma| -f64::from(sigma).ln()).collect()
}

/// A list in which every value but the first and the last comes twice, for samplers of two evaluations per step: once for the
/// end of a step and once for the start of the next.
pub(super) fn doubled(values: &[f32]) -> Vec<f32> {
    let last = values.len().saturating_sub(1);
    let twice = |(index, &value)| {
        let count = if index == 0 || index == last { 1 } else { 2 };
        std::iter::repeat_n(value, count)
    };
    values.iter().enumerate().flat_map(twice).collect()
}

/// The ladder with every inner sigma twice and, between its timesteps, those of the middles of its steps, where the second
/// evaluations are; the last step has none, it ends at no noise.
pub(super) fn with_middles(ladder: Ladder, middles: impl Iterator<Item = f32>) -> Ladder {
    let last = ladder.timesteps.len() - 1;
    let pairs = ladder.timesteps.iter().zip(middles).take(last);
    let mut timesteps: Vec<f32> = pairs
        .flat_map(|(&timestep, middle)| {
            let between = ladder.known.timestep_at(f64::from(middle));
            [timestep, between as f32]
        })
        .collect();
    timesteps.push(ladder.timesteps[last]);
    Ladder {
        timesteps,
        sigmas: doubled(&ladder.sigmas),
        ..ladder
    }
}

/// How one step of an ancestral sampler splits the noise of its end, in the single precision of PyTorch: what is fresh, and
/// how far the sample walks down before it is added.
pub(super) fn ancestral(from: f32, to: f32) -> (f32, f32) {
    let (from, to) = (from * from, to * to);
    let fresh = (to * (from - to) / from).sqrt();
    let down = (to - fresh * fresh).max(0.0).sqrt();
    (fresh, down)
}

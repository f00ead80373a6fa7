//! DDIM (Song et al. 2020, equation 12) without added noise.

use burn::tensor::Tensor;

use super::Sampler;
use super::alphas::{Alphas, stride, whole_timesteps};
use super::walk::{Mixtures, Walk};
use crate::noise::NoiseSource;
use crate::schedule::class::Choices;
use crate::schedule::course::Course;
use crate::schedule::prediction::Mixture;
use crate::schedule::{BetaDefaults, PredictionType, Result};

/// The deterministic sampler.
#[derive(Debug)]
pub(super) struct Ddim {
    walk: Mixtures,
    /// What the sample after each step consists of.
    next: Vec<Mixture>,
    prediction_type: PredictionType,
    clip: Option<f64>,
}

impl Ddim {
    pub(super) fn new(course: &Course<'_>) -> Result<Self> {
        Choices::Spacings.check(course)?;
        let config = course.config;
        let alphas = Alphas(BetaDefaults::PLAIN.alphas(config, config.rescale_betas_zero_snr));
        let end = alphas.end(config.set_alpha_to_one.unwrap_or(true));
        let timesteps = whole_timesteps(course);
        let next = timesteps.iter().map(|timestep| {
            let next = alphas.at(timestep - stride(course));
            Mixture::from_alpha(next.unwrap_or(end))
        });
        Ok(Self {
            walk: alphas.walk(course, &timesteps)?,
            next: next.collect(),
            prediction_type: config.prediction_type,
            clip: config
                .clip_sample
                .unwrap_or(true)
                .then_some(config.clip_sample_range),
        })
    }
}

impl Sampler for Ddim {
    fn walk(&self) -> &dyn Walk {
        &self.walk
    }

    fn step(
        &mut self,
        model_output_bchw: Tensor<4>,
        index: usize,
        sample_bchw: Tensor<4>,
        _noise: &mut dyn NoiseSource,
    ) -> Tensor<4> {
        let (level, next) = (self.walk.levels[index], self.next[index]);
        let noise = match self.prediction_type {
            PredictionType::Epsilon => model_output_bchw.clone(),
            PredictionType::VPrediction => {
                model_output_bchw.clone() * level.signal + sample_bchw.clone() * level.noise
            }
        };
        let picture =
            self.prediction_type
                .picture_of_mixture(model_output_bchw, sample_bchw, level);
        let picture = match self.clip {
            Some(range) => picture.clamp(-range, range),
            None => picture,
        };
        next.mix(picture, noise)
    }
}

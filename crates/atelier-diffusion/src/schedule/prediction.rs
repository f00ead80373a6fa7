//! From what a denoiser says to the picture that it means, for samples of both kinds: picture plus `sigma` times noise, and
//! mixtures of unit variance.

use burn::tensor::Tensor;

use super::PredictionType;

impl PredictionType {
    /// The direction of the probability-flow equation at `sigma`, for a sample that is the picture plus `sigma` times noise.
    pub(crate) fn derivative(
        self,
        model_output_bchw: Tensor<4>,
        sample_bchw: Tensor<4>,
        sigma: f32,
    ) -> Tensor<4> {
        match self {
            // (sample - picture) / sigma is the predicted noise itself
            Self::Epsilon => model_output_bchw,
            Self::VPrediction => {
                let variance = sigma * sigma + 1.0;
                sample_bchw * (sigma / variance) + model_output_bchw / variance.sqrt()
            }
        }
    }

    /// The predicted picture at `sigma`, for a sample that is the picture plus `sigma` times noise.
    pub(crate) fn picture(
        self,
        model_output_bchw: Tensor<4>,
        sample_bchw: Tensor<4>,
        sigma: f32,
    ) -> Tensor<4> {
        match self {
            Self::Epsilon => sample_bchw - model_output_bchw * sigma,
            Self::VPrediction => {
                let variance = sigma * sigma + 1.0;
                sample_bchw / variance - model_output_bchw * (sigma / variance.sqrt())
            }
        }
    }

    /// The predicted picture for a sample of `signal` times picture plus `noise` times noise, as one of the two variances.
    pub(crate) fn picture_of_mixture(
        self,
        model_output_bchw: Tensor<4>,
        sample_bchw: Tensor<4>,
        mixture: Mixture,
    ) -> Tensor<4> {
        let Mixture { signal, noise } = mixture;
        match self {
            Self::Epsilon => (sample_bchw - model_output_bchw * noise) / signal,
            Self::VPrediction => sample_bchw * signal - model_output_bchw * noise,
        }
    }
}

/// Standard deviations of picture and noise in a sample of unit variance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixture {
    /// Of the picture.
    pub(crate) signal: f32,
    /// Of the noise.
    pub(crate) noise: f32,
}

impl Mixture {
    /// The mixture that keeps `alpha` of the picture's variance.
    pub(crate) fn from_alpha(alpha: f32) -> Self {
        Self {
            signal: alpha.sqrt(),
            noise: (1.0 - alpha).sqrt(),
        }
    }

    /// The mixture whose noise is `sigma` times its signal.
    pub(crate) fn from_sigma(sigma: f32) -> Self {
        let signal = 1.0 / (sigma * sigma + 1.0).sqrt();
        Self {
            signal,
            noise: sigma * signal,
        }
    }

    /// Clean latents mixed with noise.
    pub(crate) fn mix(self, latents_bchw: Tensor<4>, noise_bchw: Tensor<4>) -> Tensor<4> {
        latents_bchw * self.signal + noise_bchw * self.noise
    }
}

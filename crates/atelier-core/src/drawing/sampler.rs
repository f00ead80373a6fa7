//! The samplers that a user can name.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// Which rule walks from noise to picture. Each one equals a scheduler class of diffusers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SamplerKind {
    /// Denoising diffusion implicit models (Song et al. 2020), deterministic: `DDIMScheduler`.
    #[default]
    Ddim,
    /// Pseudo numerical methods (Liu et al. 2022), fourth order from past steps: `PNDMScheduler`.
    Pndm,
    /// Linear multistep of order 4 on the probability-flow equation: `LMSDiscreteScheduler`.
    Lms,
    /// Euler steps on the probability-flow equation (Karras et al. 2022): `EulerDiscreteScheduler`.
    Euler,
    /// Euler steps with fresh noise after each: `EulerAncestralDiscreteScheduler`.
    EulerA,
    /// Heun's second-order method, two evaluations per step: `HeunDiscreteScheduler`.
    Heun,
    /// The midpoint method in log sigma, two evaluations per step: `KDPM2DiscreteScheduler`.
    Dpm2,
    /// The midpoint method with fresh noise after each step: `KDPM2AncestralDiscreteScheduler`.
    Dpm2A,
    /// DPM-Solver++ (Lu et al. 2022), second-order multistep: `DPMSolverMultistepScheduler`.
    #[serde(rename = "dpmpp-2m")]
    Dpmpp2m,
    /// DPM-Solver++ of second order on the stochastic equation: `DPMSolverMultistepScheduler`.
    #[serde(rename = "dpmpp-2m-sde")]
    Dpmpp2mSde,
    /// DPM-Solver++ with two evaluations per step and Brownian noise: `DPMSolverSDEScheduler`.
    #[serde(rename = "dpmpp-sde")]
    DpmppSde,
    /// DPM-Solver++ of third order on the stochastic equation: `DPMSolverMultistepScheduler`.
    #[serde(rename = "dpmpp-3m-sde")]
    Dpmpp3mSde,
    /// Predictor and corrector of one family (Zhao et al. 2023): `UniPCMultistepScheduler`.
    Unipc,
    /// For latent consistency models (Luo et al. 2023), few steps: `LCMScheduler`.
    Lcm,
}

closed_choice!(SamplerKind, "sampler", {
    Ddim => "ddim",
    Pndm => "pndm",
    Lms => "lms",
    Euler => "euler",
    EulerA => "euler-a",
    Heun => "heun",
    Dpm2 => "dpm2",
    Dpm2A => "dpm2-a",
    Dpmpp2m => "dpmpp-2m",
    Dpmpp2mSde => "dpmpp-2m-sde",
    DpmppSde => "dpmpp-sde",
    Dpmpp3mSde => "dpmpp-3m-sde",
    Unipc => "unipc",
    Lcm => "lcm",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_sampler_lists_the_valid_ones() {
        let error = "dpm9".parse::<SamplerKind>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown sampler `dpm9`, valid values: ddim, pndm, lms, euler, euler-a, heun, dpm2, dpm2-a, dpmpp-2m, \
             dpmpp-2m-sde, dpmpp-sde, dpmpp-3m-sde, unipc, lcm"
        );
    }

    #[test]
    fn every_name_reads_back() {
        for &kind in SamplerKind::ALL {
            assert_eq!(kind.name().parse::<SamplerKind>().unwrap(), kind);
        }
    }

    #[test]
    fn files_and_commands_use_the_same_names() {
        for &kind in SamplerKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}

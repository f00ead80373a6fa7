//! The samplers that a user can name.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// Which rule walks from noise to picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SamplerKind {
    /// Denoising diffusion implicit models (Song et al. 2020), deterministic.
    #[default]
    Ddim,
    /// Euler steps on the probability-flow equation (Karras et al. 2022, algorithm 2 without churn).
    Euler,
}

closed_choice!(SamplerKind, "sampler", { Ddim => "ddim", Euler => "euler" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_sampler_lists_the_valid_ones() {
        let error = "dpm9".parse::<SamplerKind>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown sampler `dpm9`, valid values: ddim, euler"
        );
    }

    #[test]
    fn every_name_reads_back() {
        for &kind in SamplerKind::ALL {
            assert_eq!(kind.name().parse::<SamplerKind>().unwrap(), kind);
        }
    }
}

//! The schedules that a user can name: how a sampler's steps spread over the noise levels.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// How the steps spread over the noise levels. Any value but the first replaces what the base's file says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// What the base's scheduler file says, or the sampler's own default.
    #[default]
    Base,
    /// Whole strides from the first timestep on (Lin et al. 2023, table 2).
    Leading,
    /// Whole strides back from the last timestep.
    Trailing,
    /// Evenly from the last timestep to the first.
    Linspace,
    /// Noise levels evenly spaced in their seventh root (Karras et al. 2022, equation 5).
    Karras,
    /// Noise levels evenly spaced in their logarithm.
    Exponential,
    /// Noise levels at quantiles of a beta distribution, dense at both ends (Lee et al. 2024).
    Beta,
    /// The uniform spacing of Stability AI's generative-models; as in diffusers' table of names, the same as `trailing`.
    SgmUniform,
}

closed_choice!(ScheduleKind, "schedule", {
    Base => "base",
    Leading => "leading",
    Trailing => "trailing",
    Linspace => "linspace",
    Karras => "karras",
    Exponential => "exponential",
    Beta => "beta",
    SgmUniform => "sgm-uniform",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_use_the_same_names() {
        for &kind in ScheduleKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(kind.name().parse::<ScheduleKind>().unwrap(), kind);
        }
    }
}

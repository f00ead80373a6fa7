//! What was asked of a walk from noise to a picture, and what that means for its timesteps.

use atelier_core::{SamplerKind, ScheduleKind};

use super::config::{ScheduleConfig, SigmaRule, TimestepSpacing};
use super::spacing::Grid;

/// What was asked of a walk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course<'a> {
    /// Who walks.
    pub(crate) sampler: SamplerKind,
    /// The schedule that the request names.
    pub(crate) schedule: ScheduleKind,
    /// The settings of the base.
    pub(crate) config: &'a ScheduleConfig,
    /// In how many steps.
    pub(crate) steps: usize,
}

impl Course<'_> {
    /// What timesteps are counted from.
    pub(crate) fn grid(&self) -> Grid {
        Grid::new(self.config, self.steps)
    }

    /// The spacing that is meant, with the sampler's own where neither request nor file names one.
    pub(crate) fn spacing(&self, own: TimestepSpacing) -> TimestepSpacing {
        match self.schedule {
            ScheduleKind::Leading => TimestepSpacing::Leading,
            ScheduleKind::Linspace => TimestepSpacing::Linspace,
            ScheduleKind::Trailing | ScheduleKind::SgmUniform => TimestepSpacing::Trailing,
            ScheduleKind::Base
            | ScheduleKind::Karras
            | ScheduleKind::Exponential
            | ScheduleKind::Beta => self.config.timestep_spacing.unwrap_or(own),
        }
    }

    /// The rule for sigmas that is meant.
    pub(super) fn rule(&self) -> SigmaRule {
        match self.schedule {
            ScheduleKind::Base => self.config.sigma_rule,
            ScheduleKind::Karras => SigmaRule::Karras,
            ScheduleKind::Exponential => SigmaRule::Exponential,
            ScheduleKind::Beta => SigmaRule::Beta,
            ScheduleKind::Leading
            | ScheduleKind::Trailing
            | ScheduleKind::Linspace
            | ScheduleKind::SgmUniform => SigmaRule::Spaced,
        }
    }
}

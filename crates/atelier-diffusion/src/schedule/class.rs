//! What the scheduler classes of diffusers do differently from one another when they lay out timesteps and noise levels.

use atelier_core::ScheduleKind;

use super::config::SigmaRule;
use super::course::Course;
use super::{BetaDefaults, Result, ScheduleError};

/// Which schedules a sampler has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choices {
    /// Only the one of its own.
    None,
    /// The spacings.
    Spacings,
    /// The spacings and the rules for sigmas.
    All,
}

impl Choices {
    fn contains(self, schedule: ScheduleKind) -> bool {
        match schedule {
            ScheduleKind::Base => true,
            ScheduleKind::Leading
            | ScheduleKind::Trailing
            | ScheduleKind::Linspace
            | ScheduleKind::SgmUniform => self != Self::None,
            ScheduleKind::Karras | ScheduleKind::Exponential | ScheduleKind::Beta => {
                self == Self::All
            }
        }
    }

    /// Refuses a schedule that the sampler does not have.
    pub(crate) fn check(self, course: &Course<'_>) -> Result<()> {
        if self.contains(course.schedule) {
            return Ok(());
        }
        let possible = ScheduleKind::ALL.iter().filter(|s| self.contains(**s));
        Err(ScheduleError::NoSuchSchedule {
            sampler: course.sampler,
            schedule: course.schedule,
            possible: possible.map(|s| s.name()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// How timesteps are rounded that a rule for sigmas gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Not at all.
    None,
    /// To the nearest with Karras' rule, not at all with the others.
    Karras,
    /// DPM-Solver: to the nearest with Karras' and Lu's rules unless the betas follow the cosine; then cut to whole numbers.
    DpmSolver,
    /// `UniPC`: to the nearest with Karras' rule; then cut to whole numbers.
    UniPc,
}

/// A setting that only some classes read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// `rescale_betas_zero_snr`.
    ZeroSnr,
    /// `sigma_min` and `sigma_max` with Karras' rule; the other rules always read them.
    KarrasRange,
    /// `final_sigmas_type`.
    FinalSigma,
}

/// What a scheduler class of diffusers does differently from the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Class {
    /// Which schedules it has.
    pub(crate) choices: Choices,
    /// Its betas where the file states none.
    pub(crate) betas: BetaDefaults,
    /// The settings that only some classes read.
    pub(crate) reads: &'static [Setting],
    /// Whether sigmas are those of the spaced timesteps in single precision, or in double.
    pub(crate) single_precision: bool,
    /// How timesteps are rounded.
    pub(crate) rounding: Rounding,
}

impl Class {
    /// Most classes: those that follow k-diffusion.
    pub(crate) const K_DIFFUSION: Self = Self {
        choices: Choices::All,
        betas: BetaDefaults::PLAIN,
        reads: &[Setting::KarrasRange],
        single_precision: true,
        rounding: Rounding::None,
    };

    /// Whether it reads a setting.
    pub(super) fn reads(&self, setting: Setting) -> bool {
        self.reads.contains(&setting)
    }

    /// Whether timesteps are starts of intervals, and rules for sigmas span the whole schedule.
    pub(super) fn spans_intervals(&self) -> bool {
        matches!(self.rounding, Rounding::DpmSolver | Rounding::UniPc)
    }

    pub(super) fn knows_rule(&self, rule: SigmaRule) -> bool {
        match rule {
            SigmaRule::Spaced => true,
            SigmaRule::Lu => self.rounding == Rounding::DpmSolver,
            SigmaRule::Karras | SigmaRule::Exponential | SigmaRule::Beta => {
                self.choices == Choices::All
            }
        }
    }
}

//! Why a noise schedule cannot be used.

use atelier_core::{Coded, ErrorCode, SamplerKind, ScheduleKind};

/// A noise schedule cannot be used, or not with these settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The file cannot be read.
    #[error("cannot read the noise schedule")]
    Read(#[from] std::io::Error),
    /// The text is not JSON, or a setting has a value of the wrong kind.
    #[error("noise schedule is not valid")]
    Json(#[from] serde_json::Error),
    /// A setting has a value that is not supported.
    #[error("noise schedule sets `{setting}` to `{got}`, supported: {supported}")]
    Unsupported {
        /// The setting.
        setting: &'static str,
        /// Its value.
        got: String,
        /// What is accepted.
        supported: &'static str,
    },
    /// A sampler cannot take so many steps.
    #[error("number of steps must lie between {least} and {most}, got {got}")]
    Steps {
        /// The number asked for.
        got: usize,
        /// The smallest number that the sampler can take.
        least: usize,
        /// The largest number that the sampler can take.
        most: usize,
    },
    /// The settings lead to a timestep that the training did not have, or that the sampler cannot start from.
    #[error(
        "{steps} steps lead to timestep {timestep}, which this schedule of {count} timesteps cannot draw from"
    )]
    Timestep {
        /// The number of steps.
        steps: usize,
        /// The timestep.
        timestep: i64,
        /// Timesteps of the training.
        count: usize,
    },
    /// The sampler is not defined on this schedule.
    #[error("sampler `{sampler}` has no `{schedule}` schedule, possible: {possible}")]
    NoSuchSchedule {
        /// The sampler.
        sampler: SamplerKind,
        /// The schedule asked for.
        schedule: ScheduleKind,
        /// The schedules that the sampler has.
        possible: String,
    },
    /// Two steps would start from the same amount of noise.
    #[error(
        "{steps} steps visit the noise level of timestep {timestep} twice, take fewer steps or another schedule"
    )]
    Repeated {
        /// The number of steps.
        steps: usize,
        /// The timestep.
        timestep: i64,
    },
}

impl Coded for ScheduleError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Read(_) => ErrorCode::Io,
            Self::Json { .. } | Self::Unsupported { .. } => ErrorCode::BadBase,
            Self::Steps { .. }
            | Self::Timestep { .. }
            | Self::NoSuchSchedule { .. }
            | Self::Repeated { .. } => ErrorCode::InvalidInput,
        }
    }
}

//! The settings of `scheduler_config.json`.

use std::path::Path;

use atelier_core::{Coded, ErrorCode};
use serde::Deserialize;
use serde_json::Value;

use super::Result;

/// How the variances run from the first to the last timestep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetaSchedule {
    /// Evenly.
    Linear,
    /// Their square roots run evenly.
    ScaledLinear,
    /// The squared cosine of Nichol and Dhariwal 2021.
    SquaredcosCapV2,
}

/// What the denoiser predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PredictionType {
    /// The noise.
    Epsilon,
    /// The velocity of Salimans and Ho 2022.
    VPrediction,
}

/// Which timesteps a sampler visits (Lin et al. 2023, table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestepSpacing {
    /// Evenly from the first to the last.
    Linspace,
    /// Whole strides from the first on.
    Leading,
    /// Whole strides back from the last.
    Trailing,
}

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
    #[error("number of steps must lie between 1 and {most}, got {got}")]
    Steps {
        /// The number asked for.
        got: usize,
        /// Timesteps of the training.
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
}

impl Coded for ScheduleError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Read(_) => ErrorCode::Io,
            Self::Json { .. } | Self::Unsupported { .. } => ErrorCode::BadBase,
            Self::Steps { .. } | Self::Timestep { .. } => ErrorCode::InvalidInput,
        }
    }
}

/// The settings of a schedule that decide a picture. Those that only other samplers know are left unread.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleConfig {
    /// Timesteps of the training.
    pub num_train_timesteps: usize,
    /// Variance at the first timestep.
    pub beta_start: f64,
    /// Variance at the last timestep.
    pub beta_end: f64,
    /// How the variance runs between the two.
    pub beta_schedule: BetaSchedule,
    /// What the denoiser predicts.
    pub prediction_type: PredictionType,
    /// Whether DDIM cuts the predicted picture to `clip_sample_range`.
    pub clip_sample: bool,
    /// Largest magnitude of a predicted picture with `clip_sample`.
    pub clip_sample_range: f64,
    /// Whether DDIM ends without noise, or with that of the first timestep.
    pub set_alpha_to_one: bool,
    /// Added to every timestep with leading spacing.
    pub steps_offset: i64,
    /// Which timesteps are visited; where it is absent each sampler has its own default.
    pub timestep_spacing: Option<TimestepSpacing>,
    /// Whether the betas are rescaled so that the last timestep is pure noise.
    pub rescale_betas_zero_snr: bool,
    /// A setting of the Euler sampler that is not supported, and its value.
    pub(crate) unsupported_by_euler: Option<(&'static str, String)>,
}

impl Default for ScheduleConfig {
    /// What diffusers assumes for settings that a file lacks.
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.0001,
            beta_end: 0.02,
            beta_schedule: BetaSchedule::Linear,
            prediction_type: PredictionType::Epsilon,
            clip_sample: true,
            clip_sample_range: 1.0,
            set_alpha_to_one: true,
            steps_offset: 0,
            timestep_spacing: None,
            rescale_betas_zero_snr: false,
            unsupported_by_euler: None,
        }
    }
}

/// The file as it stands; `null` counts as absent.
#[derive(Deserialize)]
struct File {
    num_train_timesteps: Option<usize>,
    beta_start: Option<f64>,
    beta_end: Option<f64>,
    beta_schedule: Option<String>,
    trained_betas: Option<Value>,
    prediction_type: Option<String>,
    clip_sample: Option<bool>,
    clip_sample_range: Option<f64>,
    thresholding: Option<bool>,
    set_alpha_to_one: Option<bool>,
    steps_offset: Option<i64>,
    timestep_spacing: Option<String>,
    rescale_betas_zero_snr: Option<bool>,
}

impl ScheduleConfig {
    /// Reads `scheduler_config.json`.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_json(&fs_err::read_to_string(path)?)
    }

    /// Reads the text of a `scheduler_config.json`.
    pub fn from_json(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text)?;
        let file = File::deserialize(&json)?;
        refuse_unsupported(&file)?;
        let default = Self::default();
        Ok(Self {
            num_train_timesteps: file
                .num_train_timesteps
                .unwrap_or(default.num_train_timesteps),
            beta_start: file.beta_start.unwrap_or(default.beta_start),
            beta_end: file.beta_end.unwrap_or(default.beta_end),
            beta_schedule: beta_schedule(file.beta_schedule.as_deref())?
                .unwrap_or(default.beta_schedule),
            prediction_type: prediction_type(file.prediction_type.as_deref())?
                .unwrap_or(default.prediction_type),
            clip_sample: file.clip_sample.unwrap_or(default.clip_sample),
            clip_sample_range: file.clip_sample_range.unwrap_or(default.clip_sample_range),
            set_alpha_to_one: file.set_alpha_to_one.unwrap_or(default.set_alpha_to_one),
            steps_offset: file.steps_offset.unwrap_or(default.steps_offset),
            timestep_spacing: timestep_spacing(file.timestep_spacing.as_deref())?,
            rescale_betas_zero_snr: file
                .rescale_betas_zero_snr
                .unwrap_or(default.rescale_betas_zero_snr),
            unsupported_by_euler: unsupported_by_euler(&json),
        })
    }
}

fn refuse_unsupported(file: &File) -> Result<()> {
    let unsupported = |setting, got: String, supported| {
        Err(ScheduleError::Unsupported {
            setting,
            got,
            supported,
        })
    };
    if file.trained_betas.is_some() {
        return unsupported("trained_betas", "a list".to_owned(), "null");
    }
    if file.thresholding == Some(true) {
        return unsupported("thresholding", "true".to_owned(), "false");
    }
    // a timestep takes four bytes here and there; a million of them is beyond any published schedule
    match file.num_train_timesteps {
        Some(count) if !(1..=1_000_000).contains(&count) => {
            unsupported("num_train_timesteps", count.to_string(), "1 to 1000000")
        }
        _ => Ok(()),
    }
}

/// Looks a word up among those supported; an absent one stays absent.
fn choice<T: Copy>(
    setting: &'static str,
    got: Option<&str>,
    known: &[(&str, T)],
    supported: &'static str,
) -> Result<Option<T>> {
    got.map(|word| {
        let found = known.iter().find(|(name, _)| *name == word);
        found
            .map(|&(_, value)| value)
            .ok_or_else(|| ScheduleError::Unsupported {
                setting,
                got: word.to_owned(),
                supported,
            })
    })
    .transpose()
}

fn beta_schedule(word: Option<&str>) -> Result<Option<BetaSchedule>> {
    let known = [
        ("linear", BetaSchedule::Linear),
        ("scaled_linear", BetaSchedule::ScaledLinear),
        ("squaredcos_cap_v2", BetaSchedule::SquaredcosCapV2),
    ];
    choice(
        "beta_schedule",
        word,
        &known,
        "linear, scaled_linear, squaredcos_cap_v2",
    )
}

fn prediction_type(word: Option<&str>) -> Result<Option<PredictionType>> {
    let known = [
        ("epsilon", PredictionType::Epsilon),
        ("v_prediction", PredictionType::VPrediction),
    ];
    choice("prediction_type", word, &known, "epsilon, v_prediction")
}

fn timestep_spacing(word: Option<&str>) -> Result<Option<TimestepSpacing>> {
    let known = [
        ("linspace", TimestepSpacing::Linspace),
        ("leading", TimestepSpacing::Leading),
        ("trailing", TimestepSpacing::Trailing),
    ];
    choice(
        "timestep_spacing",
        word,
        &known,
        "linspace, leading, trailing",
    )
}

/// The first setting that changes the sigmas or timesteps of the Euler sampler away from its defaults.
fn unsupported_by_euler(json: &Value) -> Option<(&'static str, String)> {
    let plain = [
        ("interpolation_type", Value::from("linear")),
        ("use_karras_sigmas", Value::Bool(false)),
        ("use_exponential_sigmas", Value::Bool(false)),
        ("use_beta_sigmas", Value::Bool(false)),
        ("timestep_type", Value::from("discrete")),
        ("final_sigmas_type", Value::from("zero")),
    ];
    plain.into_iter().find_map(|(setting, default)| {
        let got = &json[setting];
        (!got.is_null() && *got != default).then(|| (setting, got.to_string()))
    })
}

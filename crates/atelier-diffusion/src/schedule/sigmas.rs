//! Ladders of noise levels: the timesteps that a sampler visits with the standard deviation of the noise at each, for samples
//! that are the picture plus `sigma` times noise. Digit by digit those of diffusers' `set_timesteps`.

use super::class::{Class, Rounding, Setting};
use super::config::{BetaSchedule, FinalSigma, ScheduleConfig, SigmaRule, TimestepSpacing};
use super::course::Course;
use super::quantile::beta_quantile;
use super::spacing::linspace;
use super::{Result, ScheduleError};

/// What is left of the picture at the last timestep of a rescaled schedule, so that its sigma stays finite.
const SMALLEST_ALPHA: f32 = 1.0 / 16_777_216.0;

/// Karras et al. 2022, equation 5.
const RHO: f64 = 7.0;

/// Both shapes of the beta distribution of Lee et al. 2024.
const BETA_SHAPE: f64 = 0.6;

/// The noise levels of one walk.
#[derive(Debug, Clone)]
pub(crate) struct Ladder {
    /// The timestep that the denoiser is told at each step.
    pub(crate) timesteps: Vec<f32>,
    /// Noise at each step, and after the last one.
    pub(crate) sigmas: Vec<f32>,
    /// The factor from unit noise to the first sample, for samplers that keep samples in sigma space.
    pub(crate) init_noise_sigma: f32,
    /// Noise at every timestep of the training.
    pub(crate) known: Known,
}

impl Ladder {
    /// The noise levels that a scheduler class lays out for a course.
    pub(crate) fn new(class: &Class, course: &Course<'_>) -> Result<Self> {
        class.choices.check(course)?;
        let config = course.config;
        let known = Known::new(class, config);
        let spacing = course.spacing(TimestepSpacing::Linspace);
        let rule = Some(course.rule()).filter(|&rule| class.knows_rule(rule));
        let rule = rule.unwrap_or(SigmaRule::Spaced);
        let mut timesteps = spaced(class, course, &known, spacing);
        let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| known.sigma_at(t)).collect();
        if rule != SigmaRule::Spaced {
            let range = known.range(class, config, rule, &sigmas);
            sigmas = ruled_sigmas(rule, range, course.steps);
            timesteps = known.rounded_timesteps(class, config, rule, &sigmas);
        }
        let last = match config.final_sigma {
            FinalSigma::Smallest if class.reads(Setting::FinalSigma) => {
                // UniPC means the last sigma of a rule, the others that of the first timestep
                let ruled = class.rounding == Rounding::UniPc && rule != SigmaRule::Spaced;
                if ruled {
                    sigmas[sigmas.len() - 1] as f32
                } else {
                    known.sigmas[0]
                }
            }
            FinalSigma::Zero | FinalSigma::Smallest => 0.0,
        };
        let timesteps: Vec<f32> = timesteps.into_iter().map(|t| t as f32).collect();
        let mut sigmas: Vec<f32> = sigmas.into_iter().map(|sigma| sigma as f32).collect();
        refuse_repetition(class, &timesteps, &sigmas, last)?;
        sigmas.push(last);
        let largest = sigmas.iter().copied().fold(0.0, f32::max);
        let init_noise_sigma = match spacing {
            TimestepSpacing::Linspace | TimestepSpacing::Trailing => largest,
            TimestepSpacing::Leading => (largest * largest + 1.0).sqrt(),
        };
        Ok(Self {
            timesteps,
            sigmas,
            init_noise_sigma,
            known,
        })
    }
}

/// Noise at every timestep of the training.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    sigmas: Vec<f32>,
    log_sigmas: Vec<f32>,
}

impl Known {
    fn new(class: &Class, config: &ScheduleConfig) -> Self {
        let zero_snr = class.reads(Setting::ZeroSnr) && config.rescale_betas_zero_snr;
        let mut alphas = class.betas.alphas(config, zero_snr);
        if let Some(last) = alphas.last_mut().filter(|_| zero_snr) {
            *last = SMALLEST_ALPHA;
        }
        let sigmas: Vec<f32> = alphas
            .into_iter()
            .map(|alpha| ((1.0 - alpha) / alpha).sqrt())
            .collect();
        let log_sigmas = sigmas.iter().map(|&s| f64::from(s).ln() as f32).collect();
        Self { sigmas, log_sigmas }
    }

    /// The sigma between two whole timesteps; outside the schedule that of its nearer end.
    fn sigma_at(&self, timestep: f64) -> f64 {
        let last = self.sigmas.len() - 1;
        let timestep = timestep.clamp(0.0, last as f64);
        #[expect(clippy::cast_sign_loss, reason = "clamped to the schedule")]
        let below = timestep.floor() as usize;
        let (low, high) = (
            f64::from(self.sigmas[below]),
            f64::from(self.sigmas[(below + 1).min(last)]),
        );
        low + (high - low) * timestep.fract()
    }

    /// The fractional timestep of a sigma, found between logarithms.
    pub(crate) fn timestep_at(&self, sigma: f64) -> f64 {
        let logs = &self.log_sigmas;
        if logs.len() < 2 {
            return 0.0;
        }
        let log = sigma.max(1e-10).ln();
        let reached = logs.partition_point(|&known| f64::from(known) <= log);
        let below = reached.saturating_sub(1).min(logs.len() - 2);
        let (low, high) = (logs[below], logs[below + 1]);
        let share = (f64::from(low) - log) / f64::from(low - high);
        let share = share.clamp(0.0, 1.0);
        (1.0 - share) * below as f64 + share * (below + 1) as f64
    }

    /// The largest and the smallest sigma that a rule spans.
    fn range(
        &self,
        class: &Class,
        config: &ScheduleConfig,
        rule: SigmaRule,
        spaced: &[f64],
    ) -> (f64, f64) {
        let last = self.sigmas.len() - 1;
        if rule == SigmaRule::Lu {
            let log = |index: usize| f64::from(self.log_sigmas[index]);
            return (log(last), log(0));
        }
        let (largest, smallest) = if class.spans_intervals() {
            (f64::from(self.sigmas[last]), f64::from(self.sigmas[0]))
        } else {
            (spaced[0], spaced[spaced.len() - 1])
        };
        if rule == SigmaRule::Karras && !class.reads(Setting::KarrasRange) {
            return (largest, smallest);
        }
        (
            config.sigma_max.unwrap_or(largest),
            config.sigma_min.unwrap_or(smallest),
        )
    }

    fn rounded_timesteps(
        &self,
        class: &Class,
        config: &ScheduleConfig,
        rule: SigmaRule,
        sigmas: &[f64],
    ) -> Vec<f64> {
        let cosine = config.beta_schedule == Some(BetaSchedule::SquaredcosCapV2);
        let karras = rule == SigmaRule::Karras;
        let nearest = match class.rounding {
            Rounding::None => false,
            Rounding::Karras | Rounding::UniPc => karras,
            Rounding::DpmSolver => (karras || rule == SigmaRule::Lu) && !cosine,
        };
        let round = |timestep: f64| match (nearest, class.spans_intervals()) {
            (true, _) => timestep.round_ties_even(),
            (false, true) => timestep.trunc(),
            (false, false) => timestep,
        };
        let timesteps = sigmas.iter().map(|&sigma| self.timestep_at(sigma));
        timesteps.map(round).collect()
    }
}

/// The timesteps of a spacing, in the precision of the class.
fn spaced(class: &Class, course: &Course<'_>, known: &Known, spacing: TimestepSpacing) -> Vec<f64> {
    let grid = course.grid();
    if !class.spans_intervals() {
        let timesteps = grid.timesteps(spacing);
        if !class.single_precision {
            return timesteps;
        }
        return timesteps.into_iter().map(|t| f64::from(t as f32)).collect();
    }
    if class.rounding != Rounding::DpmSolver {
        return grid.interval_starts(spacing);
    }
    let clip = course.config.solver.lambda_min_clipped;
    // lambda, half the logarithm of the signal-to-noise ratio, is minus the logarithm of sigma and falls with the timestep
    let usable = known
        .log_sigmas
        .partition_point(|&log| f64::from(-log) >= clip);
    grid.limited_to(usable.max(1)).interval_starts(spacing)
}

/// `steps` sigmas from the largest to the smallest; for Lu's rule the range is one of logarithms.
fn ruled_sigmas(rule: SigmaRule, (largest, smallest): (f64, f64), steps: usize) -> Vec<f64> {
    match rule {
        SigmaRule::Spaced | SigmaRule::Karras => {
            let (start, end) = (largest.powf(1.0 / RHO), smallest.powf(1.0 / RHO));
            let ramp = linspace(0.0, 1.0, steps).into_iter();
            ramp.map(|share| (start + share * (end - start)).powf(RHO))
                .collect()
        }
        SigmaRule::Exponential => {
            let logs = linspace(largest.ln(), smallest.ln(), steps);
            logs.into_iter().map(f64::exp).collect()
        }
        SigmaRule::Beta => {
            let shares = linspace(0.0, 1.0, steps).into_iter();
            let quantiles = shares.map(|share| beta_quantile(1.0 - share, BETA_SHAPE, BETA_SHAPE));
            quantiles
                .map(|quantile| smallest + quantile * (largest - smallest))
                .collect()
        }
        SigmaRule::Lu => {
            let ramp = linspace(0.0, 1.0, steps).into_iter();
            ramp.map(|share| (largest + share * (smallest - largest)).exp())
                .collect()
        }
    }
}

/// Steps of no length have no direction: most samplers would divide by zero.
fn refuse_repetition(class: &Class, timesteps: &[f32], sigmas: &[f32], last: f32) -> Result<()> {
    let repeated = |index: usize| {
        Err(ScheduleError::Repeated {
            steps: sigmas.len(),
            timestep: timesteps[index].round() as i64,
        })
    };
    if let Some(index) = sigmas.windows(2).position(|pair| pair[0] <= pair[1]) {
        return repeated(index + 1);
    }
    let final_index = sigmas.len() - 1;
    if class.rounding == Rounding::UniPc && sigmas[final_index] <= last {
        return repeated(final_index);
    }
    Ok(())
}

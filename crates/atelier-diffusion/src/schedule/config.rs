//! The settings of `scheduler_config.json`. A setting whose default differs between the scheduler classes of diffusers is an
//! `Option`; the sampler that reads it knows the default.

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

/// How noise levels follow from the timesteps of a spacing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigmaRule {
    /// They are those of the timesteps.
    Spaced,
    /// Evenly spaced in their seventh root.
    Karras,
    /// Evenly spaced in their logarithm, between the ends of the spaced ones.
    Exponential,
    /// Quantiles of a beta distribution.
    Beta,
    /// Evenly spaced in the logarithm of the whole schedule (Lu et al. 2022); known to DPM-Solver alone.
    Lu,
}

/// The noise level after the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalSigma {
    /// None.
    Zero,
    /// That of the first timestep.
    Smallest,
}

/// The update formula of a multistep solver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SolverType {
    /// DPM-Solver's midpoint form.
    Midpoint,
    /// DPM-Solver's Heun form.
    Heun,
    /// `UniPC` with `B(h) = h`.
    Bh1,
    /// `UniPC` with `B(h) = e^h - 1`.
    Bh2,
}

/// What the multistep solvers (`dpmpp-*` and `unipc`) read.
#[derive(Debug, Clone, PartialEq)]
pub struct SolverSettings {
    /// Order of `UniPC`; the other solvers carry theirs in their names.
    pub order: usize,
    /// The update formula; each solver has its own default, also for a formula that it does not know.
    pub solver_type: Option<SolverType>,
    /// Whether the last steps of a short walk use a lower order.
    pub lower_order_final: bool,
    /// Whether the last step is always of first order.
    pub euler_at_final: bool,
    /// Timesteps with a smaller half log signal-to-noise ratio are left out.
    pub lambda_min_clipped: f64,
    /// Steps after which `UniPC` does not correct.
    pub disable_corrector: Vec<usize>,
}

/// The settings of a schedule that decide a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleConfig {
    /// Timesteps of the training.
    pub num_train_timesteps: usize,
    /// Variance at the first timestep.
    pub beta_start: Option<f64>,
    /// Variance at the last timestep.
    pub beta_end: Option<f64>,
    /// How the variance runs between the two.
    pub beta_schedule: Option<BetaSchedule>,
    /// The variances themselves, in place of the three above.
    pub trained_betas: Option<Vec<f32>>,
    /// What the denoiser predicts.
    pub prediction_type: PredictionType,
    /// Whether DDIM, Heun and LCM cut the predicted picture to `clip_sample_range`.
    pub clip_sample: Option<bool>,
    /// Largest magnitude of a predicted picture with `clip_sample`.
    pub clip_sample_range: f64,
    /// Whether DDIM, PNDM and LCM end without noise, or with that of the first timestep.
    pub set_alpha_to_one: Option<bool>,
    /// Added to every timestep with leading spacing.
    pub steps_offset: i64,
    /// Which timesteps are visited; where it is absent each sampler has its own default.
    pub timestep_spacing: Option<TimestepSpacing>,
    /// Whether the betas are rescaled so that the last timestep is pure noise.
    pub rescale_betas_zero_snr: bool,
    /// Whether PNDM starts without Runge-Kutta steps.
    pub skip_prk_steps: bool,
    /// How noise levels follow from the timesteps.
    pub sigma_rule: SigmaRule,
    /// Smallest noise level of a rule other than [`SigmaRule::Spaced`].
    pub sigma_min: Option<f64>,
    /// Largest noise level of a rule other than [`SigmaRule::Spaced`].
    pub sigma_max: Option<f64>,
    /// The noise level after the last step.
    pub final_sigma: FinalSigma,
    /// Whether Euler tells a denoiser of velocities a quarter of the logarithm of sigma in place of the timestep.
    pub continuous_timesteps: bool,
    /// What the multistep solvers read.
    pub solver: SolverSettings,
    /// Timesteps that an LCM was distilled on.
    pub original_inference_steps: usize,
    /// LCM's factor on timesteps.
    pub timestep_scaling: f64,
    /// Seed of `dpmpp-sde`'s Brownian motion in place of the picture's seed.
    pub noise_sampler_seed: Option<u64>,
    /// Settings with values that this program does not follow. A sampler whose class reads one refuses.
    pub(crate) unbuilt: Vec<(&'static str, String)>,
}

impl Default for ScheduleConfig {
    /// What diffusers assumes for settings that a file lacks.
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: None,
            beta_end: None,
            beta_schedule: None,
            trained_betas: None,
            prediction_type: PredictionType::Epsilon,
            clip_sample: None,
            clip_sample_range: 1.0,
            set_alpha_to_one: None,
            steps_offset: 0,
            timestep_spacing: None,
            rescale_betas_zero_snr: false,
            skip_prk_steps: false,
            sigma_rule: SigmaRule::Spaced,
            sigma_min: None,
            sigma_max: None,
            final_sigma: FinalSigma::Zero,
            continuous_timesteps: false,
            solver: SolverSettings::default(),
            original_inference_steps: 50,
            timestep_scaling: 10.0,
            noise_sampler_seed: None,
            unbuilt: Vec::new(),
        }
    }
}

impl Default for SolverSettings {
    /// What diffusers assumes for settings that a file lacks.
    fn default() -> Self {
        Self {
            order: 2,
            solver_type: None,
            lower_order_final: true,
            euler_at_final: false,
            lambda_min_clipped: f64::NEG_INFINITY,
            disable_corrector: Vec::new(),
        }
    }
}

//! Reading `scheduler_config.json`: absent and `null` settings take their defaults, unknown ones are left unread.

use std::path::Path;

use atelier_weights::quote_infinities;
use serde::Deserialize;
use serde_json::Value;

use super::config::{
    BetaSchedule, FinalSigma, PredictionType, ScheduleConfig, SigmaRule, SolverSettings,
    SolverType, TimestepSpacing,
};
use super::{Result, ScheduleError};

/// The file as it stands.
#[derive(Deserialize)]
struct File {
    num_train_timesteps: Option<usize>,
    beta_start: Option<f64>,
    beta_end: Option<f64>,
    beta_schedule: Option<String>,
    trained_betas: Option<Vec<f32>>,
    prediction_type: Option<String>,
    clip_sample: Option<bool>,
    clip_sample_range: Option<f64>,
    thresholding: Option<bool>,
    set_alpha_to_one: Option<bool>,
    steps_offset: Option<i64>,
    timestep_spacing: Option<String>,
    rescale_betas_zero_snr: Option<bool>,
    skip_prk_steps: Option<bool>,
    use_karras_sigmas: Option<bool>,
    use_exponential_sigmas: Option<bool>,
    use_beta_sigmas: Option<bool>,
    use_lu_lambdas: Option<bool>,
    sigma_min: Option<f64>,
    sigma_max: Option<f64>,
    final_sigmas_type: Option<String>,
    timestep_type: Option<String>,
    solver_order: Option<usize>,
    solver_type: Option<String>,
    lower_order_final: Option<bool>,
    euler_at_final: Option<bool>,
    lambda_min_clipped: Option<Value>,
    disable_corrector: Option<Vec<usize>>,
    original_inference_steps: Option<usize>,
    timestep_scaling: Option<f64>,
    noise_sampler_seed: Option<u64>,
}

impl ScheduleConfig {
    /// Reads `scheduler_config.json`.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_json(&fs_err::read_to_string(path)?)
    }

    /// Reads the text of a `scheduler_config.json`, which may hold the infinities that Python writes.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut json: Value = serde_json::from_str(&quote_infinities(text))?;
        forget_defaults(&mut json);
        let file = File::deserialize(&json)?;
        refuse_class(&json)?;
        refuse_unsupported(&file)?;
        let default = Self::default();
        Ok(Self {
            num_train_timesteps: file
                .num_train_timesteps
                .unwrap_or(default.num_train_timesteps),
            beta_start: file.beta_start,
            beta_end: file.beta_end,
            beta_schedule: beta_schedule(file.beta_schedule.as_deref())?,
            prediction_type: prediction_type(file.prediction_type.as_deref())?
                .unwrap_or(default.prediction_type),
            clip_sample: file.clip_sample,
            clip_sample_range: file.clip_sample_range.unwrap_or(default.clip_sample_range),
            set_alpha_to_one: file.set_alpha_to_one,
            steps_offset: file.steps_offset.unwrap_or(default.steps_offset),
            timestep_spacing: timestep_spacing(file.timestep_spacing.as_deref())?,
            rescale_betas_zero_snr: file.rescale_betas_zero_snr == Some(true),
            skip_prk_steps: file.skip_prk_steps == Some(true),
            sigma_rule: sigma_rule(&file)?,
            sigma_min: file.sigma_min,
            sigma_max: file.sigma_max,
            final_sigma: final_sigma(file.final_sigmas_type.as_deref())?
                .unwrap_or(default.final_sigma),
            continuous_timesteps: continuous(file.timestep_type.as_deref())?.unwrap_or_default(),
            solver: solver(&file)?,
            original_inference_steps: file
                .original_inference_steps
                .unwrap_or(default.original_inference_steps),
            timestep_scaling: file.timestep_scaling.unwrap_or(default.timestep_scaling),
            noise_sampler_seed: file.noise_sampler_seed,
            unbuilt: unbuilt(&json),
            trained_betas: file.trained_betas,
        })
    }
}

/// Takes out what a class wrote only because it was its own default, which is not that of every class.
fn forget_defaults(json: &mut Value) {
    let Some(settings) = json.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(names)) = settings.remove("_use_default_values") {
        for name in names.iter().filter_map(Value::as_str) {
            settings.remove(name);
        }
    }
}

fn unsupported<T>(setting: &'static str, got: &dyn ToString, supported: &'static str) -> Result<T> {
    Err(ScheduleError::Unsupported {
        setting,
        got: got.to_string(),
        supported,
    })
}

/// Beginnings of the names of classes whose noise is not made of betas.
const OTHER_NOISE: [&str; 3] = ["EDM", "CosineDPM", "Flow"];

/// Settings of such a class would be read as the default betas, with which its base was not trained.
fn refuse_class(json: &Value) -> Result<()> {
    let class = json["_class_name"].as_str().unwrap_or_default();
    if OTHER_NOISE.iter().any(|start| class.starts_with(start)) {
        let supported = "classes whose noise is made of betas, such as EulerDiscreteScheduler";
        return unsupported("_class_name", &class, supported);
    }
    Ok(())
}

fn refuse_unsupported(file: &File) -> Result<()> {
    if file.thresholding == Some(true) {
        return unsupported("thresholding", &true, "false");
    }
    // a timestep takes four bytes here and there; a million of them is beyond any published schedule
    let count = file.num_train_timesteps.unwrap_or(1000);
    if !(1..=1_000_000).contains(&count) {
        return unsupported("num_train_timesteps", &count, "1 to 1000000");
    }
    if let Some(betas) = &file.trained_betas
        && betas.len() != count
    {
        let got = format!("a list of {}", betas.len());
        return unsupported("trained_betas", &got, "a list of `num_train_timesteps`");
    }
    for (setting, value) in [
        ("sigma_min", file.sigma_min),
        ("sigma_max", file.sigma_max),
        ("timestep_scaling", file.timestep_scaling),
        ("clip_sample_range", file.clip_sample_range),
    ] {
        if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
            return unsupported(setting, &value, "numbers above 0");
        }
    }
    match file.original_inference_steps {
        Some(steps) if !(1..=count).contains(&steps) => unsupported(
            "original_inference_steps",
            &steps,
            "1 to `num_train_timesteps`",
        ),
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
    let Some(word) = got else { return Ok(None) };
    match known.iter().find(|(name, _)| *name == word) {
        Some(&(_, value)) => Ok(Some(value)),
        None => unsupported(setting, &word, supported),
    }
}

fn beta_schedule(word: Option<&str>) -> Result<Option<BetaSchedule>> {
    let known = [
        ("linear", BetaSchedule::Linear),
        ("scaled_linear", BetaSchedule::ScaledLinear),
        ("squaredcos_cap_v2", BetaSchedule::SquaredcosCapV2),
    ];
    let supported = "linear, scaled_linear, squaredcos_cap_v2";
    choice("beta_schedule", word, &known, supported)
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
    let supported = "linspace, leading, trailing";
    choice("timestep_spacing", word, &known, supported)
}

fn final_sigma(word: Option<&str>) -> Result<Option<FinalSigma>> {
    let known = [
        ("zero", FinalSigma::Zero),
        ("sigma_min", FinalSigma::Smallest),
    ];
    choice("final_sigmas_type", word, &known, "zero, sigma_min")
}

fn continuous(word: Option<&str>) -> Result<Option<bool>> {
    let known = [("discrete", false), ("continuous", true)];
    choice("timestep_type", word, &known, "discrete, continuous")
}

fn sigma_rule(file: &File) -> Result<SigmaRule> {
    // Lu's rule comes between the others in diffusers, but files that set it together with one do not exist
    let stated = [
        (file.use_karras_sigmas, SigmaRule::Karras),
        (file.use_exponential_sigmas, SigmaRule::Exponential),
        (file.use_beta_sigmas, SigmaRule::Beta),
        (file.use_lu_lambdas, SigmaRule::Lu),
    ];
    let mut stated = stated.iter().filter(|(on, _)| *on == Some(true));
    match (stated.next(), stated.next()) {
        (None, _) => Ok(SigmaRule::Spaced),
        (Some(&(_, rule)), None) => Ok(rule),
        (Some(_), Some(_)) => unsupported(
            "use_karras_sigmas",
            &"true beside another rule for sigmas",
            "one of use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas, use_lu_lambdas",
        ),
    }
}

fn solver(file: &File) -> Result<SolverSettings> {
    let default = SolverSettings::default();
    let known = [
        ("midpoint", SolverType::Midpoint),
        ("heun", SolverType::Heun),
        ("bh1", SolverType::Bh1),
        ("bh2", SolverType::Bh2),
        // of another class; every solver takes its default for it
        ("logrho", SolverType::Midpoint),
    ];
    let supported = "midpoint, heun, bh1, bh2, logrho";
    let order = file.solver_order.unwrap_or(default.order);
    if !(1..=3).contains(&order) {
        return unsupported("solver_order", &order, "1, 2, 3");
    }
    Ok(SolverSettings {
        order,
        solver_type: choice(
            "solver_type",
            file.solver_type.as_deref(),
            &known,
            supported,
        )?,
        lower_order_final: file.lower_order_final.unwrap_or(default.lower_order_final),
        euler_at_final: file.euler_at_final.unwrap_or(default.euler_at_final),
        lambda_min_clipped: match &file.lambda_min_clipped {
            None => default.lambda_min_clipped,
            Some(value) if value == NEGATIVE_INFINITY => f64::NEG_INFINITY,
            Some(value) => match value.as_f64() {
                Some(value) => value,
                None => return unsupported("lambda_min_clipped", value, "numbers, -Infinity"),
            },
        },
        disable_corrector: file.disable_corrector.clone().unwrap_or_default(),
    })
}

/// Settings away from the only value that this program follows.
fn unbuilt(json: &Value) -> Vec<(&'static str, String)> {
    let followed = [
        ("interpolation_type", Value::from("linear")),
        ("variance_type", Value::Null),
        ("use_flow_sigmas", Value::Bool(false)),
        ("use_dynamic_shifting", Value::Bool(false)),
        ("shift_terminal", Value::Null),
        ("predict_x0", Value::Bool(true)),
        ("solver_p", Value::Null),
    ];
    let away = followed.into_iter().filter_map(|(setting, followed)| {
        let got = &json[setting];
        let is_away = !got.is_null() && *got != followed && !is_fixed_variance(setting, got);
        is_away.then(|| (setting, got.to_string()))
    });
    away.collect()
}

/// Whether it is a variance that the denoiser does not predict. `DDPMScheduler` writes which one, for its own steps alone.
fn is_fixed_variance(setting: &str, got: &Value) -> bool {
    let word = got.as_str().unwrap_or_default();
    setting == "variance_type" && word.starts_with("fixed_")
}

const NEGATIVE_INFINITY: &str = "-Infinity";

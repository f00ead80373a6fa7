use atelier_testkit::{assert_close, golden};
use burn::tensor::Device;

use super::*;

fn cases() -> Vec<(String, ScheduleConfig)> {
    let config = golden("samplers").config();
    let cases = config["cases"].as_object().unwrap();
    cases
        .iter()
        .map(|(name, json)| {
            let config = ScheduleConfig::from_json(&json.to_string()).unwrap();
            (name.clone(), config)
        })
        .collect()
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn every_schedule_equals_that_of_diffusers() {
    let file = golden("samplers");
    for (name, config) in cases() {
        let schedule = NoiseSchedule::new(&config);
        assert_eq!(schedule.len(), 1000);
        let expected = file.vec(&format!("{name}.alphas_cumprod"));
        assert_close(&schedule.alphas_cumprod, &expected, 1e-6);
        for (got, expected) in schedule.alphas_cumprod.iter().zip(&expected) {
            let error = (got - expected).abs();
            assert!(error <= 2e-5 * expected + 1e-7, "{name}: {got} {expected}");
        }
    }
}

#[test]
fn noising_and_velocity_equal_those_of_diffusers() {
    let file = golden("samplers");
    let device = Device::flex();
    let timesteps = [0, 500, 998];
    for (name, config) in cases() {
        let schedule = NoiseSchedule::new(&config);
        let (latents, noise) = (
            file.tensor::<4>("latents", &device),
            file.tensor::<4>("grains", &device),
        );
        let noisy = schedule.add_noise(latents.clone(), noise.clone(), &timesteps);
        assert_close(&values(noisy), &file.vec(&format!("{name}.noisy")), 1e-5);
        let velocity = schedule.velocity(latents.clone(), noise.clone(), &timesteps);
        let expected = file.vec(&format!("{name}.velocity"));
        assert_close(&values(velocity), &expected, 1e-5);
        let target = values(schedule.target(latents, noise, &timesteps));
        match schedule.prediction_type {
            PredictionType::Epsilon => assert_eq!(target, file.vec("grains")),
            PredictionType::VPrediction => assert_close(&target, &expected, 1e-5),
        }
    }
}

#[test]
fn absent_and_null_settings_take_the_defaults() {
    assert_eq!(
        ScheduleConfig::from_json("{}").unwrap(),
        ScheduleConfig::default()
    );
    let config = ScheduleConfig::from_json(
        r#"{"_class_name": "PNDMScheduler", "trained_betas": null, "timestep_spacing": null}"#,
    );
    assert_eq!(config.unwrap(), ScheduleConfig::default());
}

#[test]
fn unsupported_settings_are_named_with_what_is_supported() {
    for (json, expected) in [
        (
            r#"{"prediction_type": "sample"}"#,
            "`prediction_type` to `sample`, supported: epsilon, v_prediction",
        ),
        (
            r#"{"beta_schedule": "sigmoid"}"#,
            "`beta_schedule` to `sigmoid`, supported: linear, scaled_linear, squaredcos_cap_v2",
        ),
        (
            r#"{"timestep_spacing": "odd"}"#,
            "`timestep_spacing` to `odd`, supported: linspace, leading, trailing",
        ),
        (r#"{"thresholding": true}"#, "`thresholding` to `true`"),
        (
            r#"{"trained_betas": [0.1]}"#,
            "`trained_betas` to `a list of 1`, supported: a list of `num_train_timesteps`",
        ),
        (
            r#"{"use_karras_sigmas": true, "use_lu_lambdas": true}"#,
            "`use_karras_sigmas` to `true beside another rule for sigmas`",
        ),
        (
            r#"{"solver_order": 4}"#,
            "`solver_order` to `4`, supported: 1, 2, 3",
        ),
        (
            r#"{"sigma_min": 0.0}"#,
            "`sigma_min` to `0`, supported: numbers above 0",
        ),
        (
            r#"{"num_train_timesteps": 0}"#,
            "`num_train_timesteps` to `0`",
        ),
        (
            r#"{"_class_name": "EDMEulerScheduler", "sigma_max": 120.0, "prediction_type": "v_prediction"}"#,
            "`_class_name` to `EDMEulerScheduler`, supported: classes whose noise is made of betas",
        ),
        (
            r#"{"_class_name": "EDMDPMSolverMultistepScheduler"}"#,
            "`_class_name` to `EDMDPMSolverMultistepScheduler`",
        ),
        (
            r#"{"_class_name": "CosineDPMSolverMultistepScheduler"}"#,
            "`_class_name` to `CosineDPMSolverMultistepScheduler`",
        ),
        (
            r#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}"#,
            "`_class_name` to `FlowMatchEulerDiscreteScheduler`",
        ),
    ] {
        let error = ScheduleConfig::from_json(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_file_that_is_no_json_is_refused() {
    let error = ScheduleConfig::from_json("{").unwrap_err();
    assert!(matches!(error, ScheduleError::Json(_)));
}

#[test]
fn quantiles_are_those_of_scipy() {
    let file = golden("samplers");
    let shares: Vec<f64> = file.doubles("quantile.shares");
    for (name, a, b) in [
        ("0.6.0.6", 0.6, 0.6),
        ("1.0.1.0", 1.0, 1.0),
        ("2.0.5.0", 2.0, 5.0),
        ("0.3.4.0", 0.3, 4.0),
    ] {
        let expected = file.doubles(&format!("quantile.{name}"));
        for (share, expected) in shares.iter().zip(expected) {
            let got = quantile::beta_quantile(*share, a, b);
            let error = (got - expected).abs();
            assert!(
                error <= 1e-11 * expected,
                "{share} of {name}: {got} for {expected}"
            );
        }
    }
}

#[test]
fn every_spacing_and_step_count_gives_one_timestep_per_step_in_falling_order() {
    let grid = |steps| spacing::Grid::new(&ScheduleConfig::default(), steps);
    for spacing in [
        TimestepSpacing::Linspace,
        TimestepSpacing::Leading,
        TimestepSpacing::Trailing,
    ] {
        for steps in 1..=1000 {
            let timesteps = grid(steps).timesteps(spacing);
            assert_eq!(timesteps.len(), steps);
            assert!(timesteps.iter().all(|t| (0.0..=999.0).contains(t)));
            assert!(timesteps.is_sorted_by(|a, b| a > b), "{spacing:?} {steps}");
        }
    }
}

#[test]
fn trailing_timesteps_are_rounded_as_numpy_does() {
    let file = golden("samplers");
    for steps in [48, 96, 999] {
        let grid = spacing::Grid::new(&ScheduleConfig::default(), steps);
        let got = grid.timesteps(TimestepSpacing::Trailing);
        let expected = file.doubles(&format!("trailing.{steps}"));
        assert_eq!(got, expected, "{steps}");
    }
}

#[test]
fn infinities_as_python_writes_them_are_read() {
    let config = ScheduleConfig::from_json(
        r#"{"lambda_min_clipped": -Infinity, "note": "not \"-Infinity\" but NaN", "other": NaN}"#,
    );
    let clip = config.unwrap().solver.lambda_min_clipped;
    assert!(clip.is_infinite() && clip < 0.0);
    let config = ScheduleConfig::from_json(r#"{"lambda_min_clipped": -5.1}"#).unwrap();
    assert!((config.solver.lambda_min_clipped + 5.1).abs() < 1e-9);
}

#[test]
fn values_that_a_class_wrote_as_its_defaults_are_forgotten() {
    let config = ScheduleConfig::from_json(
        r#"{"_use_default_values": ["beta_start"], "beta_start": 0.00085, "beta_end": 0.03}"#,
    );
    let config = config.unwrap();
    assert_eq!((config.beta_start, config.beta_end), (None, Some(0.03)));
}

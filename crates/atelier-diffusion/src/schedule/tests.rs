use atelier_testkit::{assert_close, golden};
use burn::tensor::Device;

use super::*;

fn cases() -> Vec<(String, ScheduleConfig)> {
    let config = golden("samplers").config();
    let cases = config.as_object().unwrap();
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
            "`trained_betas` to `a list`, supported: null",
        ),
        (
            r#"{"num_train_timesteps": 0}"#,
            "`num_train_timesteps` to `0`",
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

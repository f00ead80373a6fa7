use atelier_testkit::{Golden, assert_close, golden};
use burn::tensor::Device;

use super::*;

const TOLERANCE: f64 = 1e-4;

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Walks with the recorded model outputs and compares every input and sample.
fn check_walk(file: &Golden, prefix: &str, sampler: &mut dyn Sampler) {
    let device = Device::flex();
    let tensor = |name: &str| file.tensor::<4>(&format!("{prefix}.{name}"), &device);
    let sigma = file.scalar(&format!("{prefix}.init_noise_sigma"));
    assert_close(&[sampler.init_noise_sigma()], &[sigma], 1e-5);
    let timesteps = file.vec(&format!("{prefix}.timesteps"));
    assert_close(sampler.timesteps(), &timesteps, 1e-7);
    let outputs = file.tensor::<4>("outputs", &device);
    let (samples, inputs) = (tensor("samples"), tensor("inputs"));
    let mut sample = samples.clone().narrow(0, 0, 1);
    for index in 0..timesteps.len() {
        let input = sampler.scale_input(sample.clone(), index);
        let expected = values(inputs.clone().narrow(0, index, 1));
        assert_close(&values(input), &expected, TOLERANCE);
        sample = sampler.step(
            outputs.clone().narrow(0, index, 1),
            index,
            sample,
            &mut crate::noise::TorchGenerator::new(atelier_core::Seed(0)),
        );
        let expected = values(samples.clone().narrow(0, index + 1, 1));
        assert_close(&values(sample.clone()), &expected, TOLERANCE);
    }
}

#[test]
fn every_walk_equals_that_of_diffusers() {
    let file = golden("samplers");
    let cases = file.config();
    for (case, json) in cases.as_object().unwrap() {
        let config = ScheduleConfig::from_json(&json.to_string()).unwrap();
        for &kind in SamplerKind::ALL {
            for steps in [12, 30] {
                let mut sampler = build(kind, ScheduleKind::Base, &config, steps).unwrap();
                check_walk(&file, &format!("{case}.{kind}.{steps}"), sampler.as_mut());
            }
        }
    }
}

#[test]
fn step_counts_outside_the_schedule_are_refused() {
    let config = ScheduleConfig::default();
    for &kind in SamplerKind::ALL {
        for steps in [0, 1001] {
            let error = build(kind, ScheduleKind::Base, &config, steps)
                .err()
                .unwrap();
            assert!(error.to_string().contains("between 1 and 1000"), "{error}");
        }
    }
}

#[test]
fn every_spacing_and_step_count_gives_one_timestep_per_step_in_falling_order() {
    for spacing in [
        TimestepSpacing::Linspace,
        TimestepSpacing::Leading,
        TimestepSpacing::Trailing,
    ] {
        let config = ScheduleConfig {
            timestep_spacing: Some(spacing),
            ..ScheduleConfig::default()
        };
        for steps in 1..=1000 {
            let timesteps = spaced_timesteps(&config, spacing, steps);
            assert_eq!(timesteps.len(), steps);
            assert!(timesteps.iter().all(|t| (0.0..=999.0).contains(t)));
            assert!(timesteps.is_sorted_by(|a, b| a > b), "{spacing:?} {steps}");
        }
    }
}

#[test]
fn a_timestep_that_the_training_did_not_have_is_refused() {
    let config = ScheduleConfig {
        steps_offset: 1,
        ..ScheduleConfig::default()
    };
    let error = build(SamplerKind::Ddim, ScheduleKind::Base, &config, 1000)
        .err()
        .unwrap();
    assert!(error.to_string().contains("timestep 1000"), "{error}");
}

#[test]
fn ddim_refuses_to_predict_noise_from_pure_noise() {
    let config = ScheduleConfig {
        rescale_betas_zero_snr: true,
        timestep_spacing: Some(TimestepSpacing::Trailing),
        ..ScheduleConfig::default()
    };
    assert!(matches!(
        build(SamplerKind::Ddim, ScheduleKind::Base, &config, 12),
        Err(ScheduleError::Timestep { timestep: 999, .. })
    ));
}

#[test]
fn euler_names_a_setting_that_it_does_not_follow() {
    let config = ScheduleConfig::from_json(r#"{"use_karras_sigmas": true}"#).unwrap();
    let error = build(SamplerKind::Euler, ScheduleKind::Base, &config, 12)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("`use_karras_sigmas` to `true`"),
        "{error}"
    );
    assert!(build(SamplerKind::Ddim, ScheduleKind::Base, &config, 12).is_ok());
}

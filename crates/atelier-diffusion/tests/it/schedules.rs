//! Noise schedules and the steps of the samplers, without a model.

use atelier_core::ScheduleKind;
use atelier_diffusion::samplers;
use atelier_diffusion::schedule::{NoiseSchedule, ScheduleConfig};
use atelier_nn::gradients::values_of;
use atelier_testkit::{Golden, assert_close, golden};
use burn::tensor::{Device, Tensor};
use serde_json::Value;

/// A schedule file of the tiny base with other betas and spacing.
fn config(file: &Golden, betas: &str, spacing: &str) -> ScheduleConfig {
    let mut stored = file.config()["schedule"]["stored"].clone();
    stored["beta_schedule"] = Value::from(betas);
    stored["timestep_spacing"] = Value::from(spacing);
    ScheduleConfig::from_json(&stored.to_string()).unwrap()
}

#[test]
fn every_beta_schedule_leaves_the_share_of_signal_of_diffusers() {
    let file = golden("pictures");
    for betas in ["linear", "scaled_linear", "squaredcos_cap_v2"] {
        let schedule = NoiseSchedule::new(&config(&file, betas, "leading"));
        let expected = file.vec(&format!("alphas_cumprod.{betas}"));
        assert_eq!(schedule.len(), expected.len());
        for (step, (a, b)) in schedule.alphas_cumprod.iter().zip(&expected).enumerate() {
            // relative to each value: the last ones are small and still decide the first step of a picture
            assert!((a - b).abs() <= 1e-5 * b, "{betas} at {step}: {a} and {b}");
        }
    }
}

#[test]
fn every_spacing_visits_the_timesteps_and_noise_levels_of_diffusers() {
    let file = golden("pictures");
    let names = file.names();
    let cases = names.iter().filter_map(|name| {
        name.strip_prefix("schedule.")?
            .strip_suffix(".init_noise_sigma")
    });
    let mut checked = 0;
    for case in cases {
        let parts: Vec<_> = case.split('.').collect();
        let [sampler, betas, spacing, steps] = parts[..] else {
            panic!("`{case}` has four parts")
        };
        let config = config(&file, betas, spacing);
        let steps = steps.parse().unwrap();
        let found =
            samplers::build(sampler.parse().unwrap(), ScheduleKind::Base, &config, steps).unwrap();
        let expected = |part: &str| file.vec(&format!("schedule.{case}.{part}"));
        assert_close(found.timesteps(), &expected("timesteps"), 1e-6);
        assert_close(
            &[found.init_noise_sigma()],
            &expected("init_noise_sigma"),
            1e-5,
        );
        if sampler == "euler" {
            let one = Tensor::<4>::ones([1, 1, 1, 1], &Device::flex());
            for (index, sigma) in expected("sigmas")[..steps].iter().enumerate() {
                let scaled = values_of(found.scale_input(one.clone(), index));
                let wanted = 1.0 / (sigma * sigma + 1.0).sqrt();
                assert_close(&scaled, &[wanted], 1e-5);
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 54);
}

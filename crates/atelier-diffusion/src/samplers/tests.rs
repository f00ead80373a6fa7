use atelier_core::{NoiseKind, Seed};
use atelier_testkit::{Golden, golden, relative_error};
use burn::tensor::Device;
use serde_json::Value;

use super::*;
use crate::noise::{NoiseSource, noise_source};

/// Largest difference over the largest value: single precision in another order of operations.
const TOLERANCE: f64 = 1e-4;

/// Seed of the noise that the recorded walks drew in their steps.
const STEP_SEED: Seed = Seed(777);

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// A recorded walk: timestep, input and sample of each evaluation; the last row has `init_noise_sigma` and the final sample.
struct Walk {
    rows: Vec<Vec<f32>>,
    shape: [usize; 4],
}

impl Walk {
    fn read(file: &Golden, name: &str, shape: [usize; 4]) -> Self {
        let width = 1 + 2 * shape.iter().product::<usize>();
        let values = file.vec(name);
        Self {
            rows: values.chunks_exact(width).map(<[f32]>::to_vec).collect(),
            shape,
        }
    }

    fn evaluations(&self) -> usize {
        self.rows.len() - 1
    }

    fn timesteps(&self) -> Vec<f32> {
        let rows = self.rows.iter().take(self.evaluations());
        rows.map(|row| row[0]).collect()
    }

    fn init_noise_sigma(&self) -> f32 {
        self.rows[self.evaluations()][0]
    }

    fn input(&self, index: usize) -> &[f32] {
        let row = &self.rows[index];
        &row[1..=row.len() / 2]
    }

    fn sample(&self, index: usize) -> &[f32] {
        let row = &self.rows[index];
        &row[1 + row.len() / 2..]
    }

    fn first_sample(&self) -> Tensor<4> {
        let data = burn::tensor::TensorData::new(self.sample(0).to_vec(), self.shape);
        Tensor::from_data(data, &Device::flex())
    }
}

/// Keeps the worst difference of a test and complains about those that exceed the tolerance.
#[derive(Default)]
struct Differences {
    worst: f64,
    compared: usize,
    failures: Vec<String>,
}

impl Differences {
    fn add(&mut self, what: &str, got: &[f32], expected: &[f32], tolerance: f64) {
        let (error, position) = relative_error(got, expected);
        atelier_testkit::parity::relative(what, error, tolerance);
        self.compared += 1;
        self.worst = self.worst.max(error);
        if error > tolerance {
            self.failures.push(format!(
                "{what}: {error:.2e} at {position}, got {} for {}",
                got[position], expected[position]
            ));
        }
    }

    #[track_caller]
    fn check(self) {
        assert!(self.compared > 0, "nothing was compared");
        assert!(
            self.failures.is_empty(),
            "{} of {} differ\n{}",
            self.failures.len(),
            self.compared,
            self.failures.join("\n")
        );
    }
}

/// Walks with the recorded model outputs from evaluation `start` on; compares every timestep, input and sample.
fn follow(
    found: &mut Differences,
    (name, walk): (&str, &Walk),
    (sampler, start): (&mut Box<dyn Sampler>, usize),
    outputs: &Tensor<4>,
    noise: &mut dyn NoiseSource,
) {
    let expected = walk.timesteps();
    let timesteps = &sampler.timesteps()[start..];
    if timesteps.len() != expected.len() {
        found.failures.push(format!(
            "{name}: {} evaluations for {}",
            timesteps.len(),
            expected.len()
        ));
        return;
    }
    // a fractional timestep is found between single-precision logarithms, good to 1e-4 of a timestep
    found.add(&format!("{name} timesteps"), timesteps, &expected, 3e-7);
    let sigma = walk.init_noise_sigma();
    found.add(
        &format!("{name} first sigma"),
        &[sampler.init_noise_sigma()],
        &[sigma],
        1e-6,
    );
    let mut sample = walk.first_sample();
    for step in 0..walk.evaluations() {
        let input = sampler.scale_input(sample.clone(), start + step);
        let what = format!("{name} input {step}");
        found.add(&what, &values(input), walk.input(step), TOLERANCE);
        let output = outputs.clone().narrow(0, step, 1);
        sample = sampler.step(output, start + step, sample, noise);
        let what = format!("{name} sample {}", step + 1);
        let got = values(sample.clone());
        found.add(&what, &got, walk.sample(step + 1), TOLERANCE);
    }
}

fn config(settings: &Value) -> ScheduleConfig {
    let mut settings = settings.clone();
    // what the recorded walks passed to the one class that reads it
    settings["noise_sampler_seed"] = 777.into();
    ScheduleConfig::from_json(&settings.to_string()).unwrap()
}

fn settings_of(file: &Golden, case: &str) -> Value {
    let all = file.config();
    let found = [&all["cases"][case], &all["settings"][case]];
    found.into_iter().find(|s| s.is_object()).unwrap().clone()
}

#[test]
fn every_walk_equals_that_of_diffusers() {
    let file = golden("samplers");
    let outputs = file.tensor::<4>("outputs", &Device::flex());
    let outputs = outputs.reshape([64, 1, 2, 2]);
    let mut found = Differences::default();
    let mut seen = std::collections::BTreeSet::new();
    for name in file.names().iter().filter(|n| n.starts_with("walk.")) {
        let parts: Vec<&str> = name.split('.').collect();
        let [_, case, kind, schedule, steps] = parts[..] else {
            panic!("`{name}` has five parts")
        };
        seen.insert(kind.to_owned());
        let config = config(&settings_of(&file, case));
        let (kind, schedule) = (kind.parse().unwrap(), schedule.parse().unwrap());
        let walk = Walk::read(&file, name, [1, 1, 2, 2]);
        let mut sampler = build(kind, schedule, &config, steps.parse().unwrap()).unwrap();
        let mut noise = noise_source(NoiseKind::TorchCpu, STEP_SEED);
        let sampler = (&mut sampler, 0);
        follow(&mut found, (name, &walk), sampler, &outputs, noise.as_mut());
    }
    assert_eq!(seen.len(), SamplerKind::ALL.len());
    found.check();
}

#[test]
fn walks_of_stochastic_samplers_follow_from_their_seed() {
    let file = golden("samplers");
    let shape = [1, 4, 3, 2];
    let outputs = file.tensor::<4>("seeded_outputs", &Device::flex());
    let outputs = outputs.reshape([24, 4, 3, 2]);
    let mut settings = settings_of(&file, "published");
    settings["noise_sampler_seed"] = Value::Null;
    let config = ScheduleConfig::from_json(&settings.to_string()).unwrap();
    let mut found = Differences::default();
    for name in file.names().iter().filter(|n| n.starts_with("seeded.")) {
        let kind = name["seeded.".len()..].parse().unwrap();
        let walk = Walk::read(&file, name, shape);
        let mut sampler = build(kind, ScheduleKind::Base, &config, 12).unwrap();
        let mut noise = noise_source(NoiseKind::TorchCpu, Seed(42));
        let first = noise.normal(shape, &Device::flex()) * sampler.init_noise_sigma();
        let what = format!("{name} noised");
        found.add(&what, &values(first), walk.sample(0), 1e-6);
        let sampler = (&mut sampler, 0);
        follow(&mut found, (name, &walk), sampler, &outputs, noise.as_mut());
    }
    found.check();
}

#[test]
fn walks_from_a_picture_equal_those_of_diffusers_at_every_strength() {
    let (file, device) = (golden("samplers"), Device::flex());
    let outputs = file.tensor::<4>("outputs", &device).reshape([64, 1, 2, 2]);
    let (picture, grain) = (
        file.tensor::<4>("picture", &device),
        file.tensor::<4>("grain", &device),
    );
    let config = config(&settings_of(&file, "published"));
    let mut found = Differences::default();
    for &kind in SamplerKind::ALL {
        for (strength, kept) in [(0.3, 3), (0.6, 6), (1.0, 10)] {
            let name = format!("image.{kind}.{strength:.1}");
            let walk = Walk::read(&file, &format!("{name}.walk"), [1, 1, 2, 2]);
            let mut sampler = build(kind, ScheduleKind::Base, &config, 10).unwrap();
            let start = (10 - kept) * sampler.order();
            sampler.begin_anew();
            let noised = |index: usize| {
                values(sampler.add_noise(picture.clone(), grain.clone(), start + index))
            };
            let what = format!("{name} noised");
            found.add(&what, &noised(0), walk.sample(0), 1e-6);
            let blended = file.vec(&format!("{name}.blended"));
            for (index, expected) in blended.chunks_exact(4).enumerate() {
                found.add(&what, &noised(index + 1), expected, 1e-6);
            }
            let mut noise = noise_source(NoiseKind::TorchCpu, STEP_SEED);
            let sampler = (&mut sampler, start);
            follow(
                &mut found,
                (&name, &walk),
                sampler,
                &outputs,
                noise.as_mut(),
            );
        }
    }
    found.check();
}

#[test]
fn a_second_walk_after_beginning_anew_equals_the_first() {
    let device = Device::flex();
    let config = ScheduleConfig::from_json(r#"{"skip_prk_steps": true}"#).unwrap();
    for &kind in SamplerKind::ALL {
        let mut sampler = build(kind, ScheduleKind::Base, &config, 5).unwrap();
        let mut walk = || {
            sampler.begin_anew();
            let mut noise = noise_source(NoiseKind::TorchCpu, Seed(3));
            let mut sample = noise.normal([1, 1, 2, 2], &device) * sampler.init_noise_sigma();
            for index in 0..sampler.timesteps().len() {
                let input = sampler.scale_input(sample.clone(), index);
                sample = sampler.step(input * 0.3, index, sample, noise.as_mut());
            }
            values(sample)
        };
        let first = walk();
        assert!(first.iter().all(|value| value.is_finite()), "{kind}");
        assert_eq!(first, walk(), "{kind}");
    }
}

#[test]
fn sgm_uniform_is_trailing() {
    let config = ScheduleConfig::default();
    for kind in [SamplerKind::Ddim, SamplerKind::Euler, SamplerKind::Unipc] {
        let timesteps = |schedule| {
            let sampler = build(kind, schedule, &config, 12).unwrap();
            sampler.timesteps().to_vec()
        };
        assert_eq!(
            timesteps(ScheduleKind::SgmUniform),
            timesteps(ScheduleKind::Trailing)
        );
        assert_ne!(
            timesteps(ScheduleKind::SgmUniform),
            timesteps(ScheduleKind::Leading)
        );
    }
}

#[test]
fn a_schedule_that_a_sampler_lacks_is_refused_with_those_it_has() {
    let config = ScheduleConfig::default();
    let message = |kind, schedule| {
        let error = build(kind, schedule, &config, 12).err().unwrap();
        error.to_string()
    };
    assert_eq!(
        message(SamplerKind::Ddim, ScheduleKind::Karras),
        "sampler `ddim` has no `karras` schedule, possible: base, leading, trailing, linspace, sgm-uniform"
    );
    assert_eq!(
        message(SamplerKind::Lcm, ScheduleKind::Trailing),
        "sampler `lcm` has no `trailing` schedule, possible: base"
    );
}

#[test]
fn step_counts_outside_the_schedule_are_refused() {
    let config = ScheduleConfig::default();
    for &kind in SamplerKind::ALL {
        for steps in [0, 1001] {
            let error = build(kind, ScheduleKind::Base, &config, steps).err();
            let error = error.unwrap().to_string();
            assert!(
                error.contains("number of steps must lie between"),
                "{error}"
            );
        }
    }
    let error = build(SamplerKind::Lcm, ScheduleKind::Base, &config, 51).err();
    assert!(error.unwrap().to_string().contains("between 1 and 50"));
    let error = build(SamplerKind::Pndm, ScheduleKind::Base, &config, 3).err();
    assert!(error.unwrap().to_string().contains("between 4 and 1000"));
}

#[test]
fn steps_without_length_are_refused() {
    let config = ScheduleConfig::default();
    for kind in [SamplerKind::Dpmpp2m, SamplerKind::Unipc] {
        let error = build(kind, ScheduleKind::Base, &config, 1000)
            .err()
            .unwrap();
        assert!(matches!(error, ScheduleError::Repeated { .. }), "{error}");
    }
}

#[test]
fn a_timestep_that_the_training_did_not_have_is_refused() {
    let config = ScheduleConfig {
        steps_offset: 1,
        skip_prk_steps: true,
        ..ScheduleConfig::default()
    };
    for kind in [SamplerKind::Ddim, SamplerKind::Pndm] {
        let error = build(kind, ScheduleKind::Base, &config, 1000).err();
        let error = error.unwrap().to_string();
        assert!(error.contains("timestep 100"), "{error}");
    }
    // fewer timesteps than an LCM is distilled on
    let config = ScheduleConfig {
        num_train_timesteps: 10,
        ..ScheduleConfig::default()
    };
    let error = build(SamplerKind::Lcm, ScheduleKind::Base, &config, 4).err();
    assert!(error.unwrap().to_string().contains("timestep -1"));
}

#[test]
fn noise_is_not_predicted_from_pure_noise() {
    let config = ScheduleConfig {
        rescale_betas_zero_snr: true,
        ..ScheduleConfig::default()
    };
    for (kind, schedule) in [
        (SamplerKind::Ddim, ScheduleKind::Trailing),
        (SamplerKind::Lcm, ScheduleKind::Base),
    ] {
        assert!(matches!(
            build(kind, schedule, &config, 12),
            Err(ScheduleError::Timestep { timestep: 999, .. })
        ));
    }
}

#[test]
fn a_variance_that_nothing_predicts_hinders_no_sampler() {
    let walk = |json: &str| {
        let config = ScheduleConfig::from_json(json).unwrap();
        let sampler = build(SamplerKind::Dpmpp2m, ScheduleKind::Base, &config, 12).unwrap();
        sampler.timesteps().to_vec()
    };
    for word in ["fixed_small", "fixed_small_log", "fixed_large"] {
        let json = format!(r#"{{"variance_type": "{word}"}}"#);
        assert_eq!(walk(&json), walk("{}"), "{word}");
    }
}

#[test]
fn a_sampler_names_a_setting_that_it_does_not_follow() {
    for (json, kind, setting) in [
        (
            r#"{"interpolation_type": "log_linear"}"#,
            SamplerKind::Euler,
            "interpolation_type",
        ),
        (
            r#"{"variance_type": "learned"}"#,
            SamplerKind::Dpmpp2m,
            "variance_type",
        ),
        (
            r#"{"variance_type": "learned_range"}"#,
            SamplerKind::Dpmpp2m,
            "variance_type",
        ),
        (
            r#"{"use_flow_sigmas": true}"#,
            SamplerKind::Unipc,
            "use_flow_sigmas",
        ),
        (
            r#"{"lower_order_final": false}"#,
            SamplerKind::Unipc,
            "lower_order_final",
        ),
    ] {
        let config = ScheduleConfig::from_json(json).unwrap();
        let error = build(kind, ScheduleKind::Base, &config, 12).err().unwrap();
        assert!(
            error.to_string().contains(&format!("sets `{setting}`")),
            "{error}"
        );
        assert!(build(SamplerKind::Ddim, ScheduleKind::Base, &config, 12).is_ok());
    }
}

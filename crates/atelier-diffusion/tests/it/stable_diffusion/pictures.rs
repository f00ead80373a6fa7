//! Whole pictures of the tiny base, from a prompt and a seed.

use atelier_core::{
    AdapterUse, GenerateRequest, NoiseKind, SamplerKind, ScheduleKind, Seed, Targets,
};
use atelier_diffusion::noise::noise_source;
use atelier_diffusion::schedule::ScheduleConfig;
use atelier_diffusion::stable_diffusion::{Base, Conditioning, Pipeline};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use atelier_testkit::{Golden, assert_case_close, assert_close, golden, tiny_sd15};
use burn::tensor::Device;

use super::{check_picture, draw};
use crate::TOLERANCE;
use crate::source::{assert_golden, device};

fn request(file: &Golden, sampler: SamplerKind) -> GenerateRequest {
    let facts = file.config()["request"].clone();
    let number = |key: &str| facts[key].as_u64().unwrap();
    GenerateRequest {
        prompt: facts["prompt"].as_str().unwrap().to_owned(),
        negative: facts["negative"].as_str().map(str::to_owned),
        steps: number("steps") as usize,
        guidance: facts["guidance"].as_f64().unwrap() as f32,
        sampler,
        seed: Seed(number("seed")),
        width: Some(number("width") as usize),
        height: Some(number("height") as usize),
        ..GenerateRequest::default()
    }
}

/// The tiny base with the schedule of a case.
fn pipeline(file: &Golden, case: &str, device: &Device) -> Pipeline {
    let mut base = Base::open(&tiny_sd15()).unwrap();
    base.schedule_config = ScheduleConfig::from_json(&file.config()[case].to_string()).unwrap();
    let parts = base.load(device, Engine::Exact).unwrap();
    Pipeline::from_parts(base, parts, device)
}

fn check(sampler: SamplerKind) {
    for prediction in ["epsilon", "v"] {
        for betas in ["scaled_linear", "squaredcos_cap_v2"] {
            check_case(sampler, prediction, betas);
        }
    }
}

fn check_case(sampler: SamplerKind, prediction: &str, betas: &str) {
    let (file, mut pipeline, request) = check_values(sampler, prediction, betas);
    let picture = file.vec(&format!("{}.{prediction}.{betas}.picture", sampler.name()));
    check_bytes(&mut pipeline, &request, &picture);
}

/// Latents and picture in floats; what drew them.
pub(crate) fn check_values(
    sampler: SamplerKind,
    prediction: &str,
    betas: &str,
) -> (Golden, Pipeline, GenerateRequest) {
    let (file, device) = (golden("pictures"), device());
    let request = request(&file, sampler);
    let case = format!("{}.{prediction}.{betas}", sampler.name());
    let mut pipeline = pipeline(&file, &case, &device);
    let latents = pipeline.final_latents(&request, None).unwrap();
    assert_golden(latents.clone(), &file, &format!("{case}.latents"));
    let pixels = pipeline.decode(latents, false).unwrap();
    let pixels = (pixels / 2.0 + 0.5).clamp(0.0, 1.0);
    let rows = pixels.permute([0, 2, 3, 1]);
    assert_golden(rows, &file, &format!("{case}.picture"));
    (file, pipeline, request)
}

fn check_bytes(pipeline: &mut Pipeline, request: &GenerateRequest, expected: &[f32]) {
    let picture = draw(pipeline, request, None);
    let size = (request.width.unwrap(), request.height.unwrap());
    let byte = |value: &f32| (value * 255.0).round_ties_even() as u8;
    let bytes: Vec<u8> = expected.iter().map(byte).collect();
    check_picture(&picture, size, &bytes);
}

#[test]
fn twelve_steps_of_ddim_draw_the_picture_of_diffusers() {
    check(SamplerKind::Ddim);
}

#[test]
fn twelve_steps_of_euler_draw_the_picture_of_diffusers() {
    check(SamplerKind::Euler);
}

#[test]
fn latents_after_every_step_are_those_of_diffusers() {
    let (file, device) = (golden("pictures"), Device::flex());
    let noise = file.tensor::<4>("noise", &device);
    let states = burn::tensor::Tensor::cat(
        vec![
            file.tensor::<3>("prompt.negative_states", &device),
            file.tensor::<3>("prompt.states", &device),
        ],
        0,
    );
    let words = Conditioning::states(states);
    let base = Base::open(&tiny_sd15()).unwrap();
    let unet = base.load_unet(&device, Engine::Exact).unwrap();
    for kind in [SamplerKind::Ddim, SamplerKind::Euler] {
        let case = format!("{}.epsilon.scaled_linear", kind.name());
        let config = ScheduleConfig::from_json(&file.config()[&case].to_string()).unwrap();
        let mut sampler =
            atelier_diffusion::samplers::build(kind, ScheduleKind::Base, &config, 12).unwrap();
        let timesteps = sampler.timesteps().to_vec();
        let expected = file.vec(&format!("{case}.timesteps"));
        assert_case_close("timesteps", &timesteps, &expected, 0.0);
        let steps = file.vec(&format!("{case}.steps"));
        let mut random = noise_source(NoiseKind::TorchCpu, Seed(0));
        let mut latents = noise.clone() * sampler.init_noise_sigma();
        for (index, &timestep) in timesteps.iter().enumerate() {
            let input = sampler.scale_input(latents.clone(), index);
            let both = burn::tensor::Tensor::cat(vec![input.clone(), input], 0);
            let predicted = unet.forward(both, &[timestep; 2], &words);
            let guided = atelier_diffusion::guidance::guide(predicted, 7.0);
            latents = sampler.step(guided, index, latents, random.as_mut());
            let expected = &steps[index * 1024..(index + 1) * 1024];
            assert_close(&values_of(latents.clone()), expected, TOLERANCE);
        }
    }
}

#[test]
fn an_adapter_file_draws_the_picture_of_diffusers_at_every_strength() {
    let (file, device) = (golden("pictures"), Device::flex());
    let expected = golden("strengths");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.safetensors");
    crate::adapters::write_adapter(&path, Targets::Transformer);
    let mut request = request(&file, SamplerKind::Ddim);
    let mut pipeline = pipeline(&file, "ddim.epsilon.scaled_linear", &device);
    let bare = draw(&mut pipeline, &request, None);
    for strength in [0.0, 0.5, 0.8, 1.0, 1.1] {
        request.adapters = vec![AdapterUse::new(&path, strength)];
        let picture = expected.vec(&format!("strength_{strength:?}"));
        check_bytes(&mut pipeline, &request, &picture);
        assert_eq!(draw(&mut pipeline, &request, None) == bare, strength == 0.0);
    }
    request.adapters.clear();
    assert_eq!(
        draw(&mut pipeline, &request, None),
        bare,
        "adapters are taken off"
    );
}

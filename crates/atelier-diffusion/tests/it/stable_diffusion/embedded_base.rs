//! The embedded base draws here what it draws in diffusers.

use std::path::Path;

use atelier_core::{GenerateRequest, Generator as _, SamplerKind, Seed};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use atelier_testkit::{assert_case_close, golden, tiny_sd15};
use burn::tensor::Device;

use crate::TOLERANCE;

/// Euler's first sample is noise times a sigma of about 20,000, because the base's last timestep is pure noise. One rounding
/// in f32 (6e-8) of such a number is 1e-3 of a latent, in either program.
const EULER_TOLERANCE: f64 = 5e-3;

#[test]
fn embedded_base_draws_what_diffusers_draws() {
    let file = golden("embedded_base");
    let config = file.config();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/atelier-mini");
    let mut pipeline = Pipeline::open(&base, &Device::flex(), Engine::Exact).unwrap();
    for (sampler, tolerance) in [
        (SamplerKind::Ddim, TOLERANCE),
        (SamplerKind::Euler, EULER_TOLERANCE),
    ] {
        let request = GenerateRequest {
            prompt: config["prompt"].as_str().unwrap().to_owned(),
            steps: config["steps"].as_u64().unwrap() as usize,
            guidance: config["guidance"].as_f64().unwrap() as f32,
            seed: Seed(config["seed"].as_u64().unwrap()),
            sampler,
            ..GenerateRequest::default()
        };
        let latents = values_of(pipeline.final_latents(&request, None).unwrap());
        assert_case_close(
            sampler.name(),
            &latents,
            &file.vec(&format!("{}.latent", sampler.name())),
            tolerance,
        );
    }
}

#[test]
fn samplers_that_do_not_suit_pure_noise_are_named() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/atelier-mini");
    let notes = |base: &Path, sampler| {
        let mut pipeline = Pipeline::open(base, &Device::flex(), Engine::Exact).unwrap();
        let request = GenerateRequest {
            prompt: "a cat".to_owned(),
            steps: 2,
            sampler,
            ..GenerateRequest::default()
        };
        pipeline.final_latents(&request, None).unwrap();
        pipeline.take_notes()
    };
    for sampler in [SamplerKind::Heun, SamplerKind::Dpm2A] {
        let said = notes(&base, sampler);
        assert!(said[0].contains("opposites") && said.len() == 1, "{said:?}");
        assert!(notes(&tiny_sd15(), sampler).is_empty());
    }
    assert!(notes(&base, SamplerKind::Euler).is_empty());
}

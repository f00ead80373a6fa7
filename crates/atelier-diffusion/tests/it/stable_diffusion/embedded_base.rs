//! The embedded base draws here what it draws in diffusers: denoiser, text encoder, and both halves of its autoencoder.

use std::path::{Path, PathBuf};

use atelier_core::{GenerateRequest, Generator as _, SamplerKind};
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use atelier_testkit::{Golden, assert_case_close, golden, tiny_sd15};
use burn::tensor::{Device, Tensor, TensorData};

use super::{check_picture, draw, request};
use crate::TOLERANCE;

/// Euler's first sample is noise times a sigma of about 20,000, because the base's last timestep is pure noise. One rounding
/// in f32 (6e-8) of such a number is 1e-3 of a latent, in either program.
const EULER_TOLERANCE: f64 = 5e-3;

fn base() -> PathBuf {
    atelier_testkit::checkout().join("assets/atelier-mini")
}

fn asked(file: &Golden, sampler: SamplerKind) -> GenerateRequest {
    GenerateRequest {
        sampler,
        ..request(file)
    }
}

#[test]
fn embedded_base_draws_what_diffusers_draws() {
    let file = golden("embedded_base");
    let mut pipeline = Pipeline::open(&base(), &Device::flex(), Engine::Exact).unwrap();
    for (sampler, tolerance) in [
        (SamplerKind::Ddim, TOLERANCE),
        (SamplerKind::Euler, EULER_TOLERANCE),
    ] {
        let request = asked(&file, sampler);
        let latents = values_of(pipeline.final_latents(&request, None).unwrap());
        assert_case_close(
            sampler.name(),
            &latents,
            &file.vec(&format!("{}.latent", sampler.name())),
            tolerance,
        );
    }
    let drawn = draw(&mut pipeline, &asked(&file, SamplerKind::Ddim), None);
    let (width, height, bytes) = file.rgb("ddim.picture");
    check_picture(&drawn, (width, height), &bytes);
}

#[test]
fn its_encoder_sees_in_a_picture_what_that_of_diffusers_sees() {
    let (file, device) = (golden("embedded_base"), Device::flex());
    let (width, height, bytes) = file.rgb("ddim.picture");
    let values: Vec<f32> = bytes.iter().map(|&b| f32::from(b) / 127.5 - 1.0).collect();
    let rows = Tensor::<4>::from_data(TensorData::new(values, [1, height, width, 3]), &device);
    let opened = Base::open(&base()).unwrap();
    let vae = opened.load_vae(&device, Engine::Exact).unwrap();
    let mean = vae.encode(rows.permute([0, 3, 1, 2])).mean_bchw;
    assert_case_close(
        "encoder",
        &values_of(mean),
        &file.vec("encoder.mean"),
        TOLERANCE,
    );
}

#[test]
fn samplers_that_do_not_suit_pure_noise_are_named() {
    let base = base();
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

//! Pictures that start from a picture, whole or with a mask, against diffusers' pipelines for that.

use std::path::PathBuf;

use atelier_core::{GenerateRequest, SamplerKind, StartImage, StartPixels, VaeTiling};
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_nn::Engine;
use atelier_testkit::{Golden, golden, relative_error, tiny_sd15, tiny_sdxl};
use burn::tensor::Device;

use super::{draw, request};
use crate::source::assert_golden;

fn bytes(file: &Golden, name: &str) -> Vec<u8> {
    let whole = file.ints(name).into_iter();
    whole.map(|value| u8::try_from(value).unwrap()).collect()
}

fn start(file: &Golden, kind: &str) -> StartPixels {
    let [height, width] = file.shape("mask").try_into().unwrap();
    StartPixels {
        width,
        height,
        rgb: bytes(file, "picture"),
        mask: (kind == "mask").then(|| bytes(file, "mask")),
    }
}

fn request_of(file: &Golden, kind: &str, sampler: SamplerKind, denoise: f64) -> GenerateRequest {
    let [height, width] = file.shape("mask").try_into().unwrap();
    GenerateRequest {
        sampler,
        width: Some(width),
        height: Some(height),
        start: Some(StartImage {
            path: PathBuf::from("start.png"),
            denoise,
            mask: (kind == "mask").then(|| PathBuf::from("mask.png")),
        }),
        ..request(file)
    }
}

fn pipeline(family: &str) -> Pipeline {
    let folder = if family == "sd15" {
        tiny_sd15()
    } else {
        tiny_sdxl()
    };
    let base = Base::open(&folder).unwrap();
    Pipeline::in_turn(base, &Device::flex(), Engine::Exact)
}

fn check(family: &str, kind: &str, denoises: &[f64]) {
    let file = golden("starts");
    let (start, mut pipeline) = (start(&file, kind), pipeline(family));
    for sampler in [SamplerKind::Ddim, SamplerKind::Euler] {
        for &denoise in denoises {
            let request = request_of(&file, kind, sampler, denoise);
            let latents = pipeline.final_latents(&request, Some(&start)).unwrap();
            let name = format!("{family}.{kind}.{}.{denoise:?}", sampler.name());
            assert_golden(latents, &file, &format!("{name}.latents"));
        }
    }
    let request = request_of(&file, kind, SamplerKind::Euler, 0.6);
    let found = draw(&mut pipeline, &request, Some(&start)).rgb;
    let expected = file.vec(&format!("{family}.{kind}.euler.0.6.drawn"));
    let expected = expected
        .iter()
        .map(|value| (value * 255.0).round_ties_even() as u8);
    // A value may fall on the other side of a rounding edge, no more.
    assert!(found.iter().zip(expected).all(|(&a, b)| a.abs_diff(b) <= 1));
}

#[test]
fn image_to_image_with_one_text_encoder_is_that_of_diffusers() {
    check("sd15", "image", &[0.3, 0.6, 1.0]);
}

#[test]
fn image_to_image_with_two_text_encoders_is_that_of_diffusers() {
    check("sdxl", "image", &[0.3, 0.6, 1.0]);
}

#[test]
fn inpainting_with_one_text_encoder_is_that_of_diffusers() {
    check("sd15", "mask", &[0.6, 1.0]);
}

#[test]
fn inpainting_with_two_text_encoders_is_that_of_diffusers() {
    check("sdxl", "mask", &[0.6, 1.0]);
}

#[test]
fn the_kept_part_is_the_start_and_the_rest_follows_the_prompt() {
    let (file, mut pipeline) = (golden("starts"), pipeline("sd15"));
    let start = start(&file, "mask");
    let drawn = |pipeline: &mut Pipeline, prompt: &str| {
        let mut request = request_of(&file, "mask", SamplerKind::Ddim, 1.0);
        prompt.clone_into(&mut request.prompt);
        pipeline.final_latents(&request, Some(&start)).unwrap()
    };
    let one = drawn(&mut pipeline, "a red cat");
    let other = drawn(&mut pipeline, "a blue house");
    let change = atelier_nn::gradients::values_of((one - other).abs());
    let (width, area) = (start.width / 2, start.width * start.height / 4);
    for (place, change) in change.iter().enumerate() {
        let (y, x) = (place % area / width, place % width);
        let is_drawn = start.mask.as_ref().unwrap()[2 * y * start.width + 2 * x] >= 128;
        assert_eq!(*change > 0.0, is_drawn, "latent {x}, {y}");
    }
}

#[test]
fn a_start_is_encoded_tile_by_tile_where_asked() {
    let (file, mut pipeline) = (golden("starts"), pipeline("sd15"));
    let start = start(&file, "image");
    let mut request = request_of(&file, "image", SamplerKind::Ddim, 0.3);
    let mut values = |tiling: VaeTiling| {
        request.vae_tiling = tiling;
        let latents = pipeline.final_latents(&request, Some(&start)).unwrap();
        atelier_nn::gradients::values_of(latents)
    };
    let [whole, auto, tiled] = [VaeTiling::Off, VaeTiling::Auto, VaeTiling::On].map(&mut values);
    assert_eq!(whole, auto);
    let (error, _) = relative_error(&tiled, &whole);
    assert!(error > 1e-3 && error < 1.0, "{error}");
}

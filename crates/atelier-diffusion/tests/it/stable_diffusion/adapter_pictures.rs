//! Adapters that peft made and diffusers saved draw the pictures that they draw there, on both families.

use std::path::{Path, PathBuf};

use atelier_core::{AdapterUse, SamplerKind};
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_nn::Engine;
use atelier_testkit::{golden, golden_folder, tiny_sd15, tiny_sdxl};
use burn::tensor::Device;

use super::request;
use crate::source::assert_golden;

fn adapter(name: &str) -> PathBuf {
    golden_folder().join(format!("adapter_pictures/{name}.safetensors"))
}

fn check(family: &str, folder: &Path) {
    let file = golden("adapter_pictures");
    let mut base = Base::open(folder).unwrap();
    base.schedule_config.clip_sample = Some(false);
    let mut pipeline = Pipeline::in_turn(base, &Device::flex(), Engine::Exact);
    let mut request = request(&file);
    request.sampler = SamplerKind::Ddim;
    for case in [
        "attention",
        "transformer",
        "convolution",
        "convolution-kohya",
        "text",
        "text-kohya",
    ] {
        for strength in [0.5, 1.1] {
            let name = format!("{family}-{case}");
            request.adapters = vec![AdapterUse::new(adapter(&name), strength)];
            let latents = pipeline.final_latents(&request, None).unwrap();
            assert_golden(latents, &file, &format!("{name}.{strength}"));
            let notes = atelier_core::Generator::take_notes(&mut pipeline);
            assert!(notes.is_empty(), "{name}: {notes:?}");
        }
    }
    request.adapters.clear();
    let bare = pipeline.final_latents(&request, None).unwrap();
    assert_golden(bare, &file, &format!("{family}.bare"));
}

#[test]
fn adapters_of_peft_draw_the_same_pictures_with_one_text_encoder() {
    check("sd15", &tiny_sd15());
}

#[test]
fn adapters_of_peft_draw_the_same_pictures_with_two_text_encoders() {
    check("sdxl", &tiny_sdxl());
}

#[test]
fn parts_have_strengths_of_their_own() {
    let file = golden("adapter_pictures");
    let mut pipeline = Pipeline::open(&tiny_sdxl(), &Device::flex(), Engine::Exact).unwrap();
    let mut request = request(&file);
    request.steps = 2;
    let mut drawn = |strength: f32, text_strength: Option<f32>| {
        request.adapters = vec![AdapterUse {
            path: adapter("sdxl-text"),
            strength,
            text_strength,
        }];
        let latents = pipeline.final_latents(&request, None).unwrap();
        atelier_nn::gradients::values_of(latents)
    };
    let both = drawn(0.8, None);
    assert_eq!(drawn(0.8, Some(0.8)), both);
    let without_text = drawn(0.8, Some(0.0));
    let text_alone = drawn(0.0, Some(0.8));
    let bare = drawn(0.0, None);
    for (one, other) in [
        (&both, &without_text),
        (&both, &text_alone),
        (&without_text, &bare),
        (&text_alone, &bare),
    ] {
        assert!(atelier_testkit::relative_error(one, other).0 > 1e-3);
    }
}

//! Adapters that peft made and diffusers saved draw the pictures that they draw there, on both families.

use std::path::{Path, PathBuf};

use atelier_core::{
    AdapterUse, AlwaysPermitted, CancelFlag, Generator as _, Outcome, RunContext, SamplerKind,
};
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_nn::Engine;
use atelier_testkit::{golden, golden_folder, tiny_sd15, tiny_sdxl};
use burn::tensor::Device;

use super::{Quiet, request};
use crate::source::assert_golden;

fn adapter(name: &str) -> PathBuf {
    golden_folder().join(format!("adapter_pictures/{name}.safetensors"))
}

fn check(family: &str, folder: &Path) {
    let file = golden("adapter_pictures");
    let base = Base::open(folder).unwrap();
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
            let notes = pipeline.take_notes();
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

#[test]
fn texts_are_prepared_for_as_many_pictures_as_memory_allows() {
    let file = golden("adapter_pictures");
    let picture = |prompt: &str, strength: Option<f32>| {
        let mut picture = request(&file);
        picture.steps = 1;
        prompt.clone_into(&mut picture.prompt);
        let uses = strength.map(|strength| AdapterUse::new(adapter("sdxl-text"), strength));
        picture.adapters = uses.into_iter().collect();
        picture
    };
    let requests = [
        picture("one", None),
        picture("two", None),
        picture("two", Some(0.5)),
        picture("one", Some(0.5)),
        picture("one", Some(1.1)),
    ];
    let pipeline = |bytes: usize| {
        let base = Base::open(&tiny_sdxl()).unwrap();
        Pipeline::in_turn(base, &Device::flex(), Engine::Exact).with_text_bytes(bytes)
    };
    let mut drawn = Vec::new();
    for (bytes, expected) in [(1, vec![1; 5]), (60_000, vec![3, 2]), (1 << 20, vec![5])] {
        let (mut pipeline, mut waiting) = (pipeline(bytes), &requests[..]);
        let (mut portions, mut latents) = (Vec::new(), Vec::new());
        while !waiting.is_empty() {
            let count = pipeline.prepare(waiting, &CancelFlag::default()).unwrap();
            portions.push(count);
            for request in waiting.split_off(..count).unwrap() {
                let found = pipeline.final_latents(request, None).unwrap();
                latents.push(atelier_nn::gradients::values_of(found));
            }
        }
        assert_eq!(portions, expected, "{bytes} bytes");
        drawn.push(latents);
    }
    assert_eq!(drawn[0], drawn[1]);
    assert_eq!(drawn[0], drawn[2]);
    assert_ne!(drawn[0][0], drawn[0][3]);
}

#[test]
fn what_was_cancelled_encodes_one_picture_at_most_and_draws_none() {
    let file = golden("adapter_pictures");
    let prompts = ["one", "two", "three", "four"];
    let requests = prompts.map(|prompt| {
        let mut picture = request(&file);
        (picture.prompt, picture.steps) = (prompt.to_owned(), 1);
        picture
    });
    let base = Base::open(&tiny_sdxl()).unwrap();
    let mut pipeline = Pipeline::in_turn(base, &Device::flex(), Engine::Exact);
    for (stop_before, expected) in [(0, 1), (1, 1), (3, 3), (9, 4)] {
        let cancel = CancelFlag::default();
        let waiting = requests.iter().enumerate().map(|(place, request)| {
            if place == stop_before {
                cancel.cancel();
            }
            request
        });
        let count = pipeline.prepare(waiting, &cancel).unwrap();
        assert_eq!(count, expected, "stopped before {stop_before}");
        let context = RunContext {
            cancel: &cancel,
            progress: &Quiet,
            clock: &Quiet,
            permit: &AlwaysPermitted,
        };
        let outcome = pipeline.generate(&requests[0], None, context).unwrap();
        let was_cancelled = matches!(outcome, Outcome::Cancelled { completed_steps: 0 });
        assert_eq!(was_cancelled, stop_before < 9);
    }
}

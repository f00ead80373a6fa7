//! Long and weighted prompts through whole text encoders, and pictures from texts of different lengths.

use atelier_core::{PromptSyntax, SamplerKind};
use atelier_diffusion::prompt::Prompt;
use atelier_diffusion::stable_diffusion::{Base, Pipeline, TextStates};
use atelier_nn::Engine;
use atelier_testkit::{Golden, golden, tiny_sd15, tiny_sdxl};
use burn::tensor::Device;

use super::request;
use crate::source::assert_golden;

const CASES: [&str; 3] = ["long", "mixed", "short"];

fn prompt(file: &Golden, case: &str) -> String {
    file.config()["prompts"][case].as_str().unwrap().to_owned()
}

fn states(base: &Base, texts: [&str; 2]) -> TextStates {
    let device = Device::flex();
    let encoders = base.load_texts(&device, Engine::Exact).unwrap();
    let prompts = texts.map(|text| Prompt::read(text, PromptSyntax::Weighted).unwrap());
    let prompts = &prompts[..base.texts.len()];
    base.encode(&encoders, prompts, 0, &device).unwrap().states
}

#[test]
fn a_long_weighted_prompt_with_breaks_gives_the_states_of_transformers() {
    let (file, base) = (golden("wording"), Base::open(&tiny_sd15()).unwrap());
    for case in CASES {
        let text = prompt(&file, case);
        let found = states(&base, [&text, &text]);
        assert!(found.pooled_bd.is_none());
        assert_golden(found.states_bsd, &file, &format!("sd15.{case}.states"));
    }
}

#[test]
fn two_encoders_are_weighted_apart_and_the_first_chunk_is_pooled() {
    let (file, base) = (golden("wording"), Base::open(&tiny_sdxl()).unwrap());
    for case in CASES {
        let text = prompt(&file, case);
        let found = states(&base, [&text, &text]);
        assert_golden(found.states_bsd, &file, &format!("sdxl.{case}.states"));
        let pooled = found.pooled_bd.unwrap();
        assert_golden(pooled, &file, &format!("sdxl.{case}.pooled"));
    }
}

#[test]
fn a_chunk_has_the_same_states_whatever_follows_it() {
    let values = |states: TextStates| atelier_nn::gradients::values_of(states.states_bsd);
    for folder in [tiny_sd15(), tiny_sdxl()] {
        let base = Base::open(&folder).unwrap();
        let alone = values(states(&base, ["a red (cat:1.3)"; 2]));
        let before = values(states(
            &base,
            ["a red (cat:1.3) BREAK a chair BREAK a moon"; 2],
        ));
        assert_eq!(before[..alone.len()], alone);
        assert_eq!(before.len(), 3 * alone.len());
    }
}

#[test]
fn prompts_of_two_encoders_may_differ_in_length() {
    let (file, base) = (golden("wording"), Base::open(&tiny_sdxl()).unwrap());
    let [long, short] = ["long", "short"].map(|case| prompt(&file, case));
    let widths = [
        base.texts[0].config.hidden_size,
        base.texts[1].config.hidden_size,
    ];
    let found = states(&base, [&long, &short]);
    let length = file.shape("sdxl.long.states")[1];
    assert_eq!(found.states_bsd.dims(), [1, length, widths[0] + widths[1]]);
    let device = Device::flex();
    let first = found.states_bsd.clone().narrow(2, 0, widths[0]);
    let expected = file.tensor::<3>("sdxl.long.states", &device);
    let same = first.sub(expected.narrow(2, 0, widths[0])).abs().max();
    assert!(atelier_nn::gradients::values_of(same)[0] < 1e-4);
    // The short text fills its first chunk, and that one is pooled.
    let second = found
        .states_bsd
        .narrow(1, 0, 77)
        .narrow(2, widths[0], widths[1]);
    let expected = file.tensor::<3>("sdxl.short.states", &device);
    let same = second
        .sub(expected.narrow(2, widths[0], widths[1]))
        .abs()
        .max();
    assert!(atelier_nn::gradients::values_of(same)[0] < 1e-4);
    assert_golden(found.pooled_bd.unwrap(), &file, "sdxl.short.pooled");
}

#[test]
fn guidance_between_texts_of_different_lengths_equals_evaluating_them_apart() {
    let file = golden("wording");
    let mut pipeline = Pipeline::open(&tiny_sd15(), &Device::flex(), Engine::Exact).unwrap();
    for (wanted, unwanted, case) in [
        ("mixed", "short", "long_short"),
        ("short", "mixed", "short_long"),
    ] {
        let mut request = request(&file);
        request.sampler = SamplerKind::Ddim;
        request.prompt_syntax = PromptSyntax::Weighted;
        request.prompt = prompt(&file, wanted);
        request.negative = Some(prompt(&file, unwanted));
        let latents = pipeline.final_latents(&request, None).unwrap();
        assert_golden(latents, &file, &format!("{case}.latents"));
    }
}

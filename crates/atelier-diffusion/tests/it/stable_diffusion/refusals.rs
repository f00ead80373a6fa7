//! What a base refuses to draw, before anything is loaded: each reason by itself, and all of them together.

use std::path::PathBuf;

use atelier_core::{
    AdapterUse, Coded as _, ErrorCode, GenerateRequest, PromptSyntax, SamplerKind, ScheduleKind,
    StartImage, StartPixels,
};
use atelier_diffusion::schedule::BetaSchedule;
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_nn::Engine;
use atelier_testkit::{tiny_sd15, tiny_sdxl};
use burn::tensor::Device;

/// A request that both tiny bases draw.
fn good() -> GenerateRequest {
    GenerateRequest {
        prompt: "a cat".to_owned(),
        steps: 10,
        ..GenerateRequest::default()
    }
}

fn refusal(change: impl FnOnce(&mut GenerateRequest)) -> String {
    let base = Base::open(&tiny_sd15()).unwrap();
    let mut request = good();
    base.check(&request).unwrap();
    change(&mut request);
    let error = base.check(&request).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    error.to_string()
}

fn start(denoise: f64) -> StartImage {
    let path = PathBuf::from("start.png");
    StartImage {
        path,
        denoise,
        mask: None,
    }
}

#[test]
fn sizes_must_be_whole_latents_within_the_limit() {
    for (width, height, wrong) in [
        (
            33,
            32,
            "`width` is 33, must be a multiple of 2 between 2 and 4096",
        ),
        (0, 32, "`width` is 0"),
        (32, 4098, "`height` is 4098"),
        (32, 31, "`height` is 31"),
    ] {
        let found = refusal(|request| {
            (request.width, request.height) = (Some(width), Some(height));
        });
        assert!(found.starts_with(wrong), "{found}");
        assert!(!found.contains(';'), "{found}");
    }
}

#[test]
fn nothing_is_drawn_in_no_step_or_no_picture() {
    let expected = "`steps` and `count` must be at least 1";
    assert_eq!(refusal(|request| request.steps = 0), expected);
    assert_eq!(refusal(|request| request.count = 0), expected);
}

#[test]
fn guidance_must_be_a_number_and_its_rescaling_a_share() {
    for guidance in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = refusal(|request| request.guidance = guidance);
        assert_eq!(found, format!("`guidance` is {guidance}, must be a number"));
    }
    for rescale in [-0.1, 1.1, f32::NAN] {
        let found = refusal(|request| request.guidance_rescale = rescale);
        let expected = format!("`guidance_rescale` is {rescale}, must lie between 0 and 1");
        assert_eq!(found, expected);
    }
}

#[test]
fn clip_skip_leaves_a_layer() {
    let found = refusal(|request| request.clip_skip = 2);
    let expected = "`clip_skip` is 2, the text encoder has 2 layers to skip from";
    assert_eq!(found, expected);
    // The family sdxl never uses the last layer, so that one of three is left to skip.
    let base = Base::open(&tiny_sdxl()).unwrap();
    let skip = |clip_skip| GenerateRequest {
        clip_skip,
        ..good()
    };
    base.check(&skip(1)).unwrap();
    assert!(base.check(&skip(2)).is_err());
}

#[test]
fn a_second_prompt_needs_a_second_encoder() {
    let second = Some("the moon".to_owned());
    let expected =
        "`prompt_2` and `negative_2` are for bases with two text encoders, this one has one";
    assert_eq!(
        refusal(|request| request.prompt_2.clone_from(&second)),
        expected
    );
    assert_eq!(
        refusal(|request| request.negative_2.clone_from(&second)),
        expected
    );
    let base = Base::open(&tiny_sdxl()).unwrap();
    let request = GenerateRequest {
        prompt_2: second.clone(),
        negative_2: second,
        ..good()
    };
    base.check(&request).unwrap();
}

#[test]
fn a_spacing_with_fewer_evaluations_than_steps_leaves_one_to_draw() {
    let mut base = Base::open(&tiny_sd15()).unwrap();
    base.schedule_config.beta_schedule = Some(BetaSchedule::SquaredcosCapV2);
    base.schedule_config.solver.lambda_min_clipped = -5.1;
    let request = |denoise| GenerateRequest {
        sampler: SamplerKind::Dpmpp2m,
        schedule: ScheduleKind::Trailing,
        steps: 500,
        start: Some(start(denoise)),
        ..good()
    };
    let refused = base.check(&request(0.002)).unwrap_err().to_string();
    assert!(refused.contains("so that none is drawn"), "{refused}");
    base.check(&request(0.1)).unwrap();
}

#[test]
fn denoise_is_a_share_that_leaves_a_step() {
    for denoise in [0.0, -0.5, 1.01, f64::NAN] {
        let found = refusal(|request| request.start = Some(start(denoise)));
        let expected = format!("`denoise` is {denoise}, must lie above 0 and not above 1");
        assert_eq!(found, expected);
    }
    let found = refusal(|request| request.start = Some(start(0.09)));
    assert_eq!(found, "`denoise` 0.09 of 10 steps leaves no step to draw");
    let base = Base::open(&tiny_sd15()).unwrap();
    for denoise in [0.1, 1.0] {
        let request = GenerateRequest {
            start: Some(start(denoise)),
            ..good()
        };
        base.check(&request).unwrap();
    }
}

#[test]
fn strengths_of_adapters_lie_in_their_range() {
    for strength in [-1.0, 1.6, 1e9, f32::NAN] {
        let found = refusal(|request| request.adapters = vec![AdapterUse::new("fur", strength)]);
        let expected =
            format!("`fur`: adapter strength must lie between 0 and 1.5, got {strength}");
        assert_eq!(found, expected);
    }
}

#[test]
fn adapters_of_a_prompt_must_have_been_looked_up() {
    let found = refusal(|request| request.prompt = "a cat <lora:fur:0.8>".to_owned());
    let expected = "`prompt`: names the adapter `<lora:fur:0.8>`, which was not looked up";
    assert_eq!(found, expected);
}

#[test]
fn syntax_that_is_not_supported_is_refused_in_every_prompt() {
    let found = refusal(|request| request.prompt = "a cat AND a dog".to_owned());
    assert!(found.starts_with("`prompt`: `AND` joins"), "{found}");
    let found = refusal(|request| request.negative = Some("[a:b:0.5]".to_owned()));
    assert!(
        found.starts_with("`negative`: `[a:b:0.5]` changes"),
        "{found}"
    );
    // The same words mean themselves where nothing has a meaning.
    let base = Base::open(&tiny_sd15()).unwrap();
    let request = GenerateRequest {
        prompt: "a cat AND a dog <lora:fur:0.8>".to_owned(),
        prompt_syntax: PromptSyntax::Plain,
        ..good()
    };
    base.check(&request).unwrap();
}

#[test]
fn a_negative_prompt_is_read_even_where_guidance_does_not_use_it() {
    let found = refusal(|request| {
        request.guidance = 1.0;
        request.negative = Some("[a:b:0.5]".to_owned());
    });
    assert!(found.starts_with("`negative`: "), "{found}");
}

#[test]
fn a_prompt_without_end_is_refused_before_it_is_encoded() {
    let words = |count: usize| "word ".repeat(count);
    let found = refusal(|request| request.prompt = words(64 * 75 + 1));
    assert_eq!(
        found,
        "`prompt`: takes 65 chunks of 75 tokens, at most 64 are drawn"
    );
    let found = refusal(|request| request.negative = Some("BREAK ".repeat(65)));
    assert!(found.starts_with("`negative`: takes 65 chunks"), "{found}");
    let found = refusal(|request| request.prompt = words(20_000));
    assert_eq!(
        found,
        "`prompt`: the prompt is 100000 bytes long, at most 65536 are read"
    );
    let base = Base::open(&tiny_sd15()).unwrap();
    let request = GenerateRequest {
        prompt: words(64 * 75),
        ..good()
    };
    base.check(&request).unwrap();
    // Of a plain prompt one chunk is drawn, and the rest is reported.
    let request = GenerateRequest {
        prompt: words(64 * 75 + 1),
        prompt_syntax: PromptSyntax::Plain,
        ..good()
    };
    base.check(&request).unwrap();
}

#[test]
fn more_steps_than_the_schedule_has_are_refused() {
    let found = refusal(|request| request.steps = 1001);
    assert!(found.contains("1001"), "{found}");
}

#[test]
fn all_problems_are_reported_together() {
    let found = refusal(|request| {
        (request.width, request.height) = (Some(31), Some(5000));
        request.steps = 2000;
        request.count = 0;
        request.guidance = f32::NAN;
        request.guidance_rescale = 2.0;
        request.clip_skip = 9;
        request.prompt = "a AND b".to_owned();
        request.prompt_2 = Some("<lora:fur>".to_owned());
        request.negative = Some("[a|b]".to_owned());
        request.negative_2 = Some("(a:1.2.3)".to_owned());
        request.sampler = SamplerKind::Euler;
        request.start = Some(start(0.0));
    });
    for part in [
        "`width` is 31",
        "`height` is 5000",
        "`count` must",
        "`guidance` is NaN",
        "`guidance_rescale` is 2",
        "`clip_skip` is 9",
        "two text encoders",
        "`denoise` is 0",
        "`prompt`: `AND`",
        "`prompt_2`: names",
        "`negative`: `[a|b]`",
        "`negative_2`: `1.2.3`",
        "2000",
    ] {
        assert!(found.contains(part), "{part} in {found}");
    }
}

#[test]
fn pixels_that_do_not_fit_the_request_are_refused() {
    let base = Base::open(&tiny_sd15()).unwrap();
    let mut pipeline = Pipeline::in_turn(base, &Device::flex(), Engine::Exact);
    let request = GenerateRequest {
        start: Some(start(0.5)),
        ..good()
    };
    let pixels = |width: usize, rgb: usize, mask: Option<usize>| StartPixels {
        width,
        height: 32,
        rgb: vec![0; rgb],
        mask: mask.map(|length| vec![0; length]),
    };
    for (found, size) in [
        (pixels(30, 3 * 30 * 32, None), "30x32"),
        (pixels(32, 5, None), "32x32"),
        (pixels(32, 3 * 32 * 32, Some(7)), "32x32"),
    ] {
        let error = pipeline.final_latents(&request, Some(&found)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(error.to_string().contains(size), "{error}");
    }
}

//! `atelier generate`.

mod adapters;
mod batch;
mod fixtures;
mod grid;
mod repeat;
mod start;

use crate::workbench::Workbench;
use fixtures::pixels;

#[test]
fn strength_zero_draws_the_pixels_of_the_base_and_strength_one_does_not() {
    let bench = Workbench::new();
    bench.dataset("pictures", 3);
    assert_eq!(bench.train(&["--learning-rate", "0.01"]).status, 0);
    for (folder, strength) in [("zero", "0"), ("one", "1")] {
        let adapter = format!("run/adapter.safetensors:{strength}");
        let ended = bench.generate(&["--out", folder, "--adapter", &adapter]);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
    }
    assert_eq!(bench.generate(&[]).status, 0);
    let base = pixels(&bench, "drawn/7-a-slope.png");
    assert_eq!(base.len(), 32 * 32 * 3);
    assert_eq!(pixels(&bench, "zero/7-a-slope.png"), base);
    assert_ne!(pixels(&bench, "one/7-a-slope.png"), base);
    let texts = atelier_data::png::read_text(bench.path("one/7-a-slope.png")).unwrap();
    assert!(texts[0].1.contains("<lora:adapter:1>"), "{texts:?}");
    assert!(texts[0].1.contains("Lora hashes: \"adapter: "));
}

#[test]
fn pictures_carry_their_recipe_and_never_overwrite() {
    let bench = Workbench::new();
    let ended = bench.generate(&["--count", "2", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    insta::assert_snapshot!(document["files"].to_string(), @r#"[{"path":"drawn/7-a-slope.png","seed":7},{"path":"drawn/8-a-slope.png","seed":8}]"#);
    let ended = bench.generate(&["--negative", "text"]);
    assert_eq!(ended.stdout, "drawn/7-a-slope-1.png\n");
    let texts = atelier_data::png::read_text(bench.path("drawn/7-a-slope-1.png")).unwrap();
    let (parameters, recipe) = (&texts[0], &texts[1]);
    assert_eq!((&*parameters.0, &*recipe.0), ("parameters", "atelier"));
    assert!(parameters.1.starts_with(
        "a slope\nNegative prompt: text\nSteps: 4, Sampler: DDIM, CFG scale: 7, Seed: 7, Size: 32x32, Model hash: "
    ), "{}", parameters.1);
    let recipe: serde_json::Value = serde_json::from_str(&recipe.1).unwrap();
    assert_eq!(recipe["request"]["prompt"], "a slope");
    assert_eq!(recipe["base"]["name"], "tiny-sd15");
}

#[test]
fn the_nth_picture_is_that_of_its_own_seed() {
    let bench = Workbench::new();
    assert_eq!(bench.generate(&["--count", "2"]).status, 0);
    assert_eq!(bench.generate(&["--seed", "8", "--out", "alone"]).status, 0);
    let alone = pixels(&bench, "alone/8-a-slope.png");
    assert_eq!(pixels(&bench, "drawn/8-a-slope.png"), alone);
    assert_ne!(pixels(&bench, "drawn/7-a-slope.png"), alone);
}

#[test]
fn an_unknown_sampler_lists_the_valid_ones() {
    let bench = Workbench::new();
    let ended = bench.generate(&["--sampler", "dpm9"]);
    ended.refused(&["'dpm9'", "--sampler", "ddim, pndm, lms, euler"]);
}

#[test]
fn sizes_and_numbers_that_cannot_be_drawn_are_refused_and_leave_nothing() {
    let bench = Workbench::new();
    bench
        .generate(&["--width", "63"])
        .refused(&["`width` is 63", "multiple of 2"]);
    bench.generate(&["--count", "0"]).refused(&["at least 1"]);
    let all = bench.generate(&[
        "--width",
        "0",
        "--guidance",
        "nan",
        "--guidance-rescale",
        "2",
    ]);
    all.refused(&[
        "`width` is 0",
        "`guidance` is NaN",
        "`guidance_rescale` is 2",
    ]);
    bench
        .generate(&["--adapter", "a.safetensors:9"])
        .refused(&["between 0 and 1.5"]);
    bench
        .generate(&["--clip-skip", "99"])
        .refused(&["`clip_skip` is 99"]);
    bench
        .generate(&["--steps", "100000"])
        .refused(&["100000", "1000"]);
    for sampler in [
        "euler-a",
        "dpmpp-sde",
        "dpmpp-2m",
        "unipc",
        "pndm",
        "lms",
        "lcm",
    ] {
        let most = usize::MAX.to_string();
        let ended = bench.generate(&["--sampler", sampler, "--steps", &most]);
        assert_eq!(ended.status, 2, "{sampler}: {}", ended.stderr);
    }
    bench
        .generate(&["--adapter", "a.safetensors:0,8"])
        .refused(&["strength `0,8` is not a number, write 0.8"]);
    assert!(!bench.path("drawn").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_drawing() {
    let bench = Workbench::new();
    std::fs::write(bench.path("drawn"), "a file").unwrap();
    let ended = bench.generate(&[]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("cannot write pictures to `drawn`"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("drawing"), "{}", ended.stderr);
}

#[test]
fn a_negative_seed_is_the_one_of_its_bits() {
    let bench = Workbench::new();
    assert_eq!(bench.generate(&["--seed", "-1"]).status, 0);
    let same = "18446744073709551615";
    assert_eq!(bench.generate(&["--seed", same, "--out", "same"]).status, 0);
    let name = format!("{same}-a-slope.png");
    let own = pixels(&bench, &format!("drawn/{name}"));
    assert_eq!(own, pixels(&bench, &format!("same/{name}")));
    bench
        .generate(&["--seed", "1.5"])
        .refused(&["'1.5'", "whole number"]);
}

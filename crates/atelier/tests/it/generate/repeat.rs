//! `--from`: drawing a picture again from the recipe inside it.

use super::fixtures::{
    document, generate_sdxl, parameters, paths, pixels, recipe, write_adapter, write_mask,
    write_picture, write_with_texts,
};
use crate::workbench::{Ended, Workbench, copy_folder, tiny_base};

fn repeat(bench: &Workbench, picture: &str, more: &[&str]) -> Ended {
    let words = ["generate", "--from", picture, "--out", "again"];
    bench.run(&[&words, more].concat())
}

/// Draws with an adapter, a start picture and a mask; the picture's name.
fn draw_with_everything(bench: &Workbench, base: &str) -> String {
    write_adapter(&bench.path("home/adapters/cat.safetensors"), 2.0);
    write_picture(&bench.path("start.png"), 33, 21);
    write_mask(&bench.path("mask.png"), 33, 21);
    let prompt = [
        "--prompt",
        "a {red|blue} (slope:1.3) <lora:cat:0.9>",
        "--negative",
        "x",
    ];
    let settings = [
        "--sampler",
        "euler-a",
        "--schedule",
        "trailing",
        "--noise",
        "torch-cuda",
    ];
    let start = [
        "--init-image",
        "start.png",
        "--mask",
        "mask.png",
        "--denoise",
        "0.7",
    ];
    let more = [
        "--guidance-rescale",
        "0.3",
        "--clip-skip",
        "1",
        "--seed",
        "9",
        "--base",
        base,
    ];
    let words = [&prompt[..], &settings, &start, &more, &["--json"]].concat();
    paths(&document(&bench.generate(&words))).remove(0)
}

/// Writes `changed.png` with the recipe of a picture, one value of it replaced.
fn edited(bench: &Workbench, picture: &str, place: &str, value: serde_json::Value) {
    let mut recipe = recipe(bench, picture);
    *recipe.pointer_mut(place).unwrap() = value;
    let texts = [("atelier", &*recipe.to_string())];
    write_with_texts(&bench.path("changed.png"), &texts);
}

#[test]
fn a_picture_with_adapter_start_and_mask_is_drawn_again_pixel_by_pixel() {
    let bench = Workbench::new();
    let base = tiny_base();
    let picture = draw_with_everything(&bench, &base);
    let again = document(&repeat(&bench, &picture, &["--base", &base, "--json"]));
    let again_path = &paths(&again)[0];
    assert_eq!(pixels(&bench, again_path), pixels(&bench, &picture));
    assert_eq!(again["notes"], serde_json::json!([]));
    assert_eq!(recipe(&bench, again_path), recipe(&bench, &picture));
    assert_eq!(parameters(&bench, again_path), parameters(&bench, &picture));
}

#[test]
fn files_that_moved_are_found_by_what_they_hold() {
    let bench = Workbench::new();
    copy_folder(&atelier_testkit::tiny_sd15(), &bench.path("home/bases/own"));
    let picture = draw_with_everything(&bench, "own");
    let move_to = |from: &str, to: &str| {
        std::fs::create_dir_all(bench.path(to).parent().unwrap()).unwrap();
        std::fs::rename(bench.path(from), bench.path(to)).unwrap();
    };
    move_to(
        "home/adapters/cat.safetensors",
        "home/adapters/animals/felix.safetensors",
    );
    write_adapter(&bench.path("home/adapters/cat.safetensors"), 5.0);
    move_to("start.png", "drawn/start.png");
    move_to("mask.png", "drawn/mask.png");
    let again = document(&repeat(&bench, &picture, &["--json"]));
    assert_eq!(again["notes"], serde_json::json!([]));
    assert_eq!(pixels(&bench, &paths(&again)[0]), pixels(&bench, &picture));
}

#[test]
fn sdxl_pictures_are_drawn_again_too() {
    let bench = Workbench::new();
    for words in [
        &[][..],
        &["--prompt-2", "a tree", "--negative=", "--negative-2", "x"],
    ] {
        let drawn = document(&generate_sdxl(&bench, &[words, &["--json"]].concat()));
        let picture = &paths(&drawn)[0];
        let base = atelier_testkit::tiny_sdxl().to_string_lossy().into_owned();
        let again = document(&repeat(&bench, picture, &["--base", &base, "--json"]));
        assert_eq!(pixels(&bench, &paths(&again)[0]), pixels(&bench, picture));
    }
}

#[test]
fn flags_change_single_fields_and_say_so() {
    let bench = Workbench::new();
    let base = tiny_base();
    assert_eq!(bench.generate(&["--negative", "x"]).status, 0);
    let picture = "drawn/7-a-slope.png";
    let words = ["--base", &base, "--json"];
    let more = ["--steps", "3", "--seed", "8", "--negative", "x"];
    let changed = document(&repeat(&bench, picture, &[&words[..], &more].concat()));
    let note = changed["notes"][0].as_str().unwrap();
    assert!(note.ends_with("flags change `seed`, `steps`"), "{note}");
    let request = &recipe(&bench, &paths(&changed)[0])["request"];
    assert_eq!(
        (&request["steps"], &request["negative"]),
        (&3.into(), &"x".into())
    );
    std::fs::write(bench.path("p.txt"), "one").unwrap();
    let lines = repeat(
        &bench,
        picture,
        &[&words[..], &["--prompts", "p.txt"]].concat(),
    );
    let note = document(&lines)["notes"].to_string();
    assert!(note.contains("flags change `prompt`"), "{note}");
    // The first of several is the recorded one.
    let several = document(&repeat(
        &bench,
        picture,
        &[&words[..], &["--count", "2"]].concat(),
    ));
    assert_eq!(several["notes"], serde_json::json!([]));
    let several = paths(&several);
    assert_eq!(several.len(), 2);
    assert_eq!(pixels(&bench, &several[0]), pixels(&bench, picture));
}

#[test]
fn another_base_adapter_or_start_is_refused_by_its_hash() {
    let bench = Workbench::new();
    let base = tiny_base();
    let picture = draw_with_everything(&bench, &base);
    let here = ["--base", &base];
    repeat(&bench, &picture, &[]).refused(&["base `tiny-sd15` (hash ", "not found", "`--base`"]);
    let sdxl = atelier_testkit::tiny_sdxl().to_string_lossy().into_owned();
    let other = repeat(&bench, &picture, &["--base", &sdxl]);
    other.refused(&[
        "the picture was drawn with the base `tiny-sd15` of hash",
        "`tiny-sdxl` has hash",
    ]);
    write_picture(&bench.path("start.png"), 33, 22);
    std::fs::remove_file(bench.path("mask.png")).unwrap();
    write_adapter(&bench.path("home/adapters/cat.safetensors"), 2.5);
    repeat(&bench, &picture, &here).refused(&[
        "adapter `cat.safetensors` (SHA-256 ",
        "start picture `start.png` has SHA-256",
        "mask `mask.png` (SHA-256 ",
    ]);
    // What flags name in their place is taken.
    write_mask(&bench.path("mask.png"), 33, 21);
    let flags = ["--init-image", "start.png", "--mask", "mask.png", "--json"];
    let adapter = ["--adapter", "home/adapters/cat.safetensors:0.9"];
    let taken = document(&repeat(
        &bench,
        &picture,
        &[&here[..], &flags, &adapter].concat(),
    ));
    let note = taken["notes"][0].as_str().unwrap();
    assert!(note.ends_with("flags change `adapters`"), "{note}");
}

#[test]
fn hostile_pictures_are_refused_by_what_is_wrong() {
    let bench = Workbench::new();
    assert_eq!(bench.generate(&[]).status, 0);
    let picture = "drawn/7-a-slope.png";
    let base = tiny_base();
    let here = ["--base", &base];
    for (place, value, word) in [
        (
            "/format",
            3.into(),
            "format 3, this program reads formats 1 to 2",
        ),
        ("/request/steps", u64::MAX.into(), "18446744073709551615"),
        ("/request/steps", "many".into(), "damaged recipe"),
        (
            "/request/width",
            (1_u64 << 40).into(),
            "`width` is 1099511627776",
        ),
        (
            "/request/sampler",
            "dpm9".into(),
            "damaged recipe: unknown variant `dpm9`",
        ),
        (
            "/request/prompt",
            "<lora:../../x:1>".into(),
            "names no adapter",
        ),
        ("/request/prompt", "a\u{0}b".into(), "zero byte"),
        ("/base/name", "\u{1b}[2Jx".into(), "control characters"),
    ] {
        edited(&bench, picture, place, value);
        repeat(&bench, "changed.png", &here).refused(&[word]);
    }
    let write = |texts: &[(&str, &str)]| {
        write_with_texts(&bench.path("x.png"), texts);
    };
    write(&[("parameters", "a cat\nSteps: 4, Sampler: Euler")]);
    repeat(&bench, "x.png", &here).refused(&["text of a web interface"]);
    write(&[("atelier", &"[".repeat(5 << 20))]);
    repeat(&bench, "x.png", &here).refused(&["has 5242880 bytes"]);
    write(&[("atelier", "{\"format\":2,")]);
    repeat(&bench, "x.png", &here).refused(&["damaged recipe"]);
    let whole = std::fs::read(bench.path(picture)).unwrap();
    std::fs::write(bench.path("x.png"), &whole[..whole.len() / 2]).unwrap();
    repeat(&bench, "x.png", &here).refused(&["x.png"]);
    image::RgbImage::new(16, 16)
        .save(bench.path("x.jpg"))
        .unwrap();
    repeat(&bench, "x.jpg", &here).refused(&["x.jpg"]);
    repeat(&bench, "none.png", &here).refused(&["`none.png` does not exist"]);
    repeat(&bench, ".", &here).refused(&["folder"]);
    assert!(!bench.path("again").exists());
}

#[test]
fn recipes_with_adapters_that_cannot_be_meant_are_refused() {
    let bench = Workbench::new();
    let base = tiny_base();
    let picture = draw_with_everything(&bench, &base);
    let here = ["--base", &base];
    let adapters = "/request/adapters/0";
    for (strength, word) in [
        (serde_json::json!(9), "between 0 and 1.5, got 9"),
        (serde_json::json!(-0.5), "between 0 and 1.5, got -0.5"),
        ("high".into(), "damaged recipe"),
    ] {
        edited(&bench, &picture, &format!("{adapters}/strength"), strength);
        repeat(&bench, "changed.png", &here).refused(&[word]);
    }
    let mut adapter = recipe(&bench, &picture).pointer(adapters).unwrap().clone();
    adapter["unet_strength"] = 1.into();
    edited(&bench, &picture, adapters, adapter);
    repeat(&bench, "changed.png", &here).refused(&["damaged recipe", "`unet_strength`"]);
}

#[test]
fn a_recipe_asks_for_a_base_by_name_alone() {
    let bench = Workbench::new();
    assert_eq!(bench.generate(&[]).status, 0);
    for name in [
        tiny_base(),
        "hf:owner/repo".to_owned(),
        "..".to_owned(),
        String::new(),
    ] {
        edited(&bench, "drawn/7-a-slope.png", "/base/name", name.into());
        repeat(&bench, "changed.png", &[]).refused(&["say where it is with `--base`"]);
    }
}

#[test]
fn names_that_look_like_markup_are_only_text() {
    let bench = Workbench::new();
    let name = "<img src=x onerror=\"a:b\">, c";
    copy_folder(&atelier_testkit::tiny_sd15(), &bench.path(name));
    let prompt = "\"><script>alert(1)</script>";
    let words = ["--base", name, "--prompt", prompt, "--json"];
    let drawn = document(&bench.generate(&words));
    let path = &paths(&drawn)[0];
    assert_eq!(path, "drawn/7-script-alert-1-script.png");
    let request = recipe(&bench, path);
    assert_eq!(request["base"]["name"], name);
    assert_eq!(request["request"]["prompt"], prompt);
    let text = parameters(&bench, path);
    assert!(
        text.contains(r#"Model: "<img src=x onerror=\"a:b\">, c", RNG"#),
        "{text}"
    );
    document(&repeat(&bench, path, &["--base", name, "--json"]));
}

//! Many prompts, many pictures.

use super::fixtures::{document, generate_sdxl, paths, pixels, recipe, write_adapter};
use crate::workbench::{Ended, Workbench, tiny_base};

/// Draws the prompts of a file in two steps.
fn draw_file(bench: &Workbench, prompts: impl AsRef<[u8]>, more: &[&str]) -> Ended {
    std::fs::write(bench.path("prompts.txt"), prompts).unwrap();
    let base = tiny_base();
    let words = ["generate", "--base", &base, "--prompts", "prompts.txt"];
    let settings = ["--steps", "2", "--seed", "7", "--out", "drawn"];
    bench.run(&[&words, &settings[..], more].concat())
}

#[test]
fn each_line_of_a_file_is_drawn_as_often_as_asked_and_named_by_its_number() {
    let bench = Workbench::new();
    let text = "# colours\n\na red slope\na {green|blue} slope\n";
    let document = document(&draw_file(&bench, text, &["--count", "2", "--json"]));
    let files = document["files"].as_array().unwrap();
    let about: Vec<_> = files
        .iter()
        .map(|file| (&file["line"], &file["seed"]))
        .collect();
    assert_eq!(
        serde_json::json!(about).to_string(),
        "[[3,7],[3,8],[4,7],[4,8]]"
    );
    let last = recipe(&bench, &paths(&document)[3]);
    let prompt = last["request"]["prompt"].as_str().unwrap();
    assert!(
        ["a green slope", "a blue slope"].contains(&prompt),
        "{prompt}"
    );
    assert_eq!(last["request"]["count"], 1);
}

#[test]
fn choices_follow_the_seed_of_each_picture() {
    let bench = Workbench::new();
    let prompt = [
        "--prompt",
        "{one|two|three}, {a|b}",
        "--steps",
        "1",
        "--json",
    ];
    let many = document(&bench.generate(&[&prompt[..], &["--count", "6"]].concat()));
    let drawn: Vec<_> = paths(&many)
        .iter()
        .map(|path| {
            (
                recipe(&bench, path)["request"]["prompt"].clone(),
                pixels(&bench, path),
            )
        })
        .collect();
    assert!(drawn.iter().any(|(prompt, _)| *prompt != drawn[0].0));
    let alone = document(&bench.generate(&[&prompt[..], &["--seed", "12"]].concat()));
    assert_eq!(pixels(&bench, &paths(&alone)[0]), drawn[5].1);
    assert_eq!(
        recipe(&bench, &paths(&alone)[0])["request"]["prompt"],
        drawn[5].0
    );
}

#[test]
fn plain_prompts_keep_every_character_and_say_what_was_cut() {
    let bench = Workbench::new();
    let long = format!("{{a|b}} (c:1.5) <lora:x:1> {}", "slope ".repeat(90));
    let words = ["--prompt", &long, "--prompt-syntax", "plain", "--json"];
    let document = document(&bench.generate(&words));
    let notes = document["notes"].to_string();
    assert!(
        notes.contains("these words are not drawn: slope slope"),
        "{notes}"
    );
    let recipe = recipe(&bench, &paths(&document)[0]);
    assert_eq!(recipe["request"]["prompt"], long);
}

#[test]
fn files_of_prompts_that_cannot_be_drawn_are_refused_before_drawing() {
    let bench = Workbench::new();
    draw_file(&bench, "fine\n[a|b]\n<lora:x>\nx AND y\n", &[]).refused(&["line 2: ", "line 4: "]);
    draw_file(&bench, "fine\n<lora:x:1>\n\n<lora:y:9>\n", &[]).refused(&[
        "line 2: no adapter `x` in",
        "line 4: adapter strength must lie between 0 and 1.5",
    ]);
    draw_file(&bench, "a\0b\n", &[]).refused(&["line 1: a prompt holds a zero byte"]);
    let long = format!("a cat\n{}\n", "word ".repeat(64 * 75 + 1));
    draw_file(&bench, long, &[]).refused(&["line 2: ", "65 chunks of 75 tokens, at most 64"]);
    draw_file(&bench, b"\xff\xfe", &[]).refused(&["not UTF-8"]);
    draw_file(&bench, "", &[]).refused(&["no prompt in the file"]);
    draw_file(&bench, "a\nb\nc\n", &["--count", "4000"]).refused(&["12000 pictures are too many"]);
    draw_file(&bench, "a\n", &["--prompts", "."]).refused(&["not a regular file"]);
    assert!(!bench.path("drawn").exists());
}

#[test]
fn a_picture_that_is_no_picture_is_reported_and_the_others_are_drawn() {
    let bench = Workbench::new();
    write_adapter(&bench.path("home/adapters/hot.safetensors"), 1e30);
    let prompts = "one\ntwo <lora:hot:1>\nthree\n";
    let ended = draw_file(&bench, prompts, &["--json"]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["outcome"], "completed");
    let lines = |name: &str| -> Vec<u64> {
        let entries = document[name].as_array().unwrap().iter();
        entries
            .map(|entry| entry["line"].as_u64().unwrap())
            .collect()
    };
    assert_eq!((lines("files"), lines("failed")), (vec![1, 3], vec![2]));
    assert_eq!(document["failed"][0]["seed"], 7);
    let code = &document["failed"][0]["error"]["code"];
    assert_eq!(code, "picture_not_finite");
    let ended = draw_file(&bench, prompts, &["--out", "words"]);
    assert_eq!(ended.status, 1);
    assert_eq!(ended.stdout, "words/7-one.png\nwords/7-three.png\n");
    let words = "error: line 2: the picture of seed 7 has values that are not finite numbers";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    let words = "1 of 3 pictures could not be drawn\nhint: lower the guidance";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
}

#[test]
fn a_base_with_one_text_encoder_takes_one_prompt_and_one_with_two_takes_two() {
    let bench = Workbench::new();
    bench
        .generate(&["--prompt-2", "x"])
        .refused(&["one has one"]);
    let draw = |out: &str, more: &[&str]| {
        let words = [&["--out", out, "--json"], more].concat();
        let document = document(&generate_sdxl(&bench, &words));
        pixels(&bench, &paths(&document)[0])
    };
    let alone = draw("alone", &[]);
    assert_ne!(draw("second", &["--prompt-2", "a tree"]), alone);
    assert_eq!(draw("same", &["--prompt-2", "a slope"]), alone);
    // This base takes zeros for a negative prompt that is absent, and reads an empty one.
    assert_ne!(draw("empty", &["--negative="]), alone);
    assert_ne!(
        draw("negative", &["--negative=", "--negative-2", "x"]),
        alone
    );
}

#[test]
fn every_setting_changes_the_picture() {
    let bench = Workbench::new();
    assert_eq!(bench.generate(&[]).status, 0);
    let usual = pixels(&bench, "drawn/7-a-slope.png");
    for words in [
        ["--sampler", "euler-a"],
        ["--schedule", "trailing"],
        ["--noise", "torch-cuda"],
        ["--guidance-rescale", "0.7"],
        ["--clip-skip", "1"],
        ["--negative", "a tree"],
        ["--prompt", "a (slope:1.4)"],
    ] {
        let ended = bench.generate(&[&words[..], &["--out", &words[0][2..], "--json"]].concat());
        let path = &paths(&document(&ended))[0];
        assert_ne!(pixels(&bench, path), usual, "{words:?}");
    }
}

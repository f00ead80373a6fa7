//! Adapters that prompts name.

use super::fixtures::{document, parameters, paths, pixels, recipe, write_adapter};
use crate::workbench::{Workbench, files_below, tiny_base};

fn with_adapters() -> Workbench {
    let bench = Workbench::new();
    write_adapter(&bench.path("home/adapters/cat.safetensors"), 2.0);
    write_adapter(&bench.path("home/adapters/people/anna.safetensors"), 3.0);
    bench
}

#[test]
fn an_adapter_in_a_prompt_draws_what_the_same_one_in_a_flag_draws() {
    let bench = with_adapters();
    let flag = "home/adapters/people/anna.safetensors:0.8:0.5";
    assert_eq!(bench.generate(&["--adapter", flag]).status, 0);
    let by_flag = pixels(&bench, "drawn/7-a-slope.png");
    let prompt = "a slope <lora:anna:0.5:0.8>";
    let ended = bench.generate(&["--prompt", prompt, "--out", "tag"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(pixels(&bench, "tag/7-a-slope.png"), by_flag);
    assert_eq!(bench.generate(&["--out", "none"]).status, 0);
    assert_ne!(pixels(&bench, "none/7-a-slope.png"), by_flag);
    let recipe = recipe(&bench, "tag/7-a-slope.png");
    assert_eq!(recipe["request"]["prompt"], "a slope");
    assert_eq!(
        recipe["request"]["adapters"][0]["path"],
        "people/anna.safetensors"
    );
    let text = parameters(&bench, "tag/7-a-slope.png");
    assert!(
        text.starts_with("a slope <lora:anna:0.5:0.8>\nSteps: 4, "),
        "{text}"
    );
    assert!(text.contains(", Lora hashes: \"anna: "), "{text}");
}

#[test]
fn adapters_that_differ_from_line_to_line_keep_to_their_lines() {
    let bench = with_adapters();
    let lines = [
        "one <lora:cat:1>",
        "two",
        "three <lora:cat:1>",
        "four <lora:anna:1>",
    ];
    std::fs::write(bench.path("prompts.txt"), lines.join("\n")).unwrap();
    let base = tiny_base();
    let words = ["generate", "--base", &base, "--steps", "2"];
    let all = bench.document(&[&words[..], &["--prompts", "prompts.txt", "--out", "all"]].concat());
    assert_eq!(all["files"].as_array().unwrap().len(), 4);
    for (line, prompt) in lines.iter().enumerate() {
        assert_eq!(all["files"][line]["line"], line + 1);
        let alone = [&words[..], &["--prompt", prompt, "--out", "alone"]].concat();
        let alone = bench.document(&alone);
        let (together, alone) = (&paths(&all)[line], &paths(&alone)[0]);
        assert_eq!(pixels(&bench, together), pixels(&bench, alone), "{prompt}");
    }
}

#[test]
fn names_that_cannot_be_drawn_with_are_refused_with_what_to_write() {
    let bench = with_adapters();
    write_adapter(&bench.path("home/adapters/old/anna.safetensors"), 1.0);
    write_adapter(&bench.path("home/secret.safetensors"), 1.0);
    for (prompt, word) in [
        (
            "<lora:cut:1>",
            "no adapter `cut` in `[FOLDER]/home/adapters`: near it are `cat`",
        ),
        ("<lora:anna:1>", "`<lora:old/anna>`, `<lora:people/anna>`"),
        ("<lora:cat:1.6>", "between 0 and 1.5, got 1.6"),
        ("<lora:cat:-1>", "between 0 and 1.5, got -1"),
        ("<lora:../secret:1>", "names no adapter"),
        ("<lora:/etc/passwd:1>", "names no adapter"),
        ("<lora:cat:1> <lora:cat:0.5>", "named more than once"),
        ("<lora:cat:x>", "`x` is not a number"),
        ("<hypernet:cat:1>", "does not know"),
    ] {
        bench.generate(&["--prompt", prompt]).refused(&[word]);
    }
    let negative = bench.generate(&["--negative", "x <lora:cat:1>"]);
    negative.refused(&["the negative prompt names the adapter"]);
    let words = ["generate", "--base", &tiny_base(), "--prompt", "<lora:a>"];
    let ended = bench.ended(&bench.homeless(&words).output().unwrap());
    ended.refused(&["name one with `--adapters-folder`"]);
    assert_eq!(files_below(&bench.path("drawn")), [""; 0]);
    let elsewhere = [
        "--prompt",
        "<lora:secret:1>",
        "--adapters-folder",
        "home",
        "--json",
    ];
    document(&bench.generate(&elsewhere));
}

#[test]
fn all_adapters_that_do_not_fit_are_named_together() {
    let bench = with_adapters();
    std::fs::write(bench.path("a.safetensors"), "no weights").unwrap();
    std::fs::write(bench.path("home/adapters/b.safetensors"), "").unwrap();
    let ended = bench.generate(&["--adapter", "a.safetensors", "--prompt", "<lora:b:1>"]);
    ended.refused(&["a.safetensors", "b.safetensors"]);
}

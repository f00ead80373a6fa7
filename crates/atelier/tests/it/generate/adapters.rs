//! Adapters that prompts name.

use super::fixtures::{document, parameters, paths, pixels, recipe, write_adapter};
use crate::library::{damage, studio, training};
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

#[test]
fn a_model_whose_file_is_damaged_is_not_drawn_with_and_its_run_writes_it_again() {
    let bench = studio();
    let base = tiny_base();
    bench.succeed(&training(&base));
    let draw = ["generate", "--steps", "1", "--seed", "7", "--out"];
    let named = ["--adapter", "Slopes-1", "--prompt", "a slope"];
    let drawn = bench.document(&[&draw[..], &["one"], &named].concat());
    let picture = drawn["files"][0]["path"].as_str().unwrap();
    damage(&bench, "Slopes-1");
    let tagged = ["--base", &base, "--prompt", "a slope <lora:slopes-1:1>"];
    for words in [&named[..], &tagged] {
        let ended = bench.run(&[&draw[..], &["two"], words].concat());
        let reasons = [
            "cannot use model `Slopes-1`: its file `blobs/",
            "has another content than the library kept",
            "`atelier model update Slopes-1 --epoch 2` writes it again from its run",
            "take them from a backup",
        ];
        ended.refused_with(1, &reasons);
        assert!(!bench.path("two").exists(), "{words:?}");
    }
    // A picture is drawn again by its content, which its run still has.
    let again = ["--base", &base, "--from", picture];
    let again = bench.document(&[&draw[..], &["again"], &again].concat());
    let again = again["files"][0]["path"].as_str().unwrap();
    assert_eq!(pixels(&bench, again), pixels(&bench, picture));
    let grid = ["grid", "--model", "Slopes-1", "--epochs", "1,2"];
    bench
        .run(&[&grid[..], &["--steps", "1"]].concat())
        .refused_with(1, &["cannot use model `Slopes-1`"]);
    // Its other epoch has a file of its own.
    bench.succeed(&[
        "grid", "--model", "Slopes-1", "--epochs", "1", "--steps", "1",
    ]);
    bench.succeed(&["model", "update", "Slopes-1", "--epoch", "2"]);
    bench.succeed(&[&draw[..], &["two"], &named].concat());
    let file = |folder: &str| pixels(&bench, &picture.replace("one/", folder));
    assert_eq!(file("one/"), file("two/"));
}

#[test]
fn a_picture_of_a_damaged_model_is_drawn_again_by_a_file_of_the_same_content() {
    let bench = Workbench::new();
    let base = tiny_base();
    write_adapter(&bench.path("dry.safetensors"), 2.0);
    let import = ["model", "import", "dry.safetensors", "--base", &base];
    bench.succeed(&[&import[..], &["--name", "ink"]].concat());
    let draw = ["generate", "--steps", "1", "--seed", "7", "--base", &base];
    let named = ["--adapter", "ink", "--prompt", "a slope", "--out", "one"];
    let drawn = bench.document(&[&draw[..], &named].concat());
    let picture = &paths(&drawn)[0];
    damage(&bench, "ink");
    let again = [
        "generate", "--base", &base, "--from", picture, "--out", "two",
    ];
    let reasons = ["cannot use model `ink`", "another content"];
    bench.run(&again).refused_with(1, &reasons);
    std::fs::create_dir_all(bench.path("home/adapters/old")).unwrap();
    let moved = bench.path("home/adapters/old/blot.safetensors");
    std::fs::rename(bench.path("dry.safetensors"), moved).unwrap();
    let again = bench.document(&again);
    assert_eq!(pixels(&bench, &paths(&again)[0]), pixels(&bench, picture));
}

//! `atelier base`, and bases that other commands name.

use atelier_testkit::tiny_sd15;

use crate::workbench::{Workbench, copy_folder, files_below, tiny_base};

#[test]
fn a_base_is_added_listed_shown_used_and_removed() {
    let bench = Workbench::new();
    let base = tiny_base();
    bench.succeed(&["base", "add", &base, "--name", "tiny"]);
    let list = bench.document(&["base", "list"]);
    let bases = list["bases"].as_array().unwrap();
    assert!(bases.iter().any(|base| base["name"] == "tiny"), "{list}");
    let shown = bench.document(&["base", "show", "tiny"]);
    let original = bench.document(&["base", "show", &base]);
    assert_eq!(shown["hash"], original["hash"]);
    assert_eq!(shown["family"], "sd15");
    assert_eq!(shown["prediction_type"], "epsilon");
    assert_eq!(shown["native_size"], 32);
    assert!(shown["parts"][1]["parameters"].as_u64().unwrap() > 1000);
    let drawn = bench.run(&[
        "generate", "--base", "tiny", "--prompt", "x", "--steps", "1",
    ]);
    assert_eq!(drawn.stdout, "pictures/0-x.png\n", "{}", drawn.stderr);
    bench.succeed(&["base", "remove", "tiny"]);
    assert_eq!(files_below(&bench.path("home")), [""; 0]);
    bench
        .run(&["base", "show", "tiny"])
        .refused(&["no base `tiny`", "hint: check the name"]);
}

#[test]
fn only_the_files_of_the_parts_are_copied() {
    let bench = Workbench::new();
    copy_folder(&tiny_sd15(), &bench.path("source"));
    std::fs::write(bench.path("source/huge.ckpt"), b"x").unwrap();
    std::fs::write(bench.path("source/unet/notes.txt"), b"x").unwrap();
    std::fs::write(bench.path("source/README.md"), b"x").unwrap();
    bench.succeed(&["base", "add", "source"]);
    let files = files_below(&bench.path("home/bases/source"));
    assert!(files.contains(&"README.md".to_owned()), "{files:?}");
    assert!(
        !files
            .iter()
            .any(|name| name == "huge.ckpt" || name == "unet/notes.txt")
    );
    let original = files_below(&tiny_sd15());
    assert!(
        original.iter().all(|name| files.contains(name)),
        "{files:?}"
    );
}

#[test]
fn a_base_with_a_missing_part_is_refused_everywhere_with_the_part_named() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    copy_folder(&tiny_sd15(), &bench.path("broken"));
    std::fs::remove_file(bench.path("broken/unet/diffusion_pytorch_model.safetensors")).unwrap();
    std::fs::remove_file(bench.path("broken/vae/config.json")).unwrap();
    let missing = [
        "`broken`",
        "`unet/diffusion_pytorch_model.safetensors`",
        "`vae/config.json`",
        "hint: give a complete diffusers folder",
    ];
    bench.run(&["base", "add", "broken"]).refused(&missing);
    bench.generate(&["--base", "broken"]).refused(&missing);
    bench.train(&["--base", "broken"]).refused(&missing);
    assert_eq!(files_below(&bench.path("home")), [""; 0]);
    assert!(!bench.path("run").exists());
}

#[test]
fn names_that_are_taken_or_unsafe_are_refused() {
    let bench = Workbench::new();
    let base = tiny_base();
    bench.succeed(&["base", "add", &base, "--name", "tiny"]);
    bench
        .run(&["base", "add", &base, "--name", "tiny"])
        .refused(&["`tiny` exists already"]);
    bench
        .run(&["base", "add", &base, "--name", "../up"])
        .refused(&["`../up`", "letters, digits"]);
    bench
        .run(&["base", "remove", "../home"])
        .refused(&["no base `../home`"]);
    bench
        .run(&["base", "remove", "atelier-mini"])
        .refused(&["part of the program"]);
}

#[test]
fn without_a_home_a_folder_serves_as_base_and_adding_one_is_refused() {
    let bench = Workbench::new();
    let base = tiny_base();
    let run = |words: &[&str]| bench.ended(&bench.homeless(words).output().unwrap());
    let drawn = run(&["generate", "--base", &base, "--prompt", "x", "--steps", "1"]);
    assert_eq!(drawn.stdout, "pictures/0-x.png\n", "{}", drawn.stderr);
    assert_eq!(run(&["base", "list"]).status, 0);
    run(&["base", "add", &base]).refused(&["set `ATELIER_HOME`"]);
}

//! What is fetched, where it lies, and when nothing is asked for.

use atelier_testkit::{golden_folder, tiny_sd15};
use serde_json::Value;

use super::fake_hub::{COMMIT, FakeHub};
use super::{
    assert_failed, assert_fetched, command, repo_cache, run, show, snapshot, source, tiny_hub,
};
use crate::workbench::{Workbench, copy_folder, files_below};

#[test]
fn a_base_from_the_hub_is_fetched_whole_and_nothing_else_is() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let unwanted = [
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "safety_checker/model.safetensors",
        "all.ckpt",
        "all.safetensors",
    ];
    for name in unwanted {
        hub.put(name, b"not wanted");
    }
    hub.put("LICENSE.md", b"free");
    let ended = run(&bench, &hub, &["base", "show", &source(""), "--json"]);
    assert_fetched(&bench, &ended);
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    let local = bench.document(&["base", "show", &tiny_sd15().to_string_lossy()]);
    assert_eq!(shown["hash"], local["hash"]);
    assert_eq!(shown["name"], format!("someone/tiny-1.5@{COMMIT}"));
    assert!(ended.stderr.contains("downloading "), "{}", ended.stderr);
    let mut expected = files_below(&tiny_sd15());
    expected.push("LICENSE.md".to_owned());
    expected.sort();
    assert_eq!(files_below(&snapshot(&bench)), expected);
    let main = std::fs::read_to_string(repo_cache(&bench).join("refs/main"));
    assert_eq!(main.unwrap(), COMMIT);
    let seen = hub.take_seen();
    let asked = |name: &&str| seen.iter().any(|seen| seen.path.ends_with(*name));
    assert!(!unwanted.iter().any(asked), "{seen:?}");
    assert_eq!(seen.len(), expected.len() + 1);
}

#[test]
fn a_branch_is_asked_for_again_and_its_files_are_not() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    assert_fetched(&bench, &show(&bench, &hub));
    hub.take_seen();
    assert_fetched(&bench, &show(&bench, &hub));
    let seen = hub.take_seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].path.ends_with("/revision/main"));
}

#[test]
fn a_whole_commit_that_is_there_is_used_without_the_network() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let words = ["base", "show", &source(&format!("@{COMMIT}"))];
    assert_fetched(&bench, &run(&bench, &hub, &words));
    hub.take_seen();
    assert_fetched(&bench, &run(&bench, &hub, &words));
    assert_eq!(hub.take_seen(), []);
    // Without the file that stands for the whole, it is not there.
    std::fs::remove_file(snapshot(&bench).join("model_index.json")).unwrap();
    assert_fetched(&bench, &run(&bench, &hub, &words));
    assert_eq!(hub.take_seen().len(), 1);
}

#[test]
fn tags_and_references_are_revisions_too() {
    let hub = tiny_hub();
    for revision in ["@v1", "@refs%2Fpr%2F1"] {
        let bench = Workbench::new();
        let ended = run(&bench, &hub, &["base", "show", &source(revision)]);
        assert_fetched(&bench, &ended);
    }
}

#[test]
fn offline_what_is_there_is_used_and_nothing_is_asked_for() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let offline = |words: &[&str]| {
        let mut command = command(&bench, &hub, words);
        bench.ended(&command.env("HF_HUB_OFFLINE", "1").output().unwrap())
    };
    let words = ["base", "show", &source("")];
    let missing = [
        "`HF_HUB_OFFLINE` is set",
        "no complete copy of `hf:someone/tiny-1.5`",
    ];
    assert_failed(&offline(&words), 2, &missing);
    assert_fetched(&bench, &show(&bench, &hub));
    hub.take_seen();
    assert_fetched(&bench, &offline(&words));
    assert_failed(
        &offline(&["base", "show", &source("@v1")]),
        2,
        &missing[..1],
    );
    std::fs::remove_file(snapshot(&bench).join(super::WEIGHTS)).unwrap();
    let ended = offline(&words);
    assert_failed(&ended, 2, &missing);
    assert!(ended.stderr.contains(super::WEIGHTS), "{}", ended.stderr);
    assert_eq!(hub.take_seen(), []);
}

#[test]
fn a_picture_is_drawn_again_from_the_cache_or_says_which_flag_fetches_its_base() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let draw = |words: &[&str]| {
        let settings = ["generate", "--out", "drawn"];
        run(&bench, &hub, &[&settings, words].concat())
    };
    let base = source("");
    let new = ["--base", &base, "--prompt", "x", "--steps", "1"];
    let drawn = draw(&new);
    assert_eq!(drawn.status, 0, "{}", drawn.stderr);
    let picture = drawn.stdout.trim();
    hub.take_seen();
    let pixels = |name: &str| image::open(bench.path(name)).unwrap().into_rgb8();
    let again = draw(&["--from", picture]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert_eq!(pixels(again.stdout.trim()), pixels(picture));
    assert_eq!(hub.take_seen(), []);
    std::fs::remove_dir_all(bench.path("hf")).unwrap();
    let flag = source(&format!("@{COMMIT}"));
    let fetches = format!("`--base {flag}` fetches it");
    draw(&["--from", picture]).refused(&["which is not found here", &fetches]);
    assert_eq!(hub.take_seen(), []);
    let fetched = draw(&["--from", picture, "--base", &flag]);
    assert_eq!(fetched.status, 0, "{}", fetched.stderr);
    assert_eq!(pixels(fetched.stdout.trim()), pixels(picture));
}

#[test]
fn files_that_another_program_downloaded_are_used() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    // As on a system without links.
    copy_folder(&tiny_sd15(), &snapshot(&bench));
    assert_fetched(&bench, &show(&bench, &hub));
    assert_eq!(hub.take_seen().len(), 1);
}

#[test]
fn a_base_from_the_hub_is_kept_under_a_name() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let words = ["base", "add", &source("")];
    let ended = run(&bench, &hub, &words);
    assert_eq!(ended.stdout, "added base `tiny-1.5`\n", "{}", ended.stderr);
    std::fs::remove_dir_all(bench.path("hf")).unwrap();
    let drawn = bench.run(&[
        "generate", "--base", "tiny-1.5", "--prompt", "x", "--steps", "1",
    ]);
    assert_eq!(drawn.stdout, "pictures/0-x.png\n", "{}", drawn.stderr);
    hub.take_seen();
    run(&bench, &hub, &words).refused(&["`tiny-1.5` exists already"]);
    let bad = ["base", "add", &source(""), "--name", "a/b"];
    run(&bench, &hub, &bad).refused(&["`a/b`"]);
    assert_eq!(hub.take_seen(), [], "refused before anything is fetched");
    let named = ["base", "add", &source(""), "--name", "other"];
    assert_eq!(run(&bench, &hub, &named).status, 0);
}

#[test]
fn a_checkpoint_from_the_hub_is_used_and_kept_with_what_belongs_to_it() {
    let (bench, hub) = (Workbench::new(), FakeHub::new([]));
    let golden = golden_folder().join("checkpoints");
    for name in ["tiny-sd2.safetensors", "tiny-sd2.vae.safetensors"] {
        hub.put(name, &std::fs::read(golden.join(name)).unwrap());
    }
    hub.put("README.md", b"about");
    let settings = br#"{"prediction_type": "epsilon"}"#;
    hub.put("tiny-sd2.json", settings);
    let ended = run(&bench, &hub, &["base", "show", &source(""), "--json"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    let name = format!("someone/tiny-1.5@{COMMIT}/tiny-sd2.safetensors");
    assert_eq!(shown["name"], name);
    assert_eq!(shown["prediction_type"], "epsilon");
    for name in ["tiny-sd2.safetensors", "tiny-sd2.vae.safetensors"] {
        std::fs::copy(golden.join(name), bench.path(name)).unwrap();
    }
    std::fs::write(bench.path("tiny-sd2.json"), settings).unwrap();
    let file = bench.path("tiny-sd2.safetensors");
    let local = bench.document(&["base", "show", &file.to_string_lossy()]);
    assert_eq!(shown["hash"], local["hash"]);
    let ended = run(&bench, &hub, &["base", "add", &source("")]);
    assert_eq!(ended.stdout, "added base `tiny-1.5`\n", "{}", ended.stderr);
    let kept = files_below(&bench.path("home/bases/tiny-1.5"));
    let expected = [
        "README.md",
        "tiny-sd2.json",
        "tiny-sd2.safetensors",
        "tiny-sd2.vae.safetensors",
    ];
    assert_eq!(kept, expected);
    std::fs::remove_dir_all(bench.path("hf")).unwrap();
    let kept = bench.document(&["base", "show", "tiny-1.5"]);
    assert_eq!(kept["hash"], local["hash"]);
    bench.succeed(&["base", "add", &file.to_string_lossy()]);
    let kept = bench.document(&["base", "show", "tiny-sd2"]);
    assert_eq!(kept["hash"], local["hash"]);
}

#[test]
fn the_only_checkpoint_of_a_repository_is_fetched_and_one_of_several_must_be_named() {
    let weights = std::fs::read(tiny_sd15().join(super::WEIGHTS)).unwrap();
    let hub = FakeHub::new([
        ("one.safetensors".to_owned(), weights.clone()),
        ("README.md".to_owned(), b"about".to_vec()),
    ]);
    let bench = Workbench::new();
    show(&bench, &hub);
    assert_eq!(
        files_below(&snapshot(&bench)),
        ["README.md", "one.safetensors"]
    );
    hub.put("sub/two b.safetensors", b"{}");
    hub.put("three.safetensors", &weights);
    let several = [
        "several checkpoints",
        "`hf:someone/tiny-1.5/FILE`",
        "`one.safetensors`, `sub/two b.safetensors`, `three.safetensors`",
    ];
    assert_failed(&show(&bench, &hub), 2, &several);
    run(
        &bench,
        &hub,
        &["base", "show", &source("/sub/two b.safetensors")],
    );
    let named = snapshot(&bench).join("sub/two b.safetensors");
    assert_eq!(std::fs::read(named).unwrap(), b"{}");
    assert!(!snapshot(&bench).join("three.safetensors").exists());
    let ended = run(&bench, &hub, &["base", "show", &source("/no.safetensors")]);
    assert_failed(
        &ended,
        2,
        &["there is no file `no.safetensors`", "`one.safetensors`"],
    );
    run(&bench, &hub, &["base", "show", &source("/no.ckpt")]).refused(&["`no.ckpt`"]);
}

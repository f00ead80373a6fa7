//! `--device` and `ATELIER_DEVICE`.

use crate::workbench::{Workbench, tiny_base};

#[test]
fn an_unknown_device_lists_what_can_be_written() {
    let bench = Workbench::new();
    let valid = "auto, cpu, vulkan:N, metal:N, wgpu:N";
    for words in [
        vec!["generate", "--prompt", "x", "--device", "gpu"],
        vec!["train", "--dataset", ".", "--device", "cuda:0"],
        vec!["bench", "step", "x", "--device", "vulkan"],
    ] {
        bench.run(&words).refused(&[valid]);
    }
    let mut command = bench.command(&["doctor"]);
    let output = command.env("ATELIER_DEVICE", "gpu").output().unwrap();
    bench
        .ended(&output)
        .refused(&["`ATELIER_DEVICE`: unknown device `gpu`", valid]);
}

#[test]
fn a_device_that_is_not_there_is_refused_before_anything_is_made() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let why = if cfg!(feature = "vulkan") {
        "there are: `cpu`"
    } else {
        "cargo build --release -p atelier --features vulkan"
    };
    let device = ["--device", "vulkan:77"];
    bench
        .train(&device)
        .refused(&["no device `vulkan:77`", why]);
    bench
        .generate(&device)
        .refused(&["no device `vulkan:77`", why]);
    assert!(!bench.path("run").exists() && !bench.path("drawn").exists());
}

#[test]
fn the_flag_wins_over_the_variable() {
    let bench = Workbench::new();
    let base = tiny_base();
    let words = [
        "bench", "step", &base, "--steps", "1", "--latent", "8", "--rank", "1",
    ];
    let timed = |more: &[&str]| {
        let mut command = bench.command(&[&words, more].concat());
        bench.ended(&command.env("ATELIER_DEVICE", "metal:77").output().unwrap())
    };
    timed(&[]).refused(&["no device `metal:77`"]);
    let ended = timed(&["--device", "cpu"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

#[test]
fn arithmetic_of_the_processor_needs_no_word_about_the_device() {
    let bench = Workbench::new();
    let base = tiny_base();
    let words = [
        "bench", "step", &base, "--steps", "1", "--latent", "8", "--rank", "1",
    ];
    let json = ["--precision", "bf16", "--json"];
    let mut command = bench.command(&[&words[..], &json].concat());
    let output = command.env_remove("ATELIER_DEVICE").output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["device"], "cpu");
}

#[test]
fn doctor_says_which_device_is_chosen_and_by_what() {
    let bench = Workbench::new();
    let mut command = bench.command(&["doctor", "--json"]);
    let output = command.env_remove("ATELIER_DEVICE").output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["device"]["choice"], "auto");
    assert_eq!(report["device"]["origin"], "default");
    assert!(report["device"]["graphics"].is_array());
    let mut command = bench.command(&["doctor"]);
    let output = command.env("ATELIER_DEVICE", "cpu").output().unwrap();
    let text = bench.ended(&output).stdout;
    assert!(
        text.contains("device         cpu (ATELIER_DEVICE)"),
        "{text}"
    );
    assert!(text.lines().any(|line| line.starts_with("graphics")));
}

#[test]
fn doctor_works_without_a_driver() {
    let bench = Workbench::new();
    let mut command = bench.command(&["doctor", "--json"]);
    let output = command.env("VK_DRIVER_FILES", "/nowhere.json").output();
    let ended = bench.ended(&output.unwrap());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["device"]["graphics"].as_array().unwrap().len(), 0);
}

#[cfg(feature = "vulkan")]
#[test]
fn a_picture_is_made_on_a_graphics_processor_where_there_is_one() {
    let bench = Workbench::new();
    let report = bench.document(&["doctor"]);
    let Some(listed) = report["device"]["graphics"].get(0) else {
        return atelier_testkit::without_graphics();
    };
    assert_eq!(listed["device"], "vulkan:0");
    let device = ["--device", "vulkan:0"];
    let bf16 = [&device[..], &["--precision", "bf16"]].concat();
    bench.generate(&bf16).refused(&["computes in f32"]);
    let base = tiny_base();
    let words = ["generate", "--base", &base, "--prompt", "a slope"];
    let settings = ["--steps", "1", "--out", "drawn"];
    let ended = bench.run(&[&words, &settings[..], &device].concat());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    if listed["memory_bytes"].is_null() {
        return;
    }
    bench.dataset("pictures", 1);
    let large = ["--resolution", "4096", "--batch-size", "1"];
    let ended = bench.train(&[&device[..], &large].concat());
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("can be taken of the device"),
        "{}",
        ended.stderr
    );
}

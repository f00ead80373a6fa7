//! Ctrl-C during a training, and going on afterwards.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use atelier_adapters::AdapterFile;

use crate::workbench::{Workbench, is_step, program, signal, tiny_base};

fn words(out: &str) -> Vec<String> {
    let base = tiny_base();
    let words = [
        "train",
        "--dataset",
        "pictures",
        "--base",
        &base,
        "--trigger",
        "T",
        "--epochs",
        "60",
        "--rank",
        "2",
        "--caption-dropout",
        "0.3",
        "--learning-rate",
        "0.001",
        "--out",
        out,
    ];
    words.map(str::to_owned).to_vec()
}

/// Starts a training, sends SIGINT once the first step is reported; exit status and what stderr said after that.
fn interrupted(bench: &Workbench, out: &str) -> (Option<i32>, String) {
    let mut child = Command::new(program())
        .args(words(out))
        .current_dir(bench.path(""))
        .env("ATELIER_HOME", bench.path("home"))
        .env("ATELIER_DEVICE", "cpu")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !is_step(&line) {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "no step was made");
    }
    signal(&child, "INT");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code(), rest)
}

#[test]
fn an_interrupted_training_saves_ends_with_130_and_resumes_to_the_same_adapter() {
    let bench = Workbench::new();
    bench.dataset("pictures", 3);
    let (status, stderr) = interrupted(&bench, "stopped");
    assert_eq!(status, Some(130), "{stderr}");
    assert!(stderr.contains("with --resume goes on"), "{stderr}");
    assert!(!bench.path("stopped/adapter.safetensors").exists());
    let mut resumed = words("stopped");
    resumed.push("--resume".to_owned());
    for words in [resumed, words("straight")] {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        bench.succeed(&words);
    }
    let [one, other] = ["stopped", "straight"]
        .map(|out| AdapterFile::read(bench.path(out).join("adapter.safetensors")).unwrap());
    assert!(one.layers == other.layers, "the resumed run differs");
}

//! `hf:owner/repo` as a base, against a hub on this machine.

mod damage;
mod fake_hub;
mod interruptions;
mod refusals;
mod snapshots;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use atelier_testkit::tiny_sd15;

use self::fake_hub::{COMMIT, FakeHub, REPO};
use crate::workbench::{Ended, Workbench, files_below};

/// The weights that faults are made with.
const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";

/// A hub with the tiny model.
fn tiny_hub() -> FakeHub {
    FakeHub::with_folder(&tiny_sd15())
}

/// Variables that would lead the program elsewhere.
const OTHER_VARIABLES: [&str; 12] = [
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HF_TOKEN_PATH",
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// The program with these words, this hub, and a cache of its own.
fn command(bench: &Workbench, hub: &FakeHub, words: &[&str]) -> Command {
    let mut command = bench.command(words);
    for name in OTHER_VARIABLES {
        command.env_remove(name);
    }
    command
        .env("HF_HOME", bench.path("hf"))
        .env("HF_ENDPOINT", hub.url())
        .env("ATELIER_HUB_WAIT_MS", "1")
        .timeout(std::time::Duration::from_mins(1));
    command
}

fn run(bench: &Workbench, hub: &FakeHub, words: &[&str]) -> Ended {
    bench.ended(&command(bench, hub, words).output().unwrap())
}

/// Looks at the base that the hub's `main` is.
fn show(bench: &Workbench, hub: &FakeHub) -> Ended {
    run(bench, hub, &["base", "show", "hf:someone/tiny-1.5"])
}

/// The part of the cache that belongs to the repository.
fn repo_cache(bench: &Workbench) -> PathBuf {
    bench.path("hf/hub/models--someone--tiny-1.5")
}

/// The folder of the commit.
fn snapshot(bench: &Workbench) -> PathBuf {
    repo_cache(bench).join("snapshots").join(COMMIT)
}

/// Files that are not complete.
fn partials(bench: &Workbench) -> Vec<PathBuf> {
    let blobs = repo_cache(bench).join("blobs");
    let names = files_below(&blobs).into_iter();
    let partials = names.filter(|name| name.ends_with(".incomplete"));
    partials.map(|name| blobs.join(name)).collect()
}

#[track_caller]
fn assert_fetched(bench: &Workbench, ended: &Ended) {
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    for name in files_below(&tiny_sd15()) {
        assert_same(&snapshot(bench).join(&name), &tiny_sd15().join(&name));
    }
    assert_eq!(partials(bench), [""; 0].map(PathBuf::from));
}

#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let [one, other] = [one, other].map(|path| std::fs::read(path).unwrap());
    assert!(one == other, "the content differs");
}

/// Checks status, the code in the hint's place, and the words of the message.
#[track_caller]
fn assert_failed(ended: &Ended, status: i32, words: &[&str]) {
    assert_eq!(ended.status, status, "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    for word in words {
        assert!(
            ended.stderr.contains(word),
            "no `{word}` in {}",
            ended.stderr
        );
    }
}

/// The repository as a word of a command.
fn source(rest: &str) -> String {
    format!("hf:{REPO}{rest}")
}

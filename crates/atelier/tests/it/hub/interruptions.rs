//! Downloads that stop: by Ctrl-C, by force, by a full disk; and two at once.
#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use atelier_testkit::tiny_sd15;

use super::fake_hub::{COMMIT, FakeHub, Fault};
use super::{
    OTHER_VARIABLES, WEIGHTS, assert_fetched, partials, run, show, snapshot, source, tiny_hub,
};
use crate::workbench::{Ended, Workbench, files_below, program};

/// Bytes after which the hub falls silent.
const BEGINNING: usize = 1000;

fn start(bench: &Workbench, hub: &FakeHub) -> Child {
    let mut command = Command::new(program());
    for name in OTHER_VARIABLES {
        command.env_remove(name);
    }
    command
        .args(["base", "show", &source(""), "--json"])
        .current_dir(bench.path(""))
        .env("ATELIER_HOME", bench.path("home"))
        .env("ATELIER_DEVICE", "cpu")
        .env("HF_HOME", bench.path("hf"))
        .env("HF_ENDPOINT", hub.url())
        .env("ATELIER_HUB_WAIT_MS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(bench: &Workbench, child: Child) -> Ended {
    bench.ended(&child.wait_with_output().unwrap())
}

/// A download that waits for the rest of the weights.
fn begun(bench: &Workbench, hub: &FakeHub) -> Child {
    hub.fail(WEIGHTS, Fault::SilentAfter(BEGINNING), 1);
    let child = start(bench, hub);
    hub.wait_for_silence(1);
    let start = Instant::now();
    while lengths(bench) != [BEGINNING as u64] {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing arrives");
        thread::yield_now();
    }
    child
}

fn lengths(bench: &Workbench) -> Vec<u64> {
    let length = |path| std::fs::metadata(path).map_or(0, |about| about.len());
    partials(bench).into_iter().map(length).collect()
}

/// Nothing looks complete, and the next call goes on from the beginning that is there.
fn assert_goes_on(bench: &Workbench, hub: &FakeHub) {
    assert_eq!(lengths(bench), [BEGINNING as u64]);
    assert_eq!(files_below(&snapshot(bench)), [""; 0]);
    hub.take_seen();
    assert_fetched(bench, &show(bench, hub));
    assert_eq!(hub.ranges(WEIGHTS), [Some(BEGINNING)]);
}

#[test]
fn ctrl_c_stops_a_silent_download_with_130_and_the_next_call_goes_on() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let child = begun(&bench, &hub);
    let kill = format!("kill -INT {}", child.id());
    let killed = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(killed.success());
    let ended = end(&bench, child);
    assert_eq!(ended.status, 130, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the same command goes on"),
        "{}",
        ended.stderr
    );
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["outcome"], "cancelled");
    assert_goes_on(&bench, &hub);
}

#[test]
fn a_killed_download_leaves_nothing_that_looks_complete() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let mut child = begun(&bench, &hub);
    child.kill().unwrap();
    end(&bench, child);
    assert_goes_on(&bench, &hub);
}

#[test]
fn two_downloads_at_once_fetch_each_file_once() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let first = begun(&bench, &hub);
    let second = start(&bench, &hub);
    hub.go_on();
    for child in [first, second] {
        assert_fetched(&bench, &end(&bench, child));
    }
    for name in files_below(&tiny_sd15()) {
        assert_eq!(hub.ranges(&name).len(), 1, "{name}");
    }
}

#[test]
fn many_downloads_at_once_do_not_disturb_each_other() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    hub.fail(WEIGHTS, Fault::CutAfter(BEGINNING), 3);
    let children: Vec<_> = (0..4).map(|_| start(&bench, &hub)).collect();
    for child in children {
        assert_fetched(&bench, &end(&bench, child));
    }
}

#[test]
fn a_full_disk_stops_the_download_and_it_goes_on_once_there_is_space() {
    let (bench, hub) = (Workbench::new(), tiny_hub());
    let words = format!(
        "export HF_HOME='{}' HF_ENDPOINT={} ATELIER_HUB_WAIT_MS=1; unset {}",
        bench.path("hf").display(),
        hub.url(),
        OTHER_VARIABLES.join(" ")
    );
    let ended = bench.shell(&format!(
        "{words}; trap '' XFSZ; ulimit -f 64; exec \"$ATELIER\" base show {}",
        source("")
    ));
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("hint: check free space"),
        "{}",
        ended.stderr
    );
    assert_eq!(files_below(&snapshot(&bench)), [""; 0]);
    assert_eq!(lengths(&bench).len(), 1);
    assert_fetched(&bench, &show(&bench, &hub));
    assert!(hub.ranges("").iter().any(Option::is_some));
    let ended = run(
        &bench,
        &hub,
        &["base", "show", &source(&format!("@{COMMIT}"))],
    );
    assert_fetched(&bench, &ended);
}

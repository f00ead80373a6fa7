//! A disk that takes no more while something is saved. The shell's limit on file sizes stands in for it, with its
//! signal ignored, so that writing fails with an error in the same way.
#![cfg(unix)]

use crate::library::studio;
use crate::workbench::{Workbench, files_below, tiny_base};

/// Runs the program where no file may grow beyond a few kilobytes.
fn confined(bench: &Workbench, words: &str) -> crate::workbench::Ended {
    let base = tiny_base();
    bench.shell(&format!(
        "trap '' XFSZ; ulimit -f 8; exec \"$ATELIER\" {words} --base '{base}'"
    ))
}

#[test]
fn a_full_disk_fails_the_training_and_leaves_nothing_half_written() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let ended = confined(
        &bench,
        "train --dataset pictures --trigger T --epochs 1 --rank 64 --out run",
    );
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("error: cannot write"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("hint: check free space"),
        "{}",
        ended.stderr
    );
    let begun = [".lock", "notes.json", "recompute.json", "run.json"];
    assert_eq!(files_below(&bench.path("run")), begun);
}

#[test]
fn a_training_that_met_a_full_disk_goes_on_once_there_is_space() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let words = "train --dataset pictures --trigger T --epochs 1 --rank 64 --out run";
    assert_eq!(confined(&bench, words).status, 1);
    let resumed = bench.shell(&format!(
        "\"$ATELIER\" {words} --resume --base '{}'",
        tiny_base()
    ));
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    assert!(bench.path("run/adapter.safetensors").is_file());
}

#[test]
fn a_full_disk_fails_the_drawing_and_leaves_nothing_half_written() {
    let bench = Workbench::new();
    let ended = confined(
        &bench,
        "generate --prompt x --steps 1 --width 128 --height 128 --out drawn",
    );
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("error: cannot write"),
        "{}",
        ended.stderr
    );
    assert_eq!(files_below(&bench.path("drawn")), [""; 0]);
    let ended = confined(
        &bench,
        "generate --json --prompt x --steps 1 --width 64 --height 64 --out drawn",
    );
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.status, &document["outcome"]), (1, &"failed".into()));
    assert_eq!(document["files"], serde_json::json!([]));
    assert_eq!(document["error"]["code"], "io");
}

#[test]
fn a_full_disk_fails_the_copy_of_a_base_and_leaves_nothing_half_written() {
    let bench = Workbench::new();
    let ended = bench.shell(&format!(
        "trap '' XFSZ; ulimit -f 8; exec \"$ATELIER\" base add '{}'",
        tiny_base()
    ));
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot add base"), "{}", ended.stderr);
    assert_eq!(files_below(&bench.path("home")), ["bases/.lock"]);
}

#[test]
fn commands_that_only_look_work_on_a_full_disk_and_others_say_that_it_is_full() {
    let bench = studio();
    let shell = |words: &str| {
        bench.shell(&format!(
            "trap '' XFSZ; ulimit -f 8; exec \"$ATELIER\" {words}"
        ))
    };
    for (words, said) in [
        ("dataset list", "Slopes"),
        ("dataset show slopes", "0.png"),
        ("run list", "no runs in the library"),
        ("model list", "no models in the library"),
        ("job list", "no jobs"),
        ("user list", ""),
        ("token list", "no tokens"),
    ] {
        let ended = shell(words);
        assert_eq!(ended.status, 0, "{words}: {}", ended.stderr);
        assert!(ended.stdout.contains(said), "{words}: {}", ended.stdout);
        let note = "its disk is full; the library is only read";
        assert_eq!(ended.stderr.matches(note).count(), 1, "{}", ended.stderr);
    }
    for words in ["base list", "doctor"] {
        assert_eq!(shell(words).status, 0, "{words}");
    }
    let refused = shell("dataset update slopes --description new");
    refused.refused_with(1, &["its disk is full", "hint: check free space"]);
    bench.succeed(&["dataset", "update", "slopes", "--description", "new"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let bench = Workbench::new();
    for words in ["base list", "--json base list"] {
        let ended = bench.shell(&format!("\"$ATELIER\" {words} > /dev/full"));
        assert_eq!(ended.status, 1, "{words}: {}", ended.stderr);
        let problem = "cannot write the result to standard output";
        assert!(ended.stderr.contains(problem), "{words}: {}", ended.stderr);
    }
    // a reader that went away is none
    let ended = bench.shell("( \"$ATELIER\" base list; echo $? >&2 ) | true");
    assert_eq!(ended.stderr.trim(), "0");
}

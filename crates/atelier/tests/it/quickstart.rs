//! The quickstart on the tiny model: noise in, noise out, but every part of the way.

use crate::workbench::{Workbench, tiny_base};

#[test]
fn the_quickstart_trains_draws_measures_and_reports() {
    let bench = Workbench::new();
    let base = tiny_base();
    let report = bench.document(&[
        "quickstart",
        "--epochs",
        "1",
        "--base",
        &base,
        "--out",
        "out",
    ]);
    assert_eq!(report["training"]["steps"], 28);
    // With one epoch, all four checkpoints are the finished adapter.
    assert_eq!(report["drawing"]["pictures"], 54);
    assert_eq!(report["measurement"]["references"], 48);
    assert!(
        report["measurement"]["gain"]
            .as_f64()
            .is_some_and(f64::is_finite)
    );
    for file in [
        "report.html",
        "report.json",
        "sheet.png",
        "loss.svg",
        "adapter.safetensors",
    ] {
        assert!(bench.path("out").join(file).is_file(), "{file}");
    }
    assert!(!bench.path("out.partial").exists());
    // The library has it, and has it once when it is done again.
    assert_eq!(report["library"]["dataset"], "blob-faces");
    let again = ["quickstart", "--epochs", "1", "--base", &base, "--out", "b"];
    assert_eq!(bench.document(&again)["library"], report["library"]);
    let runs = bench.document(&["run", "list"]);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    // So short a training has none.
    assert_eq!(runs["runs"][0]["config"]["preview_every"], 0);
    let verified = bench.document(&["model", "verify", "blob-faces-1"]);
    assert_eq!(verified["is_proved"], true);
}

#[test]
fn a_folder_of_someone_else_is_refused() {
    let bench = Workbench::new();
    bench.dataset("mine", 1);
    let base = tiny_base();
    let ended = bench.run(&["quickstart", "--base", &base, "--out", "mine"]);
    ended.refused(&["`mine`", "--out"]);
    let ended = bench.run(&[
        "quickstart",
        "--base",
        &base,
        "--epochs",
        "0",
        "--out",
        "new",
    ]);
    ended.refused(&["`epochs` must lie between 1 and 100000"]);
    assert!(!bench.path("new").exists() && !bench.path("new.partial").exists());
}

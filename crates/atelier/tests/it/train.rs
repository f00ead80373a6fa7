//! `atelier train`.

use atelier_weights::adapter::AdapterFile;

use crate::workbench::{Workbench, files_below, tiny_base};

#[test]
fn train_writes_an_adapter_a_checkpoint_per_epoch_and_says_how_to_draw() {
    let bench = Workbench::new();
    bench.dataset("pictures", 3);
    let ended = bench.train(&[]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    insta::assert_snapshot!(ended.stdout, @r"
    adapter: run/adapter.safetensors
    draw with it: atelier generate --base [BASE] --adapter run/adapter.safetensors:0.8 --prompt 'BlobCharV1, ...'
    ");
    assert!(
        ended
            .stderr
            .contains("3 pictures x 2 epochs / batches of 1 = 6 steps"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("training 6/6, loss "));
    let files = files_below(&bench.path("run"));
    for name in [
        "adapter.safetensors",
        "checkpoints/epoch-001/adapter.safetensors",
        "checkpoints/epoch-002/adapter.safetensors",
        "run.json",
    ] {
        assert!(files.iter().any(|file| file == name), "{files:?}");
    }
    let adapter = AdapterFile::read(bench.path("run/adapter.safetensors")).unwrap();
    assert!(adapter.layers.iter().any(|layer| {
        layer.rank() == 2
            && layer
                .factors()
                .unwrap()
                .1
                .values
                .iter()
                .any(|value| *value != 0.0)
    }));
}

#[test]
fn train_with_json_prints_one_document() {
    let bench = Workbench::new();
    bench.dataset("pictures", 2);
    let ended = bench.train(&["--epochs", "1", "--batch-size", "2", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["outcome"], "completed");
    assert_eq!(document["steps"], 1);
    assert_eq!(document["pictures"], 2);
    assert_eq!(document["adapter"], "run/adapter.safetensors");
    assert_eq!(document["checkpoints"][0]["epoch"], 1);
    assert_eq!(document["notes"], serde_json::json!([]));
}

#[test]
fn a_folder_that_holds_a_run_is_refused_without_resume() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    assert_eq!(bench.train(&["--epochs", "1"]).status, 0);
    let before = std::fs::read(bench.path("run/adapter.safetensors")).unwrap();
    let ended = bench.train(&["--epochs", "1"]);
    ended.refused(&["`run` already holds a run", "--resume"]);
    let after = std::fs::read(bench.path("run/adapter.safetensors")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn resume_with_other_settings_is_refused() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    assert_eq!(bench.train(&["--epochs", "1"]).status, 0);
    let ended = bench.train(&["--epochs", "1", "--alpha", "3", "--resume"]);
    ended.refused(&["`alpha`", "hint: resume with the same"]);
}

#[test]
fn all_problems_of_the_settings_are_listed_together() {
    let bench = Workbench::new();
    let ended = bench.run(&[
        "train",
        "--dataset",
        "pictures",
        "--epochs",
        "0",
        "--learning-rate",
        "nan",
    ]);
    assert_eq!(ended.status, 2);
    insta::assert_snapshot!(ended.stderr, @r"
    error: invalid settings: `trigger` is empty, give the word that will call the training; `epochs` must lie between 1 and 100000; `learning_rate` must be positive
    hint: correct the value; `--help` lists what is accepted
    ");
}

#[test]
fn flags_win_over_the_settings_file() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let file = "trigger = \"FromFile\"\nepochs = 3\nrank = 1\ntargets = \"attention\"\n";
    std::fs::write(bench.path("settings.toml"), file).unwrap();
    let base = tiny_base();
    let words = ["train", "--dataset", "pictures", "--base", &base];
    let document =
        bench.document(&[&words[..], &["--config", "settings.toml", "--epochs", "1"]].concat());
    assert_eq!(document["steps"], 1);
    assert_eq!(document["adapter"], "runs/FromFile/adapter.safetensors");
}

#[test]
fn an_unknown_key_of_the_settings_file_is_named_with_its_line() {
    let bench = Workbench::new();
    let file = "trigger = \"T\"\nepocs = 3\n";
    std::fs::write(bench.path("settings.toml"), file).unwrap();
    let ended = bench.run(&["train", "--dataset", "x", "--config", "settings.toml"]);
    ended.refused(&["`settings.toml`, line 2: unknown field `epocs`", "`epochs`"]);
}

#[test]
fn the_memory_of_a_run_is_said_before_it() {
    let bench = Workbench::new();
    bench.dataset("pictures", 2);
    let ended = bench.train(&["--epochs", "1", "--recompute", "block"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let said = |words: &str| assert!(ended.stderr.contains(words), "{}", ended.stderr);
    said("memory: about 0.1 GB");
    said("computing every block twice to save memory");
}

/// Elsewhere nobody says how much memory is free.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_cannot_fit_is_refused_before_it_starts() {
    let bench = Workbench::new();
    bench.dataset("pictures", 120);
    let large = ["--resolution", "4096", "--batch-size", "4096"];
    let refused = bench.train(&[&large[..], &["--out", "large", "--json"]].concat());
    assert_eq!(refused.status, 1, "{}", refused.stderr);
    let document: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(document["error"]["code"], "not_enough_memory");
    assert!(!bench.path("large").exists());
}

#[test]
fn a_run_goes_on_with_another_choice_of_what_is_computed_twice() {
    let bench = Workbench::new();
    bench.dataset("pictures", 2);
    let ended = bench.train(&["--epochs", "1", "--recompute", "layer"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let again = bench.train(&["--epochs", "1", "--recompute", "none", "--resume"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
}

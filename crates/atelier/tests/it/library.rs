//! `atelier run` and `atelier model`, and trainings and drawings that the library knows.

use serde_json::{Value, json};

use crate::workbench::{Workbench, files_below, tiny_base};

/// A library with the dataset `Slopes` of three pictures.
pub(crate) fn studio() -> Workbench {
    let bench = Workbench::new();
    bench.dataset("pictures", 3);
    let create = ["dataset", "create", "Slopes", "--from", "pictures"];
    let purpose = ["--category", "style", "--trigger", "SlopeV1"];
    bench.succeed(&[&create[..], &purpose].concat());
    bench
}

/// The words of a short training on the dataset.
pub(crate) fn training(base: &str) -> Vec<&str> {
    let words = ["train", "--dataset", "slopes", "--base", base];
    let settings = ["--epochs", "2", "--rank", "2", "--caption-dropout", "0.3"];
    [&words[..], &settings].concat()
}

/// Changes a byte in the library's file of a model.
pub(crate) fn damage(bench: &Workbench, model: &str) {
    let shown = bench.document(&["model", "show", model]);
    let file = shown["file"].as_str().unwrap();
    let file = bench.path(file.trim_start_matches("[FOLDER]/"));
    let mut content = std::fs::read(&file).unwrap();
    *content.last_mut().unwrap() ^= 1;
    // it can only be read
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, content).unwrap();
}

fn bytes(bench: &Workbench, name: &str) -> Vec<u8> {
    std::fs::read(bench.path(name)).unwrap()
}

#[test]
fn a_training_on_a_dataset_is_a_run_from_which_a_model_comes() {
    let bench = studio();
    let base = tiny_base();
    let trained = bench.document(&training(&base));
    assert_eq!(trained["outcome"], "completed");
    assert_eq!(trained["run"]["name"], "Slopes-1");
    assert_eq!(trained["model"]["trigger_word"], "SlopeV1");
    assert!(!bench.path("runs").exists(), "it lies in the library");
    let shown = bench.document(&["run", "show", "slopes-1"]);
    let epochs = shown["checkpoints"].as_array().unwrap().iter();
    let epochs: Vec<_> = epochs.map(|one| one["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [1, 2]);
    assert_eq!(shown["run"]["done_steps"], 6);
    assert_eq!(shown["run"]["trained_steps"], 6);
    let note = shown["notes"][0].as_str().unwrap();
    assert!(note.starts_with("there are 3 pictures, and 15 to 40 are right"));
    assert_eq!(shown["notes"], trained["notes"]);
    let model = bench.document(&["model", "show", "Slopes-1"]);
    assert_eq!(model["model"]["epoch"], 2);
    assert_eq!(model["model"]["dataset_version"], 2);
    let verified = bench.document(&["model", "verify", "Slopes-1"]);
    assert_eq!(verified["is_proved"], true);
    assert_eq!(verified["lineage"]["proofs"].as_array().unwrap().len(), 5);
    let ended = bench.run(&["run", "resume", "Slopes-1"]);
    ended.refused(&["run `Slopes-1` is complete"]);
    let again = [&training(&base)[..], &["--resume"]].concat();
    bench.run(&again).refused(&["atelier run resume Slopes-1"]);
    bench.succeed(&["model", "delete", "Slopes-1"]);
    let ended = bench.run(&["run", "resume", "Slopes-1"]);
    ended.refused(&["its model is in the trash", "atelier model restore"]);
    bench.succeed(&["db", "empty-trash", "--all"]);
    let shown = bench.succeed(&["run", "show", "Slopes-1"]);
    assert!(
        shown.stdout.contains("atelier run resume Slopes-1"),
        "{}",
        shown.stdout
    );
    let made = bench.document(&["run", "resume", "Slopes-1"]);
    assert_eq!(made["outcome"], "completed");
    assert_eq!(
        (&made["model"]["name"], &made["model"]["epoch"]),
        (&json!("Slopes-1"), &json!(2))
    );
    assert_eq!(made["notes"], trained["notes"]);
    assert_eq!(made["run"]["trained_steps"], 6);
    let named =
        bench.document(&[&training(&base)[..], &["--name", "steep", "--seed", "1"]].concat());
    assert_eq!(named["model"]["name"], "steep");
    let compared = bench.document(&["run", "compare", "Slopes-1", "steep"]);
    assert_eq!(compared["differences"]["seed"], json!([0, 1]));
    assert!(compared["differences"].get("rank").is_none());
    // What cannot be is refused before there is a run.
    for bad in [["--name", "a:b"], ["--resolution", "7"]] {
        assert_eq!(bench.run(&[&training(&base)[..], &bad].concat()).status, 2);
    }
    let runs = bench.document(&["run", "list"]);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_model_is_drawn_with_by_name_at_its_own_strength_and_again_from_its_picture() {
    let bench = studio();
    let base = tiny_base();
    bench.succeed(&training(&base));
    bench.succeed(&[
        "model",
        "update",
        "Slopes-1",
        "--strength",
        "0.5",
        "--name",
        "slope one",
    ]);
    let draw = |more: &[&str], out: &str| {
        let words = ["generate", "--steps", "2", "--seed", "7", "--out", out];
        let drawn = bench.document(&[&words[..], more].concat());
        let file = drawn["files"][0]["file"]
            .as_str()
            .or(drawn["files"][0]["path"].as_str());
        file.unwrap().to_owned()
    };
    // Its base is the model's, without a word.
    let named = draw(&["--adapter", "slope one", "--prompt", "a slope"], "a");
    let said = draw(&["--adapter", "slope one:0.5", "--prompt", "a slope"], "b");
    let tagged = draw(
        &["--base", &base, "--prompt", "a slope <lora:slope one:0.5>"],
        "c",
    );
    let full = draw(&["--adapter", "slope one:1", "--prompt", "a slope"], "d");
    let pixels = |file: &str| image::open(bench.path(file)).unwrap().into_rgb8();
    assert_eq!(pixels(&named), pixels(&said));
    assert_eq!(pixels(&named), pixels(&tagged));
    assert_ne!(pixels(&named), pixels(&full));
    let text = String::from_utf8_lossy(&bytes(&bench, &named)).into_owned();
    assert!(
        text.contains("slope one") && !text.contains("blobs"),
        "{text}"
    );
    bench.succeed(&["model", "update", "slope one", "--name", "renamed"]);
    let again = draw(&["--base", &base, "--from", &named], "e");
    assert_eq!(pixels(&again), pixels(&named));
    let ended = bench.run(&["generate", "--adapter", "nobody", "--prompt", "a"]);
    ended.refused(&["neither an adapter file nor a model"]);
}

#[test]
fn adapter_files_go_out_and_come_in_with_what_they_say_of_themselves() {
    let bench = studio();
    let base = tiny_base();
    bench.succeed(&training(&base));
    bench.succeed(&["model", "export", "Slopes-1", "--out", "out/a.safetensors"]);
    bench
        .run(&["model", "export", "Slopes-1", "--out", "out/a.safetensors"])
        .refused(&["it exists already"]);
    let import = ["model", "import", "out/a.safetensors", "--base", &base];
    let taken = bench.document(&[&import[..], &["--strength", "1.1"]].concat());
    assert_eq!(taken["model"]["name"], "a");
    assert_eq!(taken["model"]["trigger_word"], "SlopeV1");
    assert_eq!(taken["model"]["category"], "style");
    // The library knows its own.
    assert_eq!(taken["model"]["run_name"], "Slopes-1");
    bench
        .run(&import)
        .refused(&["there is a model `a` already"]);
    std::fs::write(bench.path("no.safetensors"), "no adapter").unwrap();
    let ended = bench.run(&["model", "import", "no.safetensors", "--base", &base]);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    bench.succeed(&["model", "delete", "a"]);
    let listed = bench.document(&["model", "list"]);
    assert_eq!(listed["models"].as_array().unwrap().len(), 1);
    bench.succeed(&["model", "restore", "A"]);
}

#[test]
fn a_run_trains_on_its_version_whatever_becomes_of_its_copy() {
    let bench = studio();
    let base = tiny_base();
    let ended = bench.run(&[&training(&base)[..], &["--epochs", "1"]].concat());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let run = bench.document(&["run", "show", "Slopes-1"]);
    let id = run["run"]["id"].as_str().unwrap();
    let folder = bench.path("home/runs").join(id);
    let copy = files_below(&folder);
    let caption = copy.iter().find(|file| file.ends_with("1.txt")).unwrap();
    // As if it had been changed before the first step.
    std::fs::write(folder.join(caption), "other words").unwrap();
    for name in ["run.json", "adapter.safetensors"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    std::fs::remove_dir_all(folder.join("checkpoints")).unwrap();
    bench.succeed(&["model", "delete", "Slopes-1"]);
    bench.succeed(&["db", "empty-trash", "--all"]);
    let again = bench.run(&["run", "resume", "Slopes-1"]);
    assert!(again.stderr.contains("writing it anew"), "{}", again.stderr);
    let words = std::fs::read_to_string(folder.join(caption)).unwrap();
    assert_eq!(words.trim_end(), "a slope of colour number 1");
}

#[test]
fn what_depends_on_a_dataset_is_said_when_it_is_deleted() {
    let bench = studio();
    bench.succeed(&training(&tiny_base()));
    let ended = bench.succeed(&["dataset", "delete", "Slopes"]);
    assert!(
        ended.stderr.contains("run `Slopes-1`, model `Slopes-1`"),
        "{}",
        ended.stderr
    );
    let ended = bench.succeed(&["run", "delete", "Slopes-1"]);
    assert!(
        ended.stderr.contains("model `Slopes-1` stays"),
        "{}",
        ended.stderr
    );
    bench.succeed(&["run", "restore", "slopes-1"]);
    let checked = bench.document(&["db", "check"]);
    let found = &checked["found"];
    assert_eq!((&found["runs"], &found["models"]), (&json!(1), &json!(1)));
    assert_eq!(checked["sound"], true);
}

#[test]
fn a_training_takes_as_long_as_one_of_the_same_kind_on_the_same_device() {
    let bench = studio();
    let base = tiny_base();
    let many = ["--batch-size", "4", "--epochs", "20"];
    let trained = bench.document(&[&training(&base)[..], &many].concat());
    let folder = bench
        .path("home/runs")
        .join(trained["run"]["id"].as_str().unwrap());
    let is_guess = |more: &[&str]| {
        let words = [&training(&base)[..], &many, more, &["--dry-run"]].concat();
        bench.document(&words)["duration"]["is_guess"] == true
    };
    assert!(!is_guess(&[]) && !is_guess(&["--alpha", "7", "--epochs", "3"]));
    // A step never has more than the three pictures that there are.
    assert!(!is_guess(&["--batch-size", "8"]));
    assert!(is_guess(&["--batch-size", "2"]) && is_guess(&["--rank", "4"]));
    let devices = folder.join("devices.json");
    let noted: Value = serde_json::from_slice(&std::fs::read(&devices).unwrap()).unwrap();
    assert_eq!(noted, json!({"version": 1, "devices": ["cpu"]}));
    let other = json!({"version": 1, "devices": ["cpu", "vulkan:0 (a card)"]});
    std::fs::write(&devices, other.to_string()).unwrap();
    assert!(is_guess(&[]));
    // As before there was this file.
    std::fs::remove_file(&devices).unwrap();
    assert!(!is_guess(&[]));
    // What was left to the program counts as what it chose.
    let recompute = folder.join("recompute.json");
    let noted: Value = serde_json::from_slice(&std::fs::read(&recompute).unwrap()).unwrap();
    assert_eq!(noted, json!({"version": 1, "chosen": ["none"]}));
    assert!(!is_guess(&["--recompute", "none"]) && is_guess(&["--recompute", "block"]));
    for (chosen, is_known) in [(json!(["block"]), true), (json!(["none", "block"]), false)] {
        let again = json!({"version": 1, "chosen": chosen});
        std::fs::write(&recompute, again.to_string()).unwrap();
        assert!(is_guess(&[]));
        assert_eq!(!is_guess(&["--recompute", "block"]), is_known);
    }
    std::fs::remove_file(&recompute).unwrap();
    assert!(is_guess(&[]) && is_guess(&["--recompute", "none"]));
}

#[test]
fn a_trigger_word_that_a_model_has_is_taken() {
    let bench = studio();
    let base = tiny_base();
    bench.succeed(&training(&base));
    let owners = |more: &[&str]| {
        let words = ["dataset", "judge-trigger", "slopev1"];
        let judged = bench.document(&[&words[..], more].concat());
        let findings = judged["trigger_word"]["findings"].as_array().unwrap();
        let used = findings.iter().filter(|finding| finding["code"] == "used");
        let first = |finding: &Value| {
            let message = finding["message"].as_str().unwrap();
            message.split(" has ").next().unwrap().to_owned()
        };
        used.map(first).collect::<Vec<_>>()
    };
    assert_eq!(owners(&[]), ["dataset `Slopes`"]);
    assert!(owners(&["--dataset", "Slopes"]).is_empty());
    bench.succeed(&["dataset", "delete", "Slopes"]);
    assert_eq!(owners(&[]), ["model `Slopes-1`"]);
    bench.dataset("folder", 1);
    let words = ["train", "--dataset", "folder", "--base", &base, "--dry-run"];
    let planned = bench.succeed(&[&words[..], &["--trigger", "SlopeV1"]].concat());
    let note = "model `Slopes-1` has the same word";
    assert!(planned.stderr.contains(note), "{}", planned.stderr);
}

#[test]
fn a_missing_dataset_is_said_before_anything_else() {
    let bench = Workbench::new();
    let ended = bench.run(&["train", "--dataset", "nothing"]);
    ended.refused(&["`nothing` is neither a folder of pictures nor a dataset"]);
}

#[cfg(unix)]
mod stopped {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::workbench::{is_step, program, signal};

    /// Starts a long training of the library and waits for its first step.
    fn started(bench: &Workbench, base: &str) -> (Child, BufReader<impl std::io::Read>) {
        let words = [&training(base)[..], &["--epochs", "200"]].concat();
        let mut child = Command::new(program())
            .args(words)
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
        (child, stderr)
    }

    fn state(bench: &Workbench) -> Value {
        bench.document(&["run", "show", "Slopes-1"])["run"]["state"].clone()
    }

    #[test]
    fn a_run_is_stopped_from_elsewhere_or_killed_and_goes_on() {
        let bench = studio();
        let base = tiny_base();
        let (mut child, mut stderr) = started(&bench, &base);
        assert_eq!(state(&bench), "running");
        bench
            .run(&["run", "resume", "Slopes-1"])
            .refused_with(1, &["is being trained"]);
        bench
            .run(&["run", "delete", "Slopes-1"])
            .refused_with(1, &["is being trained"]);
        bench.succeed(&["run", "cancel", "Slopes-1"]);
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
        assert!(rest.contains("atelier run resume Slopes-1"), "{rest}");
        assert_eq!(state(&bench), "stopped");
        bench
            .run(&["run", "cancel", "Slopes-1"])
            .refused(&["is not being trained"]);
    }

    #[test]
    fn a_killed_run_is_known_as_stopped_and_ends_as_one_that_was_not() {
        let bench = studio();
        let base = tiny_base();
        let (mut child, _stderr) = started(&bench, &base);
        signal(&child, "KILL");
        child.wait().unwrap();
        assert_eq!(state(&bench), "stopped");
        let checked = bench.document(&["db", "check"]);
        assert_eq!(checked["sound"], true);
        let resumed = bench.document(&["run", "resume", "Slopes-1"]);
        let straight = bench.document(&[&training(&base)[..], &["--epochs", "200"]].concat());
        let file = |document: &Value| {
            let name = document["model"]["name"].as_str().unwrap();
            let out = format!("{name}.safetensors");
            bench.succeed(&["model", "export", name]);
            atelier_adapters::AdapterFile::read(bench.path(&out)).unwrap()
        };
        assert!(
            file(&resumed).layers == file(&straight).layers,
            "it differs"
        );
        let folder = resumed["run"]["id"].as_str().unwrap();
        let files = files_below(&bench.path("home/runs").join(folder));
        assert!(
            files.iter().all(|file| !file.ends_with(".partial")),
            "{files:?}"
        );
    }
}

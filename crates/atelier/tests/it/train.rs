//! `atelier train`.

use atelier_adapters::AdapterFile;
use serde_json::{Value, json};

use crate::workbench::{Workbench, files_below, tiny_base};

#[test]
fn train_writes_an_adapter_a_checkpoint_per_epoch_and_says_how_to_draw() {
    let bench = Workbench::new();
    bench.dataset("pictures", 3);
    let ended = bench.train(&[]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    insta::assert_snapshot!(ended.stdout, @r"
    adapter: run/adapter.safetensors
    draw with it: atelier generate --base [BASE] --adapter run/adapter.safetensors:0.8 --prompt 'a portrait of BlobCharV1'
    ");
    assert!(
        ended
            .stderr
            .contains("3 pictures x 1 repeat x 2 epochs / batches of 1 = 6 steps"),
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
    assert_eq!(document["trained_steps"], 1);
    let notes = document["notes"].as_array().unwrap();
    let few = "there are 2 pictures, and 15 to 40 are right";
    assert!(notes.len() == 1 && notes[0].as_str().unwrap().starts_with(few));
    let arithmetic = json!({
        "pictures": 2, "repeats": 1, "epochs": 1, "batch_size": 2, "steps_per_epoch": 1, "steps": 1,
    });
    assert_eq!(document["arithmetic"], arithmetic);
    assert_eq!(
        document["settings"]["rank"],
        json!({"value": 2, "from": "flag"})
    );
    let prompts = document["preview_prompts"].as_array().unwrap();
    assert_eq!(prompts[0], "a portrait of BlobCharV1");
    let findings = document["trigger_word"]["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["level"] == "good"));
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let bench = Workbench::new();
    bench.dataset("pictures", 5);
    let file = "rank = 4\nlearning_rate = 0.5\ncategory = \"object\"\n";
    std::fs::write(bench.path("settings.toml"), file).unwrap();
    let flags = ["--strength", "high", "--repeats", "3", "--batch-size", "4"];
    let more = ["--config", "settings.toml", "--dry-run"];
    let words = [&flags[..], &more].concat();
    let document: Value = {
        let ended = bench.train(&[&words[..], &["--json"]].concat());
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    };
    assert_eq!(document["outcome"], "planned");
    // 15 pictures an epoch are three batches of 4 and one of 3.
    assert_eq!(document["arithmetic"]["steps_per_epoch"], 4);
    assert_eq!(document["steps"], 8);
    let setting = |name: &str| document["settings"][name].clone();
    assert_eq!(
        setting("strength"),
        json!({"value": "high", "from": "flag"})
    );
    assert_eq!(setting("rank"), json!({"value": 2, "from": "flag"}));
    assert_eq!(setting("alpha"), json!({"value": 2.0, "from": "strength"}));
    assert_eq!(
        setting("learning_rate"),
        json!({"value": 0.5, "from": "file"})
    );
    assert_eq!(
        setting("targets"),
        json!({"value": "transformer", "from": "strength"})
    );
    assert_eq!(setting("seed"), json!({"value": 0, "from": "default"}));
    assert!(document["planned_peak_bytes"].as_u64().unwrap() > 0);
    let ended = bench.train(&words);
    let sum = "5 pictures x 3 repeats x 2 epochs / batches of 4 = 8 steps";
    for line in [
        sum,
        "no previews: those of one epoch would take more than a tenth",
        "rank              2",
    ] {
        assert!(
            ended.stdout.contains(line),
            "no `{line}` in {}",
            ended.stdout
        );
    }
    assert!(!bench.path("run").exists());
}

#[test]
fn what_is_left_out_and_what_captions_lack_is_said_before_the_training_and_in_its_plan() {
    let bench = Workbench::new();
    bench.dataset("pictures", 2);
    let put = |name: &str, text: &str| std::fs::write(bench.path(name), text).unwrap();
    put("pictures/photo.heic", "pixels");
    put("pictures/1.caption", "a slope");
    put("pictures/0.txt", &"slope ".repeat(100));
    std::fs::remove_file(bench.path("pictures/1.txt")).unwrap();
    let parts = [
        "note: left out `photo.heic`: its format is not read",
        "note: 1 of 2 pictures has no caption of its own and gets `pictures`, the folder's name",
        "and are not read: `1.caption`; the caption of `0.png` stands in `0.txt`",
        "note: there are 2 pictures, and 15 to 40 are right: ",
        "note: the learning rate rises over all 4 steps of the training",
        "note: the caption of `0.png` is longer than the 75 tokens",
    ];
    let warmup = ["--warmup-steps", "500"];
    let planned = bench.train(&[&warmup[..], &["--dry-run", "--json"]].concat());
    let document: Value = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!(document["skipped"].as_array().unwrap().len(), 1);
    assert_eq!(document["notes"].as_array().unwrap().len(), parts.len() - 1);
    let trained = bench.train(&warmup);
    assert_eq!(trained.status, 0, "{}", trained.stderr);
    let begun = trained.stderr.find("encoding pictures").unwrap();
    for part in parts {
        for said in [&planned.stderr, &trained.stderr] {
            assert_eq!(said.matches(part).count(), 1, "`{part}` in {said}");
        }
        assert!(trained.stderr.find(part).unwrap() < begun, "{part}");
    }
    assert!(bench.path("run/notes.json").exists());
}

#[test]
fn a_run_that_goes_on_is_planned_without_the_steps_that_are_made() {
    let bench = Workbench::new();
    bench.dataset("pictures", 2);
    assert_eq!(bench.train(&["--epochs", "1"]).status, 0);
    let again = ["--epochs", "1", "--resume"];
    let planned = bench.train(&[&again[..], &["--dry-run"]].concat());
    let line = "time: all its steps are made";
    assert!(planned.stdout.contains(line), "{}", planned.stdout);
    let ended = bench.train(&[&again[..], &["--json"]].concat());
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["steps"], 2);
    assert_eq!(document["trained_steps"], 0);
}

#[test]
fn previews_are_drawn_while_it_trains_and_listed() {
    let bench = Workbench::new();
    bench.dataset("pictures", 2);
    let previews = ["--preview-every", "1", "--preview-steps", "2"];
    let prompts = ["--preview-prompts", "BlobCharV1 at sea", "a cat"];
    let words = [&["--epochs", "2"], &previews[..], &prompts].concat();
    let planned = bench.train(&[&words[..], &["--dry-run"]].concat());
    for line in [
        "previews: 2 pictures after every epoch, the last after epoch 2",
        "preview: BlobCharV1 at sea",
        "for previews, guessed",
    ] {
        assert!(
            planned.stdout.contains(line),
            "no `{line}` in {}",
            planned.stdout
        );
    }
    let ended = bench.train(&[&words[..], &["--json"]].concat());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    for line in [
        "drawing previews 0/4",
        "drawing previews 4/4",
        "previews: 2 pictures",
    ] {
        assert!(
            ended.stderr.contains(line),
            "no `{line}` in {}",
            ended.stderr
        );
    }
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let expected = json!([
        {"epoch": 1, "folder": "run/previews/epoch-001"},
        {"epoch": 2, "folder": "run/previews/epoch-002"},
    ]);
    assert_eq!(document["previews"], expected);
    assert_eq!(
        document["preview_prompts"],
        json!(["BlobCharV1 at sea", "a cat"])
    );
    assert!(bench.path("run/previews/epoch-002/01.png").exists());
}

#[test]
fn a_preview_is_what_generate_draws_from_the_same_words() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let prompts = [
        "BlobCharV1, a {red|blue} (cat:1.3)",
        "a {dog|fox|crow} {in|on} a box",
    ];
    let previews = [
        "--preview-every",
        "1",
        "--preview-steps",
        "2",
        "--preview-prompts",
    ];
    let settings = ["--epochs", "1", "--seed", "5", "--precision", "f32"];
    let ended = bench.train(&[&settings[..], &previews, &prompts].concat());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let folder = bench.path("run/previews/epoch-001");
    let contents = std::fs::read(folder.join("previews.json")).unwrap();
    let contents: Value = serde_json::from_slice(&contents).unwrap();
    let base = tiny_base();
    for (preview, prompt) in contents["previews"].as_array().unwrap().iter().zip(prompts) {
        let [seed, side] = ["seed", "width"].map(|name| preview[name].to_string());
        let words = [
            "generate", "--base", &base, "--prompt", prompt, "--steps", "2",
        ];
        let adapter = [
            "--adapter",
            "run/checkpoints/epoch-001/adapter.safetensors:1",
        ];
        let drawing = [
            "--sampler",
            "dpmpp-2m",
            "--seed",
            &seed,
            "--precision",
            "f32",
        ];
        let size = ["--width", &side, "--height", &side, "--out", "drawn"];
        let drawn = bench.document(&[&words[..], &adapter, &drawing, &size].concat());
        let drawn = bench.path(drawn["files"][0]["path"].as_str().unwrap());
        let shown = folder.join(preview["file"].as_str().unwrap());
        let pixels = |path| image::open(path).unwrap().into_rgb8();
        assert_eq!(pixels(shown), pixels(drawn), "{prompt}");
    }
}

#[test]
fn the_strength_is_recorded_with_every_other_setting() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let ended = bench.train(&["--strength", "very-low", "--epochs", "1"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let decided = "training strength very-low for a character on a small base: ";
    assert!(ended.stderr.contains(decided), "{}", ended.stderr);
    let record = std::fs::read(bench.path("run/run.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["config"]["strength"], "very-low");
    assert_eq!(record["config"]["targets"], "attention");
    let adapter = AdapterFile::read(bench.path("run/adapter.safetensors")).unwrap();
    let config: Value = serde_json::from_str(&adapter.metadata["atelier.train_config"]).unwrap();
    assert_eq!(config, record["config"]);
    // Only the numbers that it stands for make a run another one.
    let rest = [
        "--strength",
        "low",
        "--targets",
        "attention",
        "--epochs",
        "1",
    ];
    let rate = record["config"]["learning_rate"].to_string();
    let again = [&rest[..], &["--learning-rate", &rate, "--resume"]].concat();
    let again = bench.train(&again);
    assert_eq!(again.status, 0, "{}", again.stderr);
}

#[test]
fn a_trigger_word_is_judged_before_the_training() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let ended = bench.train(&["--trigger", "cat", "--dry-run"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let note = "note: trigger word `cat`: the base knows this word";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);
    let refused = bench.train(&["--trigger", "<|endoftext|>"]);
    refused.refused(&["trigger word `<|endoftext|>` cannot be used: it has `<|`"]);
    assert!(!bench.path("run").exists());
}

#[test]
fn a_folder_that_holds_a_run_is_refused_without_resume() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    assert_eq!(bench.train(&["--epochs", "1"]).status, 0);
    let before = std::fs::read(bench.path("run/adapter.safetensors")).unwrap();
    let ended = bench.train(&["--epochs", "1"]);
    ended.refused(&["`run` already holds a run", "--resume"]);
    let planned = bench.train(&["--epochs", "1", "--dry-run"]);
    let note = "`run` holds a run already";
    assert!(
        planned.status == 0 && planned.stderr.contains(note),
        "{}",
        planned.stderr
    );
    let after = std::fs::read(bench.path("run/adapter.safetensors")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn resume_needs_a_run_in_the_place_that_is_named() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let ended = bench.train(&["--epochs", "1", "--resume"]);
    ended.refused(&["`run` holds no run that could go on"]);
    assert!(!bench.path("run").exists());
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
    bench.dataset("pictures", 1);
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
    bench.dataset("x", 1);
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
    said("time: about ");
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

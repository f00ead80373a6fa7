//! `atelier base`, and bases that other commands name.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use atelier_testkit::tiny_sd15;

use crate::workbench::{Workbench, copy_folder, files_below, tiny_base};

/// Every file in the place for bases, but that for the lock.
fn files_kept(bench: &Workbench) -> Vec<String> {
    let mut files = files_below(&bench.path("home/bases"));
    files.retain(|name| name != ".lock");
    files
}

#[test]
fn what_a_killed_command_left_is_removed_by_the_next_one_unless_another_works() {
    let bench = Workbench::new();
    let base = tiny_base();
    let add = ["base", "add", &base, "--name", "tiny"];
    for words in [&["base", "list"][..], &add, &["base", "remove", "tiny"]] {
        for name in [".big-123.partial/unet/w", ".old-1.removed/vae/w"] {
            let path = bench.path("home/bases").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "gigabytes").unwrap();
        }
        let lock = std::fs::File::create(bench.path("home/bases/.lock")).unwrap();
        lock.lock_shared().unwrap();
        bench.succeed(&["base", "list"]);
        assert!(bench.path("home/bases/.big-123.partial").exists());
        drop(lock);
        bench.succeed(words);
        let hidden = files_kept(&bench)
            .into_iter()
            .find(|name| name.starts_with('.'));
        assert_eq!(hidden, None, "{words:?}");
    }
}

#[test]
fn a_base_is_added_listed_shown_used_and_removed() {
    let bench = Workbench::new();
    let base = tiny_base();
    bench.succeed(&["base", "add", &base, "--name", "tiny"]);
    let list = bench.document(&["base", "list"]);
    let bases = list["bases"].as_array().unwrap();
    assert!(bases.iter().any(|base| base["name"] == "tiny"), "{list}");
    let shown = bench.document(&["base", "show", "tiny"]);
    let original = bench.document(&["base", "show", &base]);
    assert_eq!(shown["hash"], original["hash"]);
    assert_eq!(shown["family"], "sd15");
    assert_eq!(shown["prediction_type"], "epsilon");
    assert_eq!(shown["native_size"], 32);
    assert!(shown["parts"][1]["parameters"].as_u64().unwrap() > 1000);
    let drawn = bench.run(&[
        "generate", "--base", "tiny", "--prompt", "x", "--steps", "1",
    ]);
    assert_eq!(drawn.stdout, "pictures/0-x.png\n", "{}", drawn.stderr);
    bench.succeed(&["base", "remove", "tiny"]);
    assert_eq!(files_kept(&bench), [""; 0]);
    bench
        .run(&["base", "show", "tiny"])
        .refused(&["no base `tiny`", "hint: check the name"]);
}

#[test]
fn show_tells_every_part_its_tensors_the_evidence_and_both_hashes() {
    let bench = Workbench::new();
    let base = atelier_testkit::tiny_sdxl();
    let shown = bench.document(&["base", "show", &base.to_string_lossy()]);
    let parts = shown["parts"].as_array().unwrap();
    let names: Vec<_> = parts
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["text_encoder", "text_encoder_2", "unet", "vae"]);
    assert!(
        parts
            .iter()
            .all(|part| part["missing"] == serde_json::json!([])
                && part["used"].as_u64().unwrap() > 10),
        "{shown}"
    );
    assert_eq!(shown["problem"], serde_json::Value::Null);
    assert_eq!(
        shown["prediction_evidence"],
        "stated by scheduler_config.json"
    );
    let files = shown["files"].as_array().unwrap();
    assert_eq!(files.len(), 4);
    assert!(
        files
            .iter()
            .all(|file| file["sha256"].as_str().unwrap().len() == 64
                && file["blake3"].as_str().unwrap().len() == 64)
    );
    let file = atelier_testkit::golden_folder().join("checkpoints/tiny-sd2.safetensors");
    let ended = bench.run(&["base", "show", &file.to_string_lossy()]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    for words in [
        "stored as       single file",
        "v_prediction (",
        "SHA-256",
        "BLAKE3",
    ] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
}

#[test]
fn a_base_that_may_be_guessed_wrong_says_so_until_it_is_settled() {
    let bench = Workbench::new();
    let golden = atelier_testkit::golden_folder().join("checkpoints");
    for ending in ["safetensors", "vae.safetensors"] {
        let source = golden.join(format!("tiny-sd2.{ending}"));
        std::fs::copy(source, bench.path(&format!("guess.{ending}"))).unwrap();
    }
    let file = "guess.safetensors";
    let note = "note: `guess.safetensors` does not state what it predicts: v_prediction is assumed";
    let draw = ["generate", "--base", file, "--prompt", "x", "--steps", "1"];
    let small = ["--width", "64", "--height", "64"];
    let draw = [&draw[..], &small].concat();
    for words in [&draw[..], &["base", "show", file], &["base", "add", file]] {
        let ended = bench.succeed(words);
        assert!(ended.stderr.contains(note), "{words:?}: {}", ended.stderr);
    }
    // Before anything takes long.
    bench.dataset("pictures", 1);
    let planned = bench.train(&["--base", file, "--dataset", "pictures", "--dry-run"]);
    assert!(planned.stderr.contains(note), "{}", planned.stderr);
    let kept = "home/bases/guess/guess.json";
    let shown = bench.document(&["base", "show", "guess"]);
    assert!(shown["notes"][0].as_str().unwrap().contains(kept));
    std::fs::write(bench.path(kept), r#"{"prediction_type": "epsilon"}"#).unwrap();
    let shown = bench.document(&["base", "show", "guess"]);
    assert_eq!(shown["notes"], serde_json::json!([]));
    assert_eq!(shown["prediction_type"], "epsilon");
    // That Stable Diffusion 1 predicts noise is the rule, and no news.
    let first = golden.join("tiny-sd1.safetensors");
    let ended = bench.succeed(&["base", "show", &first.to_string_lossy()]);
    assert!(!ended.stderr.contains("note"), "{}", ended.stderr);
}

#[test]
fn a_base_that_lacks_a_tensor_is_shown_with_its_name_and_not_added() {
    let bench = Workbench::new();
    copy_folder(&tiny_sd15(), &bench.path("cut"));
    let path = bench.path("cut/vae/diffusion_pytorch_model.safetensors");
    let file = atelier_weights::TensorFile::open(&path).unwrap();
    let kept = file.names().filter(|name| *name != "decoder.conv_in.bias");
    let tensors: Vec<_> = kept
        .map(|name| atelier_weights::OutTensor {
            name: name.to_owned(),
            dtype: file.info(name).unwrap().dtype,
            shape: file.info(name).unwrap().shape.clone(),
            data: file.read_f32(name).unwrap(),
        })
        .collect();
    atelier_weights::write_tensors(&path, &tensors, &std::collections::BTreeMap::new()).unwrap();
    let shown = bench.document(&["base", "show", "cut"]);
    assert_eq!(
        shown["parts"][2]["missing"],
        serde_json::json!(["decoder.conv_in.bias"])
    );
    let ended = bench.run(&["base", "add", "cut"]);
    ended.refused(&["vae: 1 tensors are missing: `decoder.conv_in.bias`"]);
    assert_eq!(files_kept(&bench), [""; 0]);
}

/// Says when every file below a folder was last changed.
fn set_time(folder: &Path, secs: u64) {
    for name in files_below(folder) {
        let time = UNIX_EPOCH + Duration::from_secs(secs);
        let file = std::fs::File::open(folder.join(name)).unwrap();
        file.set_modified(time).unwrap();
    }
}

#[test]
fn hashes_are_kept_and_serve_every_command_until_the_weights_change() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    copy_folder(&tiny_sd15(), &bench.path("own"));
    set_time(&bench.path("own"), 1_000_000_000);
    let hash = || bench.document(&["base", "show", "own"])["hash"].clone();
    let right = hash();
    let records = files_below(&bench.path("home/hashes"));
    assert_eq!(records.len(), 3);
    // What is not right is seen, so that what uses the records can be told from what reads the weights.
    for name in records {
        let path = bench.path("home/hashes").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
        record["sha256"] = "a".repeat(64).into();
        std::fs::write(path, record.to_string()).unwrap();
    }
    let kept = hash();
    assert_ne!(kept, right);
    let kept = kept.as_str().unwrap();
    let drawn = bench.generate(&["--base", "own"]);
    let picture = bench.path(drawn.stdout.trim());
    let recipe = atelier_data::png::read_text(picture).unwrap().remove(1);
    assert!(recipe.1.contains(kept), "{recipe:?}");
    let trained = bench.train(&["--base", "own", "--epochs", "1"]);
    assert_eq!(trained.status, 0, "{}", trained.stderr);
    let run = std::fs::read_to_string(bench.path("run/run.json")).unwrap();
    assert!(run.contains(kept), "{run}");
    set_time(&bench.path("own"), 1_000_000_001);
    assert_eq!(hash(), right);
}

#[test]
fn a_base_that_is_added_has_its_hashes_at_once_and_loses_them_when_it_is_removed() {
    let bench = Workbench::new();
    copy_folder(&tiny_sd15(), &bench.path("own"));
    set_time(&bench.path("own"), 1_000_000_000);
    bench.succeed(&["base", "add", "own"]);
    assert_eq!(files_below(&bench.path("home/hashes")).len(), 3);
    let shown = bench.document(&["base", "show", "own"]);
    for file in shown["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap().replace("[FOLDER]/", "");
        let path = bench.path(&path);
        assert_eq!(file["sha256"], atelier_weights::sha256_file(path).unwrap());
    }
    bench.succeed(&["base", "remove", "own"]);
    assert_eq!(files_below(&bench.path("home/hashes")), [""; 0]);
}

#[test]
fn only_the_files_of_the_parts_are_copied() {
    let bench = Workbench::new();
    copy_folder(&tiny_sd15(), &bench.path("source"));
    std::fs::write(bench.path("source/huge.ckpt"), b"x").unwrap();
    std::fs::write(bench.path("source/unet/notes.txt"), b"x").unwrap();
    std::fs::write(bench.path("source/README.md"), b"x").unwrap();
    bench.succeed(&["base", "add", "source"]);
    let files = files_below(&bench.path("home/bases/source"));
    assert!(files.contains(&"README.md".to_owned()), "{files:?}");
    assert!(
        !files
            .iter()
            .any(|name| name == "huge.ckpt" || name == "unet/notes.txt")
    );
    let original = files_below(&tiny_sd15());
    assert!(
        original.iter().all(|name| files.contains(name)),
        "{files:?}"
    );
}

#[test]
fn a_single_file_of_any_name_is_added_under_one_that_is_found() {
    let bench = Workbench::new();
    let source = atelier_testkit::golden_folder().join("checkpoints/tiny-sd1.safetensors");
    for (file, name, kept) in [
        ("one.sft", "one.sft", "one.safetensors"),
        ("model-v1.5", "model-v1.5", "model-v1.safetensors"),
        ("x.vae.safetensors", "x.vae", "x-vae.safetensors"),
    ] {
        std::fs::copy(&source, bench.path(file)).unwrap();
        let original = bench.document(&["base", "show", file]);
        let yaml = bench.path(file).with_extension("yaml");
        std::fs::write(&yaml, "parameterization: \"v\"\n").unwrap();
        bench.succeed(&["base", "add", file]);
        let shown = bench.document(&["base", "show", name]);
        assert_ne!(shown["hash"], original["hash"], "the file beside it counts");
        assert_eq!(shown["prediction_type"], "v_prediction");
        let files = files_below(&bench.path("home/bases").join(name));
        let yaml = Path::new(kept).with_extension("yaml");
        assert_eq!(files, [kept, yaml.to_str().unwrap()]);
    }
    let list = bench.document(&["base", "list"]);
    let names = list["bases"].as_array().unwrap().iter();
    let added = names.filter(|base| base["embedded"] == false);
    assert_eq!(added.count(), 3);
}

#[test]
fn a_copy_has_the_parts_that_other_programs_need_and_names_no_absent_one() {
    let bench = Workbench::new();
    copy_folder(&tiny_sd15(), &bench.path("own"));
    let index = bench.path("own/model_index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for part in ["safety_checker", "feature_extractor", "extra"] {
        json[part] = serde_json::json!(["library", "Class"]);
    }
    json["requires_safety_checker"] = true.into();
    std::fs::write(&index, json.to_string()).unwrap();
    bench
        .run(&["base", "add", "own"])
        .refused(&["missing: the folder `extra`"]);
    assert_eq!(files_kept(&bench), [""; 0]);
    for name in [
        "extra/weights.safetensors",
        "feature_extractor/preprocessor_config.json",
    ] {
        let path = bench.path("own").join(name);
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    bench.succeed(&["base", "add", "own"]);
    let kept = bench.path("home/bases/own");
    assert_eq!(files_below(&kept), files_below(&bench.path("own")));
    let text = std::fs::read_to_string(kept.join("model_index.json")).unwrap();
    json["safety_checker"] = serde_json::json!([null, null]);
    json["requires_safety_checker"] = false.into();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).unwrap(),
        json
    );
    let [own, copy] = ["./own", "own"].map(|base| bench.document(&["base", "show", base]));
    assert_eq!(own["hash"], copy["hash"]);
}

#[test]
fn a_base_with_a_missing_part_is_refused_everywhere_with_the_part_named() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    copy_folder(&tiny_sd15(), &bench.path("broken"));
    std::fs::remove_file(bench.path("broken/unet/diffusion_pytorch_model.safetensors")).unwrap();
    std::fs::remove_file(bench.path("broken/vae/config.json")).unwrap();
    let missing = [
        "`broken`",
        "`unet/diffusion_pytorch_model.safetensors`",
        "`vae/config.json`",
        "hint: give a complete diffusers folder, or a whole checkpoint",
    ];
    bench.run(&["base", "add", "broken"]).refused(&missing);
    bench.generate(&["--base", "broken"]).refused(&missing);
    bench.train(&["--base", "broken"]).refused(&missing);
    assert_eq!(files_kept(&bench), [""; 0]);
    assert!(!bench.path("run").exists());
}

#[test]
fn names_that_are_taken_or_unsafe_are_refused() {
    let bench = Workbench::new();
    let base = tiny_base();
    bench.succeed(&["base", "add", &base, "--name", "tiny"]);
    bench
        .run(&["base", "add", &base, "--name", "tiny"])
        .refused(&["`tiny` exists already"]);
    bench
        .run(&["base", "add", &base, "--name", "../up"])
        .refused(&["`../up`", "letters, digits"]);
    bench
        .run(&["base", "remove", "../home"])
        .refused(&["no base `../home`"]);
    bench
        .run(&["base", "remove", "atelier-mini"])
        .refused(&["part of the program"]);
}

#[test]
fn without_a_home_a_folder_serves_as_base_and_adding_one_is_refused() {
    let bench = Workbench::new();
    let base = tiny_base();
    let run = |words: &[&str]| bench.ended(&bench.homeless(words).output().unwrap());
    let drawn = run(&["generate", "--base", &base, "--prompt", "x", "--steps", "1"]);
    assert_eq!(drawn.stdout, "pictures/0-x.png\n", "{}", drawn.stderr);
    assert_eq!(run(&["base", "list"]).status, 0);
    run(&["base", "add", &base]).refused(&["set `ATELIER_HOME`"]);
}

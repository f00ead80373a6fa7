//! Base model folders, whole and with missing parts.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::{DType, ModelFolder, OutTensor, write_tensors};
use tempfile::TempDir;

fn put(root: &Path, name: &str, content: &str) {
    let path = root.join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, content).unwrap();
}

fn whole_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(
        root,
        "model_index.json",
        r#"{"_class_name":"StableDiffusionPipeline"}"#,
    );
    put(
        root,
        "scheduler/scheduler_config.json",
        r#"{"num_train_timesteps":1000}"#,
    );
    put(root, "tokenizer/vocab.json", "{}");
    put(root, "tokenizer/merges.txt", "");
    for (part, name) in [
        ("unet", "diffusion_pytorch_model.safetensors"),
        ("vae", "diffusion_pytorch_model.safetensors"),
        ("text_encoder", "model.safetensors"),
    ] {
        put(
            root,
            &format!("{part}/config.json"),
            &format!(r#"{{"part":"{part}"}}"#),
        );
        put_weights(&root.join(part).join(name), 1.0);
    }
    folder
}

fn put_weights(path: &Path, value: f32) {
    let tensor = OutTensor {
        name: "weight".to_owned(),
        dtype: DType::F16,
        shape: vec![1],
        data: vec![value],
    };
    write_tensors(path, &[tensor], &BTreeMap::new()).unwrap();
}

#[test]
fn a_whole_folder_gives_configs_and_weights() {
    let folder = whole_folder();
    let model = ModelFolder::open(folder.path()).unwrap();
    assert_eq!(model.root(), folder.path());
    assert_eq!(model.index()["_class_name"], "StableDiffusionPipeline");
    assert_eq!(model.config("unet").unwrap()["part"], "unet");
    assert_eq!(
        model.config("scheduler").unwrap()["num_train_timesteps"],
        1000
    );
    for part in ["unet", "vae", "text_encoder"] {
        assert_eq!(
            model.tensors(part).unwrap().read_f32("weight").unwrap(),
            [1.0]
        );
    }
}

#[test]
fn the_hash_follows_content_and_not_place() {
    let (one, two) = (whole_folder(), whole_folder());
    let hash = |folder: &TempDir| ModelFolder::open(folder.path()).unwrap().hash().unwrap();
    let before = hash(&one);
    assert_eq!(before, hash(&two));
    assert_eq!(before.len(), 64);
    put_weights(
        &two.path().join("vae/diffusion_pytorch_model.safetensors"),
        2.0,
    );
    assert_ne!(before, hash(&two));
    put(one.path(), "scheduler/scheduler_config.json", "{}");
    assert_ne!(before, hash(&one));
}

/// Puts `tokenizer.json` in place of the two files.
fn in_one_file(folder: &TempDir) {
    for name in ["vocab.json", "merges.txt"] {
        fs_err::remove_file(folder.path().join("tokenizer").join(name)).unwrap();
    }
    put(folder.path(), "tokenizer/tokenizer.json", "{}");
}

#[test]
fn a_tokenizer_in_one_file_serves_as_well() {
    let folder = whole_folder();
    in_one_file(&folder);
    let model = ModelFolder::open(folder.path()).unwrap();
    let before = model.hash().unwrap();
    put(folder.path(), "tokenizer/tokenizer.json", "{ }");
    assert_ne!(before, model.hash().unwrap());
    fs_err::remove_file(folder.path().join("tokenizer/tokenizer.json")).unwrap();
    put(folder.path(), "tokenizer/vocab.json", "{}");
    let error = ModelFolder::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("missing: `tokenizer/merges.txt` (or `tokenizer/tokenizer.json`)"),
        "{error}"
    );
    assert!(!error.contains("vocab.json"), "{error}");
}

#[test]
fn every_tokenizer_file_counts_in_the_hash() {
    let folder = whole_folder();
    let hash = || ModelFolder::open(folder.path()).unwrap().hash().unwrap();
    let mut seen = vec![hash()];
    for name in [
        "vocab.json",
        "merges.txt",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ] {
        put(folder.path(), &format!("tokenizer/{name}"), "{\"a\":1}");
        let now = hash();
        assert!(!seen.contains(&now), "{name}");
        seen.push(now);
    }
    put(folder.path(), "tokenizer/README.md", "words");
    assert_eq!(seen.last(), Some(&hash()));
}

#[test]
fn everything_missing_is_listed_at_once() {
    let folder = whole_folder();
    for part in ["unet", "tokenizer", "scheduler"] {
        fs_err::remove_dir_all(folder.path().join(part)).unwrap();
    }
    let error = ModelFolder::open(folder.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadBase);
    for name in [
        "`unet/config.json`",
        "`unet/diffusion_pytorch_model.safetensors`",
        "`tokenizer/vocab.json`",
        "`tokenizer/merges.txt`",
        "`scheduler/scheduler_config.json`",
    ] {
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(!error.to_string().contains("vae"), "{error}");
}

#[test]
fn pickled_weights_are_named_with_a_way_out() {
    let folder = whole_folder();
    let unet = folder.path().join("unet");
    fs_err::rename(
        unet.join("diffusion_pytorch_model.safetensors"),
        unet.join("diffusion_pytorch_model.bin"),
    )
    .unwrap();
    let error = ModelFolder::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("`unet/diffusion_pytorch_model.bin` holds pickled weights"),
        "{error}"
    );
    assert!(error.contains("safe_serialization"), "{error}");
}

#[test]
fn files_folders_without_an_index_and_absent_ones_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let error = ModelFolder::open(folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("`model_index.json` is missing"),
        "{error}"
    );
    put(folder.path(), "sd.safetensors", "");
    let error = ModelFolder::open(folder.path().join("sd.safetensors")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadBase);
    let error = ModelFolder::open(folder.path().join("gone")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    put(folder.path(), "model_index.json", "{");
    let error = ModelFolder::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("not valid JSON"), "{error}");
}

/// [`whole_folder`], whose index names these parts too.
fn folder_with(more: &[&str]) -> TempDir {
    let folder = whole_folder();
    let class = serde_json::json!(["library", "Class"]);
    let mut index = serde_json::json!({
        "_class_name": "StableDiffusionPipeline",
        "image_encoder": [null, null],
        "requires_safety_checker": true,
    });
    for part in ["scheduler", "text_encoder", "tokenizer", "unet", "vae"] {
        index[part] = class.clone();
    }
    for part in more {
        index[*part] = class.clone();
    }
    put(folder.path(), "model_index.json", &index.to_string());
    folder
}

#[test]
fn files_that_only_other_programs_need_are_known_and_do_not_count() {
    let folder = folder_with(&["safety_checker", "feature_extractor", "extra"]);
    let root = folder.path();
    let expected = [
        "extra/config.json",
        "extra/weights.bin",
        "feature_extractor/preprocessor_config.json",
        "safety_checker/config.json",
        "safety_checker/model.safetensors",
    ];
    let others = ["safety_checker/pytorch_model.bin", "unnamed/config.json"];
    for name in expected.iter().chain(&others) {
        put(root, name, "{}");
    }
    let model = ModelFolder::open(root).unwrap();
    let expected = expected.map(|name| root.join(name));
    assert_eq!(model.unused_files(), expected);
    assert_eq!(model.mended_index(), None);
    let files = model.files().unwrap();
    assert!(!expected.iter().any(|path| files.contains(path)));
    assert_eq!(
        model.hash().unwrap(),
        ModelFolder::open(folder_with(&[]).path())
            .unwrap()
            .hash()
            .unwrap()
    );
}

#[test]
fn an_index_that_names_absent_parts_is_mended() {
    let folder = folder_with(&["safety_checker", "feature_extractor"]);
    put(
        folder.path(),
        "feature_extractor/preprocessor_config.json",
        "{}",
    );
    let model = ModelFolder::open(folder.path()).unwrap();
    let index = model.mended_index().unwrap();
    assert_eq!(index["safety_checker"], serde_json::json!([null, null]));
    assert_eq!(index["requires_safety_checker"], false);
    for part in ["feature_extractor", "unet", "_class_name"] {
        assert_eq!(index[part], model.index()[part]);
    }
}

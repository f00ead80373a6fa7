//! `atelier model bake`.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_adapters::{AdapterFile, AdapterLayer, Array};
use atelier_testkit::golden_folder;
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

use super::{adapter, assert_same, drawn};
use crate::workbench::{Workbench, copy_folder, files_below, tiny_base};

/// Copies a folder with its weights in f32, so that baking rounds nothing.
fn copy_in_f32(from: &str, to: &Path) {
    copy_folder(Path::new(from), to);
    for name in files_below(to) {
        if name.ends_with(".safetensors") {
            let file = TensorFile::open(to.join(&name)).unwrap();
            let tensors = file.names().map(|tensor| OutTensor {
                name: tensor.to_owned(),
                dtype: DType::F32,
                shape: file.info(tensor).unwrap().shape.clone(),
                data: file.read_f32(tensor).unwrap(),
            });
            let tensors: Vec<_> = tensors.collect();
            write_tensors(to.join(name), &tensors, &BTreeMap::new()).unwrap();
        }
    }
}

#[test]
fn a_baked_folder_draws_what_base_and_adapters_draw() {
    let bench = Workbench::new();
    for family in ["sd15", "sdxl"] {
        let base = format!("{family}-base");
        copy_in_f32(&super::base(family), &bench.path(&base));
        let one = format!("{}:0.8:0.5", adapter(&format!("{family}-text")));
        let other = format!("{}:0.6", adapter(&format!("{family}-convolution")));
        let words = ["model", "bake", &one, &other, "--base", &base];
        let document = bench.document(&[&words[..], &["--out", family]].concat());
        assert!(document["changed_tensors"].as_u64().unwrap() > 10);
        let files = files_below(&bench.path(family));
        assert_eq!(files, files_below(&bench.path(&base)));
        let expected = drawn(&bench, &base, &[&one, &other]);
        assert_ne!(expected, drawn(&bench, &base, &[]));
        assert_same(&expected, &drawn(&bench, family, &[]));
    }
    let all = files_below(&bench.path(""));
    assert!(!all.iter().any(|name| name.contains("partial")));
}

/// Writes an adapter for the first cross-attention of a single-file base.
fn write_adapter(base: &Path, out: &Path) {
    let file = TensorFile::open(base).unwrap();
    let name = file
        .names()
        .find(|name| name.ends_with("attn2.to_k.weight"));
    let name = name.unwrap();
    let shape = file.info(name).unwrap().shape.clone();
    let down = Array::new([1, shape[1]], vec![0.5; shape[1]]);
    let up = Array::new([shape[0], 1], vec![0.25; shape[0]]);
    let layer = name
        .trim_start_matches("model.")
        .trim_end_matches(".weight");
    let layers = [AdapterLayer::low_rank(layer, 1.0, down, up)];
    AdapterFile::write(out, &layers, DType::F32, &BTreeMap::new()).unwrap();
}

#[test]
fn a_baked_file_takes_its_companions_along_under_its_new_name() {
    let bench = Workbench::new();
    for ending in ["safetensors", "vae.safetensors"] {
        let source = golden_folder().join(format!("checkpoints/tiny-sd2.{ending}"));
        std::fs::copy(source, bench.path(&format!("v2.{ending}"))).unwrap();
    }
    std::fs::write(bench.path("v2.yaml"), "parameterization: \"v\"\n").unwrap();
    write_adapter(&bench.path("v2.safetensors"), &bench.path("a.safetensors"));
    let words = ["model", "bake", "a.safetensors", "--base", "v2.safetensors"];
    let words = [&words[..], &["--out", "out/new.safetensors"]].concat();
    assert_eq!(bench.document(&words)["changed_tensors"], 1);
    let companions = ["new.vae.safetensors", "new.yaml"];
    let files = files_below(&bench.path("out"));
    assert_eq!(files, [&["new.safetensors"], &companions[..]].concat());
    let expected = drawn(&bench, "v2.safetensors", &["a.safetensors"]);
    assert_same(&expected, &drawn(&bench, "out/new.safetensors", &[]));
    bench
        .run(&words)
        .refused(&["new.safetensors` exists already"]);
    std::fs::remove_file(bench.path("out/new.safetensors")).unwrap();
    bench
        .run(&words)
        .refused(&["new.vae.safetensors` exists already"]);
    assert_eq!(files_below(&bench.path("out")), companions);
}

#[test]
fn a_baked_file_has_the_name_that_was_given_whatever_the_base_is_called() {
    let bench = Workbench::new();
    let source = golden_folder().join("checkpoints/tiny-sd1.safetensors");
    write_adapter(&source, &bench.path("a.safetensors"));
    for (base, out) in [("one.sft", "one"), ("model-v1.5", "two")] {
        std::fs::copy(&source, bench.path(base)).unwrap();
        let file = format!("{out}/new.safetensors");
        let words = ["model", "bake", "a.safetensors", "--base", base];
        bench.succeed(&[&words[..], &["--out", &file]].concat());
        assert_eq!(files_below(&bench.path(out)), ["new.safetensors"]);
        let changed = bench.document(&["base", "show", &file]);
        assert_eq!(changed["problem"], serde_json::Value::Null);
    }
}

#[test]
fn what_would_become_part_of_a_baked_file_by_its_name_is_in_the_way() {
    let bench = Workbench::new();
    let source = golden_folder().join("checkpoints/tiny-sd1.safetensors");
    std::fs::copy(&source, bench.path("v1.safetensors")).unwrap();
    write_adapter(&source, &bench.path("a.safetensors"));
    for name in ["out/b.json", "out/b.yaml", "out/b.vae.safetensors"] {
        std::fs::create_dir_all(bench.path("out")).unwrap();
        std::fs::write(bench.path(name), "older").unwrap();
        let words = ["model", "bake", "a.safetensors", "--base", "v1.safetensors"];
        let ended = bench.run(&[&words[..], &["--out", "out/b.safetensors"]].concat());
        ended.refused(&[name, "would belong to the new base"]);
        assert_eq!(std::fs::read(bench.path(name)).unwrap(), b"older");
        assert_eq!(files_below(&bench.path("out")).len(), 1);
        std::fs::remove_file(bench.path(name)).unwrap();
    }
}

#[test]
fn a_baked_folder_keeps_what_other_programs_need_and_names_no_absent_part() {
    let bench = Workbench::new();
    copy_folder(Path::new(&tiny_base()), &bench.path("own"));
    let index = bench.path("own/model_index.json");
    let json = |path: &Path| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let mut named = json(&index);
    for part in ["safety_checker", "feature_extractor"] {
        named[part] = serde_json::json!(["library", "Class"]);
    }
    named["requires_safety_checker"] = true.into();
    std::fs::write(&index, named.to_string()).unwrap();
    let bake = |out: &str| {
        let one = adapter("sd15-attention");
        bench.succeed(&["model", "bake", &one, "--base", "own", "--out", out]);
        let files = files_below(&bench.path(out));
        assert_eq!(files, files_below(&bench.path("own")));
        json(&bench.path(out).join("model_index.json"))
    };
    let without = bake("without");
    for part in ["safety_checker", "feature_extractor"] {
        assert_eq!(without[part], serde_json::json!([null, null]));
    }
    assert_eq!(without["requires_safety_checker"], false);
    assert_eq!(without["unet"], named["unet"]);
    for name in [
        "safety_checker/config.json",
        "safety_checker/model.safetensors",
        "feature_extractor/preprocessor_config.json",
    ] {
        let path = bench.path("own").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    assert_eq!(bake("with"), named);
}

#[test]
fn what_cannot_be_baked_is_refused_and_leaves_nothing() {
    let bench = Workbench::new();
    let (one, base) = (adapter("sd15-attention"), tiny_base());
    std::fs::create_dir(bench.path("there")).unwrap();
    let zero = format!("{one}:0");
    for (adapter, base, out, words) in [
        (one.as_str(), base.as_str(), "there", "exists already"),
        (&zero, &base, "new", "every adapter is at strength 0"),
        (&adapter("sdxl-attention"), &base, "new", "do not match"),
        (&one, "none", "new", "no base `none`"),
        ("none.safetensors", &base, "new", "does not exist"),
    ] {
        let line = ["model", "bake", adapter, "--base", base, "--out", out];
        bench.run(&line).refused(&[words]);
    }
    assert_eq!(files_below(&bench.path("")), [""; 0]);
}

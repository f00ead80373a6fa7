//! `atelier model inspect`.

use std::collections::BTreeMap;

use atelier_testkit::golden_folder;
use atelier_weights::{DType, OutTensor, write_tensors};

use super::adapter;
use crate::workbench::{Workbench, tiny_base};

#[test]
fn everything_about_an_adapter_is_in_lines_and_in_the_document() {
    let bench = Workbench::new();
    let (file, base) = (adapter("sd15-text"), tiny_base());
    let words = ["model", "inspect", &file, "--base", &base];
    let document = bench.document(&words);
    let about = &document["adapter"];
    assert_eq!(
        (&about["format"], &about["dtype"]),
        (&"peft".into(), &"f16".into())
    );
    assert_eq!(
        about["ranks"]["2"],
        about["layers"].as_array().unwrap().len()
    );
    assert_eq!(document["misfit"], serde_json::Value::Null);
    assert_eq!(document["sha256"].as_str().unwrap().len(), 64);
    let diffusers = document["readers"].as_array().unwrap().iter();
    let diffusers = diffusers
        .clone()
        .find(|reader| reader["reader"] == "diffusers");
    assert_eq!(diffusers.unwrap()["passes"], true);
    let ended = bench.succeed(&[&words[..], &["--layers"]].concat());
    for line in [
        "ranks                2 (",
        "alphas               3 (",
        "parts                text_encoder (",
        "on the base          fits",
        "diffusers            reads all",
        "rank 2, alpha 3, ",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
}

#[test]
fn an_adapter_of_another_family_is_shown_with_what_does_not_fit() {
    let bench = Workbench::new();
    let (file, base) = (adapter("sdxl-attention"), tiny_base());
    let document = bench.document(&["model", "inspect", &file, "--base", &base]);
    let misfit = document["misfit"].as_str().unwrap();
    assert!(
        misfit.contains("do not match") || misfit.contains("no place"),
        "{misfit}"
    );
    let own = bench.succeed(&["model", "inspect", &file, "--base", &super::base("sdxl")]);
    assert!(own.stdout.contains("fits"), "{}", own.stdout);
    // Widths of the tiny model are those of no published one.
    let unknown = adapter("sd15-attention");
    let alone = bench.document(&["model", "inspect", &unknown]);
    assert_eq!(alone["readers"].as_array().unwrap().len(), 0);
    let ended = bench.succeed(&["model", "inspect", &unknown]);
    assert!(
        ended.stdout.contains("try it with `--base`"),
        "{}",
        ended.stdout
    );
}

#[test]
fn layers_are_found_in_the_base_that_is_named() {
    let bench = Workbench::new();
    let file = adapter("sdxl-transformer");
    let words = ["model", "inspect", &file, "--base", &super::base("sdxl")];
    let document = bench.document(&words);
    let parts = &document["adapter"]["parts"];
    assert!(parts["unet"].is_number() && parts["unknown"].is_null());
}

#[test]
fn folders_kinds_and_unused_tensors_are_told() {
    let bench = Workbench::new();
    let kinds = golden_folder().join("adapter_kinds");
    let folder = kinds.join("peft_dora").to_string_lossy().into_owned();
    let ended = bench.succeed(&["model", "inspect", &folder]);
    assert!(
        ended.stdout.contains("kinds                DoRA ("),
        "{}",
        ended.stdout
    );
    let file = kinds
        .join("lycoris.safetensors")
        .to_string_lossy()
        .into_owned();
    let ended = bench.succeed(&["model", "inspect", &file]);
    for word in ["LoHa (", "LoKr (", "difference of a bias (1)"] {
        assert!(ended.stdout.contains(word), "{word}: {}", ended.stdout);
    }
    let file = bench.path("stray.safetensors");
    let tensor = |end: &str, shape: [usize; 2]| OutTensor {
        name: format!("lora_unet_conv_in.{end}"),
        dtype: DType::F16,
        shape: shape.to_vec(),
        data: vec![0.5; shape.iter().product()],
    };
    let tensors = [
        tensor("lora_down.weight", [1, 36]),
        tensor("lora_up.weight", [320, 1]),
        tensor("oft_blocks", [2, 2]),
    ];
    write_tensors(&file, &tensors, &BTreeMap::new()).unwrap();
    let ended = bench.succeed(&["model", "inspect", &file.to_string_lossy()]);
    let line = "of no layer          1 tensors: lora_unet_conv_in.oft_blocks";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
}

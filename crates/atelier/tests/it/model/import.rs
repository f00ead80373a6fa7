//! `atelier model import`: what files from elsewhere say, and what they do not.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_adapters::{AdapterFile, AdapterLayer, Array};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

use super::adapter;
use crate::workbench::{Workbench, tiny_base};

/// Writes an adapter for the tiny base with this trigger phrase, and a layer that it has no place for.
fn write_adapter(out: &Path, phrase: &str) {
    let mut layers = AdapterFile::read(adapter("sd15-attention")).unwrap().layers;
    let [down, up] = [[1, 2], [2, 1]].map(|shape| Array::new(shape, vec![0.5; 2]));
    layers.push(AdapterLayer::low_rank("lora_unet_nowhere", 1.0, down, up));
    let metadata = BTreeMap::from([("modelspec.trigger_phrase".to_owned(), phrase.to_owned())]);
    AdapterFile::write(out, &layers, DType::F32, &metadata).unwrap();
}

#[test]
fn a_phrase_that_no_model_can_have_is_left_out_and_what_is_not_used_named() {
    let bench = Workbench::new();
    let base = tiny_base();
    write_adapter(&bench.path("a.safetensors"), "one\ntwo");
    let import = ["model", "import", "a.safetensors", "--base", &base];
    let taken = bench.document(&import);
    assert_eq!(taken["model"]["trigger_word"], "");
    let notes = taken["notes"].as_array().unwrap();
    let notes: Vec<_> = notes.iter().map(|note| note.as_str().unwrap()).collect();
    let [unused, phrase] = notes[..] else {
        panic!("{notes:?}");
    };
    assert!(unused.contains("1 of") && unused.contains("`lora_unet_nowhere`"));
    assert!(phrase.contains("trigger word is not taken: it has control characters"));
    // A word that is given is used, and must be one.
    let named = [&import[..], &["--name", "b", "--trigger", "Ink"]].concat();
    let named = bench.document(&named);
    assert_eq!(named["model"]["trigger_word"], "Ink");
    assert_eq!(named["notes"].as_array().unwrap().len(), 1);
    let long = "x".repeat(101);
    bench
        .run(&[&import[..], &["--name", "c", "--trigger", &long]].concat())
        .refused(&["more than 100 characters"]);
}

/// Writes the tensors of an adapter as PEFT does, which says their scales elsewhere.
fn write_without_scales(out: &Path) {
    let file = TensorFile::open(adapter("sd15-attention")).unwrap();
    let tensors = file.names().map(|name| OutTensor {
        name: name.to_owned(),
        dtype: DType::F32,
        shape: file.info(name).unwrap().shape.clone(),
        data: file.read_f32(name).unwrap(),
    });
    let tensors: Vec<_> = tensors.collect();
    write_tensors(out, &tensors, &BTreeMap::new()).unwrap();
}

#[test]
fn weights_whose_scales_lie_beside_them_are_taken_as_one_file_only() {
    let bench = Workbench::new();
    let (base, folder) = (tiny_base(), bench.path("peft"));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("adapter_model.safetensors");
    write_without_scales(&file);
    let settings = folder.join("adapter_config.json");
    std::fs::write(&settings, r#"{"r": 2, "lora_alpha": 77}"#).unwrap();
    let import = |what: &str| bench.run(&["model", "import", what, "--base", &base]);
    for what in ["peft", "peft/adapter_model.safetensors"] {
        let convert = format!("atelier model convert {what} --to kohya --out FILE");
        import(what).refused(&[&convert]);
    }
    let words = ["model", "convert", "peft", "--to", "kohya"];
    let out = ["--base", &base, "--out", "one.safetensors"];
    bench.succeed(&[&words[..], &out].concat());
    let one = AdapterFile::read(bench.path("one.safetensors")).unwrap();
    assert!(
        one.layers
            .iter()
            .all(|layer| (layer.alpha - 77.0).abs() < 1e-3)
    );
    assert_eq!(import("one.safetensors").status, 0);
    // Without settings it is a file like any other.
    std::fs::remove_file(settings).unwrap();
    assert_eq!(import("peft/adapter_model.safetensors").status, 0);
}

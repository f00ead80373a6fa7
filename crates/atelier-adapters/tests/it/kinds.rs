//! Every kind of adapter against the libraries that made it: `golden/adapter_kinds/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use atelier_adapters::operate::apply_to_weight;
use atelier_adapters::{AdapterFile, AdapterFormat, AdapterLayer};
use atelier_weights::{DType, TensorFile};

/// Largest difference over the largest value. Sums of a few f32 products differ in their last digits only.
const TOLERANCE: f64 = 1e-5;

/// `peft_KIND` are folders that PEFT saved.
const PEFT_KINDS: [&str; 7] = [
    "lora",
    "rslora",
    "dora",
    "loha",
    "lokr",
    "lokr_both",
    "lokr_whole",
];

fn folder() -> PathBuf {
    atelier_testkit::golden_folder().join("adapter_kinds")
}

#[track_caller]
fn assert_close(actual: &[f32], expected: &[f32], case: &str) {
    atelier_testkit::assert_case_close(case, actual, expected, TOLERANCE);
}

fn changed(layer: AdapterLayer, weight: &[f32], strength: f32) -> Vec<f32> {
    let mut weight = weight.to_vec();
    apply_to_weight(&layer.into_change(), &mut weight, strength);
    weight
}

#[test]
fn layers_of_lycoris_change_weights_as_it_computes_them() {
    let lycoris = TensorFile::open(folder().join("lycoris.safetensors")).unwrap();
    let file = AdapterFile::from_tensors(&lycoris).unwrap();
    assert_eq!(file.unknown, [""; 0]);
    let expected = TensorFile::open(folder().join("expected.safetensors")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&expected.metadata()["config"]).unwrap();
    let cases = config["cases"].as_object().unwrap();
    // A whole difference comes with one of the bias.
    let (biases, weights): (Vec<_>, Vec<_>) =
        file.layers.into_iter().partition(AdapterLayer::is_of_bias);
    let names: Vec<_> = biases.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["lora_unet_full_linear"]);
    let bias = expected.read_f32("linear.bias").unwrap();
    let stored = lycoris.read_f32("lora_unet_full_linear.diff_b").unwrap();
    let added: Vec<_> = bias.iter().zip(&stored).map(|(a, b)| a + 0.5 * b).collect();
    assert_eq!(changed(biases[0].clone(), &bias, 0.5), added);
    assert_eq!(cases.len(), weights.len());
    for layer in weights {
        let case = layer.name.trim_start_matches("lora_unet_").to_owned();
        let sort = cases[&case].as_str().unwrap();
        let weight = expected.read_f32(&format!("{sort}.weight")).unwrap();
        let read = |name: &str| expected.read_f32(&format!("{case}.{name}")).unwrap();
        let at = |strength| changed(layer.clone(), &weight, strength);
        assert_close(&at(1.0), &read("changed"), &case);
        assert_close(&at(0.5), &read("changed_0.5"), &case);
        assert_close(&at(1.1), &read("changed_1.1"), &case);
        assert_eq!(at(0.0), weight, "{case}");
    }
}

#[test]
fn folders_of_peft_change_weights_as_it_computes_them() {
    let expected = TensorFile::open(folder().join("expected.safetensors")).unwrap();
    for kind in PEFT_KINDS {
        let file = AdapterFile::read(folder().join(format!("peft_{kind}"))).unwrap();
        assert!(file.unknown.is_empty(), "{:?}", file.unknown);
        assert_eq!(file.layers.len(), 3);
        for layer in file.layers {
            let sort = layer
                .name
                .trim_start_matches("base_model.model.")
                .to_owned();
            let weight = expected.read_f32(&format!("{sort}.weight")).unwrap();
            let case = format!("peft_{kind}.{sort}");
            let after = expected.read_f32(&format!("{case}.changed")).unwrap();
            assert_close(&changed(layer.clone(), &weight, 1.0), &after, &case);
            // PEFT scales the factors of DoRA before it takes the lengths.
            for strength in [0.5, 1.1].into_iter().filter(|_| kind == "dora") {
                let after = expected
                    .read_f32(&format!("{case}.changed_{strength}"))
                    .unwrap();
                assert_close(&changed(layer.clone(), &weight, strength), &after, &case);
            }
        }
    }
}

#[test]
fn every_kind_survives_writing_and_reading() {
    let folder_out = tempfile::tempdir().unwrap();
    let file = AdapterFile::read(folder().join("lycoris.safetensors")).unwrap();
    let path = folder_out.path().join("a.safetensors");
    for dtype in [DType::F32, DType::F16] {
        AdapterFile::write(&path, &file.layers, dtype, &file.metadata).unwrap();
        let again = AdapterFile::read(&path).unwrap();
        assert_eq!(again.layers.len(), file.layers.len());
        for (ours, theirs) in again.layers.iter().zip(&file.layers) {
            // The difference of two weights needs more digits than f16 has; all other factors were made to fit.
            if !ours.name.ends_with("full_linear") || dtype == DType::F32 {
                assert_eq!(ours, theirs);
            }
        }
    }
}

#[test]
fn folders_of_peft_keep_their_scale_in_one_file() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("a.safetensors");
    for kind in PEFT_KINDS {
        let mut file = AdapterFile::read(folder().join(format!("peft_{kind}"))).unwrap();
        let write = |layers: &_| AdapterFile::write(&path, layers, DType::F32, &BTreeMap::new());
        if kind == "dora" {
            let error = write(&file.layers).unwrap_err().to_string();
            assert!(
                error.contains("mean something else in a kohya file"),
                "{error}"
            );
            for layer in &mut file.layers {
                layer.magnitude_rule = AdapterFormat::Kohya.magnitude_rule();
            }
        }
        write(&file.layers).unwrap();
        let again = AdapterFile::read(&path).unwrap();
        for (ours, theirs) in again.layers.into_iter().zip(file.layers) {
            let (rows, columns) = theirs.weight_size();
            let weight: Vec<_> = (0..rows * columns).map(|i| (i as f32).sin()).collect();
            let [ours, theirs] = [ours, theirs].map(|layer| changed(layer, &weight, 1.0));
            assert_eq!(ours, theirs, "{kind}");
            assert_ne!(ours, weight, "{kind}");
        }
    }
}

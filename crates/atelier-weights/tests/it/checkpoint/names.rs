//! Full-size checkpoints: every name and shape of the published models, in files without numbers, against diffusers' own
//! conversion (`golden/checkpoint_names.py`).

use std::path::PathBuf;

use atelier_testkit::golden_folder;
use atelier_weights::{ModelFiles, sha256_hex};
use serde_json::Value;
use tempfile::TempDir;

use super::json_of;

/// Names and shapes, out of lines that say how many letters they share with the line before.
fn names(lines: &Value) -> Vec<(String, Vec<usize>)> {
    let mut before = String::new();
    let lines = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap());
    let decoded = lines.map(|line| {
        let mut words = line.split(' ');
        before.truncate(words.next().unwrap().parse().unwrap());
        before += words.next().unwrap();
        let shape = match words.next().unwrap() {
            "-" => Vec::new(),
            shape => shape.split('x').map(|axis| axis.parse().unwrap()).collect(),
        };
        (before.clone(), shape)
    });
    decoded.collect()
}

/// A checkpoint with a real header and a hole where the numbers would be.
fn hollow(folder: &TempDir, names: &[(String, Vec<usize>)]) -> PathBuf {
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for (name, shape) in names {
        let begin = end;
        end += 2 * shape.iter().product::<usize>() as u64;
        let entry =
            serde_json::json!({"dtype": "F16", "shape": shape, "data_offsets": [begin, end]});
        header.insert(name.clone(), entry);
    }
    let header = Value::from(header).to_string();
    let bytes = crate::file_bytes(&header, &[]);
    let path = crate::written(folder, "model.safetensors", &bytes);
    let file = fs_err::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(bytes.len() as u64 + end).unwrap();
    path
}

/// Every tensor of every part comes from the tensor that diffusers takes it from, with the same shape.
fn assert_mapped_as_diffusers(kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let expected = &json_of(&golden_folder().join("checkpoint_names.json"))[kind];
    let model = ModelFiles::open(hollow(&folder, &names(&expected["names"]))).unwrap();
    let parts = expected["parts"].as_object().unwrap();
    assert_eq!(model.weighted_parts(), parts.keys().collect::<Vec<_>>());
    for (part, expected) in parts {
        let tensors = model.tensors(part).unwrap();
        let lines = tensors.names().map(|name| {
            let shape = &tensors.info(name).unwrap().shape;
            let shape: Vec<_> = shape.iter().map(usize::to_string).collect();
            let (_, stored) = tensors.stored(name).unwrap();
            format!("{name} {} {stored}\n", shape.join("x"))
        });
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        assert_eq!(lines.len() as u64, expected["count"], "{kind} {part}");
        let digest = sha256_hex(lines.concat().as_bytes());
        assert_eq!(digest, expected["sha256"], "{kind} {part}");
        atelier_testkit::parity::exact("names and shapes", lines.len());
    }
    let report = model.report().unwrap();
    assert_eq!(report.problem(), None);
    assert!(report.unexpected.is_empty());
    assert!(
        report
            .parts
            .iter()
            .all(|part| part.is_known && part.unexpected.is_empty())
    );
    let schedule = &json_of(&golden_folder().join("checkpoint_names.json"))["scheduler"];
    let scheduler = model.config("scheduler").unwrap();
    for (key, value) in schedule.as_object().unwrap() {
        // What is predicted follows from evidence; two entries are those of one scheduler alone.
        let is_own = ["prediction_type", "interpolation_type", "sample_max_value"];
        if kind == "sdxl" || !is_own.contains(&key.as_str()) {
            assert_eq!(&scheduler[key], value, "{kind} scheduler `{key}`");
        }
    }
    for (part, config) in expected["config"].as_object().unwrap() {
        let inferred = model.config(part).unwrap();
        for (key, value) in config.as_object().unwrap() {
            let got = inferred.get(key).unwrap_or(&Value::Null);
            assert_eq!(got, value, "{kind} {part} `{key}`");
        }
    }
}

#[test]
fn every_name_of_stable_diffusion_1_is_mapped_as_diffusers_does() {
    assert_mapped_as_diffusers("sd1");
}

#[test]
fn every_name_of_stable_diffusion_2_is_mapped_as_diffusers_does() {
    assert_mapped_as_diffusers("sd2");
}

#[test]
fn every_name_of_sdxl_is_mapped_as_diffusers_does() {
    assert_mapped_as_diffusers("sdxl");
}

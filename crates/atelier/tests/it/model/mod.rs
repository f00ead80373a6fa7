//! `atelier model`: adapters that peft made, on the tiny models.

mod bake;
mod convert;
mod import;
mod inspect;
mod library_names;
mod merge;
#[cfg(target_os = "linux")]
mod names;

use atelier_testkit::{golden_folder, tiny_sd15, tiny_sdxl};

use crate::workbench::Workbench;

/// An adapter that peft made for a tiny model.
fn adapter(name: &str) -> String {
    let file = format!("adapter_pictures/{name}.safetensors");
    golden_folder().join(file).to_string_lossy().into_owned()
}

/// The tiny model of a family.
fn base(family: &str) -> String {
    let folder = if family == "sdxl" {
        tiny_sdxl()
    } else {
        tiny_sd15()
    };
    folder.to_string_lossy().into_owned()
}

/// The pixels that a base draws with adapters.
#[track_caller]
fn drawn(bench: &Workbench, base: &str, adapters: &[&str]) -> Vec<u8> {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_string_lossy().into_owned();
    let words = ["generate", "--base", base, "--prompt", "a red cat"];
    let size = ["--width", "32", "--height", "32"];
    let settings = ["--steps", "3", "--seed", "5", "--out", &folder];
    let flags = adapters
        .iter()
        .flat_map(|adapter| ["--adapter", *adapter])
        .collect::<Vec<_>>();
    let document = bench.document(&[&words[..], &size, &settings, &flags].concat());
    let path = document["files"][0]["path"].as_str().unwrap();
    image::open(path).unwrap().to_rgb8().into_raw()
}

/// Pictures whose sums were formed in another order may differ in the last of 256 levels.
#[track_caller]
fn assert_same(one: &[u8], other: &[u8]) {
    assert_eq!(one.len(), other.len());
    let differences = one.iter().zip(other).map(|(a, b)| a.abs_diff(*b));
    let largest = differences.max().unwrap();
    assert!(largest <= 1, "the pictures differ by {largest} levels");
}

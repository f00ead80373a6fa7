//! What these tests draw with and look at.

use std::path::Path;

use atelier_adapters::{AdapterFile, AdapterLayer, Array};
use atelier_data::{RgbPicture, png};
use atelier_testkit::tiny_sdxl;
use atelier_weights::DType;
use image::RgbImage;
use serde_json::Value;

use crate::workbench::{Ended, Workbench};

/// Width of the layers that the adapters here sit on.
const WIDTH: usize = 16;
const LAYERS: [&str; 2] = [
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
];

pub(super) fn pixels(bench: &Workbench, name: &str) -> Vec<u8> {
    image::open(bench.path(name)).unwrap().to_rgb8().into_raw()
}

/// Writes an adapter for a layer of the denoiser and one of the text encoder of the tiny model.
pub(super) fn write_adapter(path: &Path, value: f32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let numbers = |sign: f32| (0..WIDTH).map(move |i| value * (sign * i as f32).cos());
    let layers = LAYERS.map(|name| {
        let down = Array::new([1, WIDTH], numbers(1.0).collect());
        let up = Array::new([WIDTH, 1], numbers(2.0).collect());
        AdapterLayer::low_rank(name, 1.0, down, up)
    });
    AdapterFile::write(
        path,
        &layers,
        DType::F32,
        &std::collections::BTreeMap::new(),
    )
    .unwrap();
}

/// Writes a slope of colours.
pub(super) fn write_picture(path: &Path, width: u32, height: u32) {
    let slope = |x: u32, y: u32| image::Rgb([(x * 7) as u8, (y * 5) as u8, 90]);
    RgbImage::from_fn(width, height, slope).save(path).unwrap();
}

/// Writes a mask that is black on the left half and white on the right one.
pub(super) fn write_mask(path: &Path, width: u32, height: u32) {
    let half = |x: u32, _| image::Rgb([if x < width / 2 { 0 } else { 255 }; 3]);
    RgbImage::from_fn(width, height, half).save(path).unwrap();
}

/// Draws two steps on the tiny SDXL model.
pub(super) fn generate_sdxl(bench: &Workbench, more: &[&str]) -> Ended {
    let base = tiny_sdxl().to_string_lossy().into_owned();
    let words = ["generate", "--base", &base, "--prompt", "a slope"];
    let settings = ["--steps", "2", "--seed", "7", "--out", "drawn"];
    bench.run(&[&words, &settings[..], more].concat())
}

/// The recipe inside a picture.
pub(super) fn recipe(bench: &Workbench, name: &str) -> Value {
    let texts = atelier_data::png::read_text(bench.path(name)).unwrap();
    let (_, own) = texts.iter().find(|(key, _)| key == "atelier").unwrap();
    serde_json::from_str(own).unwrap()
}

/// The text for other programs inside a picture.
pub(super) fn parameters(bench: &Workbench, name: &str) -> String {
    let texts = atelier_data::png::read_text(bench.path(name)).unwrap();
    texts
        .into_iter()
        .find(|(key, _)| key == "parameters")
        .unwrap()
        .1
}

/// Writes a picture with these texts, in place of what is there.
pub(super) fn write_with_texts(path: &Path, texts: &[(&str, &str)]) {
    png::replace(path, &RgbPicture::filled(16, 16, [1, 2, 3]), texts).unwrap();
}

/// The document of a command that succeeded with `--json`.
#[track_caller]
pub(super) fn document(ended: &Ended) -> Value {
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// The paths of a document.
pub(super) fn paths(document: &Value) -> Vec<String> {
    let files = document["files"].as_array().unwrap();
    let path = |file: &Value| file["path"].as_str().unwrap().to_owned();
    files.iter().map(path).collect()
}

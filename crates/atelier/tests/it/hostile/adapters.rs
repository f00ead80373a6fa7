//! Adapter files that cannot be used, or not with this base.

use std::path::Path;

use atelier_adapters::{AdapterFile, AdapterLayer, Array};
use atelier_weights::DType;

use crate::workbench::{Workbench, files_below};

/// A small adapter of one layer with this name and input width.
fn write_adapter(path: &Path, name: &str, width: usize) {
    let layer = AdapterLayer::low_rank(
        name,
        1.0,
        Array::new([1, width], vec![0.1; width]),
        Array::new([width, 1], vec![0.1; width]),
    );
    AdapterFile::write(
        path,
        &[layer],
        DType::F32,
        &std::collections::BTreeMap::new(),
    )
    .unwrap();
}

#[track_caller]
fn draw_with(bench: &Workbench, file: &str, words: &[&str]) {
    bench.generate(&["--adapter", file]).refused(words);
    assert_eq!(files_below(&bench.path("drawn")), [""; 0]);
}

#[test]
fn a_truncated_file_is_refused() {
    let bench = Workbench::new();
    write_adapter(&bench.path("whole.safetensors"), "lora_unet_x", 8);
    let whole = std::fs::read(bench.path("whole.safetensors")).unwrap();
    std::fs::write(bench.path("cut.safetensors"), &whole[..whole.len() - 8]).unwrap();
    draw_with(
        &bench,
        "cut.safetensors:0.5",
        &["`cut.safetensors`", "hint: fetch the file again"],
    );
    std::fs::write(bench.path("cut.safetensors"), &whole[..5]).unwrap();
    draw_with(&bench, "cut.safetensors", &["truncated"]);
}

#[test]
fn a_header_that_lies_is_refused() {
    let bench = Workbench::new();
    let json = br#"{"a":{"dtype":"F32","shape":[1000000000,1000],"data_offsets":[0,16]}}"#;
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend(json);
    file.extend([0; 16]);
    std::fs::write(bench.path("liar.safetensors"), &file).unwrap();
    draw_with(&bench, "liar.safetensors", &["`liar.safetensors`", "`a`"]);
    file[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(bench.path("liar.safetensors"), &file).unwrap();
    draw_with(&bench, "liar.safetensors", &["`liar.safetensors`"]);
}

#[test]
fn files_of_other_formats_are_refused_by_what_they_are() {
    let bench = Workbench::new();
    std::fs::write(bench.path("a.safetensors"), b"PK\x03\x04 zipped pickle").unwrap();
    draw_with(&bench, "a.safetensors", &["pickled PyTorch file"]);
    std::fs::write(bench.path("b.safetensors"), b"<!DOCTYPE html><p>sign in").unwrap();
    draw_with(&bench, "b.safetensors", &["web page"]);
    draw_with(
        &bench,
        "none.safetensors",
        &["`none.safetensors` does not exist"],
    );
}

#[test]
fn an_adapter_of_another_family_or_width_is_refused() {
    let bench = Workbench::new();
    let layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
    write_adapter(&bench.path("wide.safetensors"), layer, 999);
    draw_with(
        &bench,
        "wide.safetensors",
        &[
            "`wide.safetensors` does not fit the base",
            "999",
            "hint: use the adapter with the base",
        ],
    );
    write_adapter(
        &bench.path("other.safetensors"),
        "lora_unet_joint_blocks_3_qkv",
        8,
    );
    draw_with(&bench, "other.safetensors", &["no such layer"]);
}

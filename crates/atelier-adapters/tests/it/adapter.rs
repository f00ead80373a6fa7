//! Adapter files: every layout read, kohya's written with its hashes, what cannot be used refused by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atelier_adapters::{AdapterFile, AdapterLayer, Array, Content, KohyaMetadata, kohya_name};
use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

/// What `kohya_tiny.py` prints of [`tiny`].
const TINY_HASHES: [&str; 2] = [
    "bed641ab7c12e1d689a88da43ca1b046c677ac6f411162a648d3949af651e30f",
    "e3b0c442",
];
const LARGE_HASHES: [&str; 2] = [
    "d25c8f278c8e45075bfc147069cd0a536685f5ef9474aa6070f0c15ea19e0833",
    "36d37b40",
];

/// The numbers of `ramp` in `kohya_tiny.py`.
fn ramp(shape: &[usize]) -> Vec<f32> {
    (0..shape.iter().product::<usize>())
        .map(|i| ((i * 37 % 251) as f32 - 125.0) / 64.0)
        .collect()
}

fn layer(name: &str, down_shape: &[usize], up_shape: &[usize], alpha: f32) -> AdapterLayer {
    let array = |shape: &[usize]| Array::new(shape, ramp(shape));
    AdapterLayer::low_rank(name, alpha, array(down_shape), array(up_shape))
}

fn tiny_layers() -> Vec<AdapterLayer> {
    vec![
        layer(
            "lora_te_text_model_encoder_layers_0_mlp_fc1",
            &[2, 4],
            &[5, 2],
            2.0,
        ),
        layer(
            "lora_unet_mid_block_attentions_0_proj_in",
            &[2, 3, 1, 1],
            &[3, 2, 1, 1],
            1.0,
        ),
    ]
}

fn tiny_metadata() -> BTreeMap<String, String> {
    [
        ("ss_network_dim", "2"),
        ("ss_network_module", "networks.lora"),
        ("ss_output_name", "tiny \"näme\"\n"),
        ("modelspec.title", "tiny"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// A file that `kohya_tiny.py` made.
fn tiny() -> PathBuf {
    atelier_testkit::checkout()
        .join("crates/atelier-adapters/tests/fixtures/kohya_tiny.safetensors")
}

fn hashes(adapter: &AdapterFile) -> [&str; 2] {
    ["sshs_model_hash", "sshs_legacy_hash"].map(|key| adapter.metadata[key].as_str())
}

#[test]
fn a_file_written_by_python_reads() {
    let adapter = AdapterFile::read(tiny()).unwrap();
    assert_eq!(adapter.layers, tiny_layers());
    assert_eq!(hashes(&adapter), TINY_HASHES);
}

#[test]
fn the_same_adapter_gets_the_same_hashes_and_the_same_data_as_from_python() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.safetensors");
    AdapterFile::write(&path, &tiny_layers(), DType::F16, &tiny_metadata()).unwrap();
    let adapter = AdapterFile::read(&path).unwrap();
    assert_eq!(adapter.layers, tiny_layers());
    assert_eq!(hashes(&adapter), TINY_HASHES);
    let (ours, theirs) = (fs_err::read(&path).unwrap(), fs_err::read(tiny()).unwrap());
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(ours[..8], theirs[..8]);
    assert_eq!(ours[ours.len() - 64..], theirs[theirs.len() - 64..]);
}

#[test]
fn the_legacy_hash_covers_its_window_of_a_large_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.safetensors");
    let layers = [layer("lora_unet_a", &[512, 1024], &[600, 512], 512.0)];
    AdapterFile::write(&path, &layers, DType::F16, &tiny_metadata()).unwrap();
    assert_eq!(hashes(&AdapterFile::read(&path).unwrap()), LARGE_HASHES);
}

#[test]
fn every_format_round_trips_with_full_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = KohyaMetadata {
        rank: 2,
        trigger: "BlobCharV1".to_owned(),
        ..KohyaMetadata::default()
    }
    .to_map();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let path = folder.path().join(dtype.name());
        AdapterFile::write(&path, &tiny_layers(), dtype, &metadata).unwrap();
        let adapter = AdapterFile::read(&path).unwrap();
        assert_eq!(adapter.layers, tiny_layers(), "{dtype}");
        assert!(
            metadata
                .iter()
                .all(|(key, value)| adapter.metadata[key] == *value)
        );
    }
}

#[test]
fn names_follow_kohya() {
    assert_eq!(
        kohya_name(
            "lora_unet",
            "down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0"
        ),
        "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_out_0"
    );
}

#[test]
fn values_that_cannot_be_stored_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for bad in [f32::NAN, f32::INFINITY, 1e6] {
        let mut layers = tiny_layers();
        let Content::LowRank { up, .. } = &mut layers[1].content else {
            unreachable!("the layer was made low-rank")
        };
        up.values[3] = bad;
        let path = folder.path().join("bad");
        let error = AdapterFile::write(&path, &layers, DType::F16, &BTreeMap::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(
            error.to_string().contains("proj_in.lora_up.weight"),
            "{error}"
        );
        assert!(!path.exists());
    }
}

/// The refusal of a file with these tensors.
fn refusal(tensors: &[(&str, &[usize], f32)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.safetensors");
    put(&path, tensors);
    let error = AdapterFile::read(&path).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadWeights);
    error.to_string()
}

fn put(path: &Path, tensors: &[(&str, &[usize], f32)]) {
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, shape, value)| OutTensor {
            name: (*name).to_owned(),
            dtype: DType::F32,
            shape: shape.to_vec(),
            data: vec![*value; shape.iter().product()],
        })
        .collect();
    write_tensors(path, &tensors, &BTreeMap::new()).unwrap();
}

#[test]
fn a_missing_alpha_is_the_rank() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    put(
        &path,
        &[
            ("x.lora_down.weight", &[4, 3], 1.0),
            ("x.lora_up.weight", &[5, 4], 1.0),
        ],
    );
    let layer = &AdapterFile::read(&path).unwrap().layers[0];
    assert_eq!((layer.rank(), layer.alpha, layer.scale()), (4, 4.0, 1.0));
}

#[test]
fn an_alpha_may_be_stored_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    for dtype in [
        DType::I64,
        DType::I32,
        DType::I16,
        DType::I8,
        DType::U8,
        DType::F64,
        DType::F16,
    ] {
        let tensor = |name: &str, dtype: DType, shape: &[usize], value: f32| OutTensor {
            name: name.to_owned(),
            dtype,
            shape: shape.to_vec(),
            data: vec![value; shape.iter().product()],
        };
        let tensors = [
            tensor("x.lora_down.weight", DType::F16, &[4, 3], 1.0),
            tensor("x.lora_up.weight", DType::F16, &[5, 4], 1.0),
            tensor("x.alpha", dtype, &[], 2.0),
        ];
        let path = folder.path().join("adapter.safetensors");
        write_tensors(&path, &tensors, &BTreeMap::new()).unwrap();
        let layer = AdapterFile::read(&path).unwrap().layers.remove(0);
        assert_eq!((layer.alpha, layer.scale()), (2.0, 0.5), "{dtype}");
    }
}

#[test]
fn unfit_layers_are_refused_with_their_name() {
    let down = ("x.lora_down.weight", &[4usize, 3][..], 1.0);
    let up = ("x.lora_up.weight", &[5usize, 4][..], 1.0);
    for (tensors, part) in [
        (vec![], "holds no adapter layer"),
        (vec![down], "lack their other factor: `x.lora_down.weight`"),
        (vec![up], "lack their other factor: `x.lora_up.weight`"),
        (
            vec![down, up, ("x.alpha", &[2], 1.0)],
            "`x.alpha` holds 2 numbers",
        ),
        (
            vec![down, ("x.lora_up.weight", &[5, 3], 1.0)],
            "layer `x` has factors that do not fit",
        ),
        (
            vec![down, ("x.lora_up.weight", &[5, 4, 3, 3], 1.0)],
            "do not fit",
        ),
        (
            vec![
                ("x.lora_down.weight", &[0, 3], 1.0),
                ("x.lora_up.weight", &[5, 0], 1.0),
            ],
            "rank or width 0",
        ),
        (
            vec![down, ("x.lora_up.weight", &[5, 4], f32::NAN)],
            "`x.lora_up.weight` holds NaN",
        ),
        (
            vec![down, up, ("x.alpha", &[], f32::INFINITY)],
            "`x.alpha` holds inf",
        ),
        (
            vec![down, up, ("x.hada_w1_a", &[1, 1], 1.0)],
            "layer `x` is of two kinds at once",
        ),
        (
            vec![("x.diff", &[5], 1.0), ("x.w_norm", &[5], 1.0)],
            "layer `x` is of two kinds at once",
        ),
        (
            vec![("x.diff_b", &[0], 1.0)],
            "the bias of layer `x` has rank or width 0",
        ),
        (
            vec![down, up, ("x.lora_A.weight", &[4, 3], 1.0)],
            "are the same tensor of a layer",
        ),
        (
            vec![down, up, ("x.dora_scale", &[4], 1.0)],
            "DoRA lengths of shape [4] for a weight of 5 rows and 3 columns",
        ),
        (
            vec![("x.lokr_w1", &[2, 2], 1.0), ("x.lokr_w2_a", &[2, 2], 1.0)],
            "lack their other factor: `x.lokr_w1`, `x.lokr_w2_a`",
        ),
        (
            vec![
                ("x.hada_w1_a", &[5, 2], 1.0),
                ("x.hada_w1_b", &[2, 3], 1.0),
                ("x.hada_w2_a", &[5, 2], 1.0),
                ("x.hada_w2_b", &[2, 4], 1.0),
            ],
            "differ in shape",
        ),
    ] {
        let message = refusal(&tensors);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn files_without_a_layer_are_named_by_what_they_are() {
    for (name, format) in [
        (
            "model.diffusion_model.input_blocks.0.0.weight",
            "whole checkpoint",
        ),
        ("bundle_emb.cat.clip_l", "bundled embedding"),
        ("clip_l", "textual inversion"),
        ("x.oft_blocks", "OFT"),
    ] {
        let message = refusal(&[(name, &[1], 1.0)]);
        assert!(
            message.contains(format) && message.contains(name),
            "{message}"
        );
    }
}

#[test]
fn unknown_tensors_beside_layers_are_kept_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    put(
        &path,
        &[
            ("x.lora_down.weight", &[4, 3], 1.0),
            ("x.lora_up.weight", &[5, 4], 1.0),
            ("x.bias", &[1], 1.0),
            ("y.alpha", &[], 1.0),
            ("bundle_emb.cat.clip_l", &[1, 4], 1.0),
        ],
    );
    let file = AdapterFile::read(&path).unwrap();
    assert_eq!(file.layers.len(), 1);
    assert_eq!(file.unknown, ["bundle_emb.cat.clip_l", "x.bias", "y.alpha"]);
    assert_eq!(
        file.notes(),
        [
            "tensors not used (a bundled embedding, 1): `bundle_emb.cat.clip_l`",
            "tensors not used (unknown, 2): `x.bias`, `y.alpha`",
        ]
    );
}

#[test]
fn the_largest_weight_that_is_computed_whole_is_known_from_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let plain: [(&str, &[usize], f32); 2] = [
        ("x.lora_down.weight", &[4, 300], 1.0),
        ("x.lora_up.weight", &[500, 4], 1.0),
    ];
    let lengths: [(&str, &[usize], f32); 1] = [("x.dora_scale", &[500, 1], 1.0)];
    let vectors: [(&str, &[usize], f32); 2] = [("y.diff", &[900], 1.0), ("y.diff_b", &[900], 1.0)];
    let whole: [(&str, &[usize], f32); 1] = [("z.diff", &[8, 4, 3, 3], 1.0)];
    let lokr: [(&str, &[usize], f32); 3] = [
        ("k.lokr_w1", &[10, 10], 1.0),
        ("k.lokr_w2_a", &[20, 1], 1.0),
        ("k.lokr_w2_b", &[1, 30], 1.0),
    ];
    for (tensors, expected) in [
        ([&plain[..], &vectors].concat(), 0),
        ([&plain[..], &whole].concat(), 288),
        ([&whole[..], &lokr].concat(), 60_000),
        ([&plain[..], &lengths, &lokr].concat(), 150_000),
    ] {
        put(&path, &tensors);
        let file = TensorFile::open(&path).unwrap();
        let largest = AdapterFile::largest_computed_weight(&file).unwrap();
        assert_eq!(largest, expected);
    }
}

#[test]
fn empty_files_folders_and_cut_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs_err::write(&path, b"").unwrap();
    let message = |path: &Path| AdapterFile::read(path).unwrap_err().to_string();
    assert!(message(&path).contains("the file is empty"));
    assert!(message(folder.path()).contains("it is a folder, expected a file"));
    let whole = fs_err::read(tiny()).unwrap();
    fs_err::write(&path, &whole[..whole.len() - 2]).unwrap();
    assert!(message(&path).contains("truncated"), "{}", message(&path));
}

#[test]
fn only_the_first_of_many_unknown_names_are_listed() {
    let names: Vec<_> = (0..9).map(|i| format!("odd{i}")).collect();
    let tensors: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), &[1usize][..], 0.0))
        .collect();
    let message = refusal(&tensors);
    assert!(message.contains("`odd4` and 4 more"), "{message}");
}

//! Weights of folders: variants, several files with an index, and the parts that an index names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atelier_core::{Coded as _, ErrorCode};
use atelier_testkit::tiny_sd15;
use atelier_weights::{
    DType, Layout, ModelFiles, ModelFolder, OutTensor, PartTensors, ReadFiles, TensorFile,
    write_tensors,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const UNET: &str = "diffusion_pytorch_model";

/// A copy of the tiny base, without the weights of its U-Net.
fn folder_without_unet() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for part in ["", "scheduler", "text_encoder", "tokenizer", "unet", "vae"] {
        fs_err::create_dir_all(folder.path().join(part)).unwrap();
        for entry in fs_err::read_dir(tiny_sd15().join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap();
                fs_err::copy(&path, folder.path().join(part).join(name)).unwrap();
            }
        }
    }
    let unet = folder.path().join("unet");
    fs_err::remove_file(unet.join("diffusion_pytorch_model.safetensors")).unwrap();
    (folder, unet)
}

fn tensors_of_unet() -> PartTensors {
    ModelFolder::open(tiny_sd15())
        .unwrap()
        .tensors("unet")
        .unwrap()
}

fn out_tensor(tensors: &PartTensors, name: &str) -> OutTensor {
    OutTensor {
        name: name.to_owned(),
        dtype: DType::F16,
        shape: tensors.info(name).unwrap().shape.clone(),
        data: tensors.read_f32(name).unwrap(),
    }
}

/// One tensor of this value under a name that tells files apart.
fn put_marked(path: &Path, value: f32) {
    let tensor = OutTensor {
        name: "marked".to_owned(),
        dtype: DType::F32,
        shape: vec![1],
        data: vec![value],
    };
    write_tensors(path, &[tensor], &BTreeMap::new()).unwrap();
}

/// Writes the U-Net in two files with an index, as diffusers does.
fn put_shards(unet: &Path, variant: &str, index: &str) -> [String; 2] {
    let tensors = tensors_of_unet();
    let names: Vec<_> = tensors.names().collect();
    let files = [1, 2].map(|number| format!("{UNET}{variant}-0000{number}-of-00002.safetensors"));
    let mut places = serde_json::Map::new();
    for (file, names) in files.iter().zip(names.chunks(names.len() / 2 + 1)) {
        let tensors: Vec<_> = names
            .iter()
            .map(|name| out_tensor(&tensors, name))
            .collect();
        write_tensors(unet.join(file), &tensors, &BTreeMap::new()).unwrap();
        places.extend(names.iter().map(|name| ((*name).to_owned(), json!(file))));
    }
    put_index(&unet.join(index), &places.into());
    files
}

fn put_index(path: &Path, places: &Value) {
    let index = json!({"metadata": {"total_size": 1}, "weight_map": places});
    fs_err::write(path, index.to_string()).unwrap();
}

#[test]
fn shards_read_as_one_file_does() {
    let whole = tensors_of_unet();
    for (variant, index) in [
        ("", "diffusion_pytorch_model.safetensors.index.json"),
        (
            ".fp16",
            "diffusion_pytorch_model.safetensors.index.fp16.json",
        ),
        (
            ".bf16",
            "diffusion_pytorch_model.bf16.safetensors.index.json",
        ),
    ] {
        let (folder, unet) = folder_without_unet();
        let files = put_shards(&unet, variant, index);
        let model = ModelFiles::open(folder.path()).unwrap();
        let tensors = model.tensors("unet").unwrap();
        assert!(tensors.names().eq(whole.names()));
        for name in whole.names() {
            assert_eq!(tensors.info(name), whole.info(name));
            assert_eq!(
                tensors.read_f32(name).unwrap(),
                whole.read_f32(name).unwrap()
            );
        }
        let paths: Vec<_> = files.iter().map(|file| unet.join(file)).collect();
        assert!(tensors.files().eq(&paths));
        let listed = model.files().unwrap();
        assert!(paths.iter().all(|path| listed.contains(path)));
        assert!(listed.contains(&unet.join(index)));
        assert_eq!(model.report().unwrap().problem(), None);
        assert_eq!(model.hash_with(&ReadFiles).unwrap(), model.hash().unwrap());
    }
}

#[test]
fn f32_wins_over_f16_and_f16_over_bf16() {
    let (folder, unet) = folder_without_unet();
    let value = || {
        let model = ModelFolder::open(folder.path()).unwrap();
        model.tensors("unet").unwrap().read_f32("marked").unwrap()[0]
    };
    let index = |name: &str, file: &str| put_index(&unet.join(name), &json!({"marked": file}));
    put_marked(&unet.join("b.safetensors"), 1.0);
    index(
        "diffusion_pytorch_model.safetensors.index.bf16.json",
        "b.safetensors",
    );
    assert_eq!(value().to_bits(), 1f32.to_bits());
    for (name, expected) in [("bf16", 2.0), ("fp16", 3.0)] {
        put_marked(&unet.join(format!("{UNET}.{name}.safetensors")), expected);
        assert_eq!(value().to_bits(), f32::to_bits(expected));
    }
    put_marked(&unet.join("f.safetensors"), 4.0);
    index(
        "diffusion_pytorch_model.safetensors.index.json",
        "f.safetensors",
    );
    assert_eq!(value().to_bits(), 4f32.to_bits());
    put_marked(&unet.join(format!("{UNET}.safetensors")), 5.0);
    assert_eq!(value().to_bits(), 5f32.to_bits());
    put_marked(&unet.join(format!("{UNET}.non_ema.safetensors")), 6.0);
    assert_eq!(value().to_bits(), 5f32.to_bits());
}

#[test]
fn an_index_that_lies_is_refused_with_what_it_lies_about() {
    let index = "diffusion_pytorch_model.safetensors.index.json";
    let many: serde_json::Map<_, _> = (0..200)
        .map(|number| (format!("t{number}"), json!(format!("{number}.safetensors"))))
        .collect();
    let cases = [
        (
            json!({"marked": "../a.safetensors"}),
            "expected the name of a .safetensors file beside the index",
        ),
        (
            json!({"marked": "/etc/a.safetensors"}),
            "expected the name of a .safetensors file beside the index",
        ),
        (
            json!({"marked": "a.bin"}),
            "expected the name of a .safetensors file beside the index",
        ),
        (json!({"marked": 3}), "tensor `marked` has no file name"),
        (json!({}), "no `weight_map`"),
        (json!([]), "no `weight_map`"),
        (json!(many), "lists 200 files, at most 128"),
        (
            json!({"marked": "gone.safetensors"}),
            "files that it lists are missing: `gone.safetensors`",
        ),
        (
            json!({"marked": "folder.safetensors"}),
            "files that it lists are missing: `folder.safetensors`",
        ),
        (json!({"marked": "empty.safetensors"}), "the file is empty"),
        (
            json!({"marked": "a.safetensors", "other": "a.safetensors"}),
            "tensors that the index places in it are missing: `other`",
        ),
        (
            json!({"other": "a.safetensors"}),
            "holds tensor `marked`, which the index does not list",
        ),
        // Twice in two files.
        (
            json!({"marked": "a.safetensors", "other": "b.safetensors"}),
            "holds tensor `marked`, which the index places in `a.safetensors`",
        ),
    ];
    for (places, part) in cases {
        let (folder, unet) = folder_without_unet();
        put_marked(&unet.join("a.safetensors"), 1.0);
        put_marked(&unet.join("b.safetensors"), 1.0);
        fs_err::write(unet.join("empty.safetensors"), b"").unwrap();
        fs_err::create_dir(unet.join("folder.safetensors")).unwrap();
        put_index(&unet.join(index), &places);
        let model = ModelFiles::open(folder.path()).unwrap();
        let error = model.tensors("unet").unwrap_err().to_string();
        assert!(error.contains(part), "{error}, expected {part}");
    }
}

/// What `model_index.json` says of SDXL.
fn sdxl_index() -> Value {
    json!({
        "_class_name": "StableDiffusionXLPipeline",
        "force_zeros_for_empty_prompt": true,
        "add_watermarker": null,
        "image_encoder": [null, null],
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    })
}

fn put_sdxl(root: &Path, index: &Value) {
    fs_err::write(root.join("model_index.json"), index.to_string()).unwrap();
    put_marked(&root.join("unet/diffusion_pytorch_model.safetensors"), 1.0);
}

#[test]
fn the_index_says_which_parts_must_be_there() {
    let (folder, _) = folder_without_unet();
    let root = folder.path();
    put_sdxl(root, &sdxl_index());
    let error = ModelFolder::open(root).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadBase);
    let expected = "missing: `text_encoder_2/config.json`; `text_encoder_2/model.safetensors`; \
        `tokenizer_2/merges.txt` (or `tokenizer_2/tokenizer.json`); \
        `tokenizer_2/vocab.json` (or `tokenizer_2/tokenizer.json`)";
    assert!(error.to_string().ends_with(expected), "{error}");

    let mut without = sdxl_index();
    without["text_encoder_2"] = json!([null, null]);
    without["tokenizer_2"] = json!(null);
    put_sdxl(root, &without);
    let model = ModelFiles::open(root).unwrap();
    assert!(!model.has("text_encoder_2") && !model.has("safety_checker"));
    let error = model.tensors("text_encoder_2").unwrap_err().to_string();
    assert!(
        error.contains("`model_index.json` names no part `text_encoder_2`"),
        "{error}"
    );

    let mut other = without;
    other["transformer"] = json!(["diffusers", "SomeTransformer"]);
    put_sdxl(root, &other);
    let error = ModelFolder::open(root).unwrap_err().to_string();
    assert!(
        error.contains("missing: the folder `transformer`"),
        "{error}"
    );
}

/// One that has two text encoders, before [`put_sdxl`].
fn sdxl_folder() -> TempDir {
    let (folder, _) = folder_without_unet();
    let root = folder.path();
    for (from, to) in [
        ("text_encoder", "text_encoder_2"),
        ("tokenizer", "tokenizer_2"),
    ] {
        fs_err::create_dir(root.join(to)).unwrap();
        for entry in fs_err::read_dir(root.join(from)).unwrap() {
            let path = entry.unwrap().path();
            fs_err::copy(&path, root.join(to).join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

#[test]
fn an_sdxl_folder_has_two_of_each_and_its_index_counts_in_the_hash() {
    let folder = sdxl_folder();
    let root = folder.path();
    put_sdxl(root, &sdxl_index());
    let model = ModelFiles::open(root).unwrap();
    assert_eq!(model.layout(), Layout::Folder);
    assert_eq!(model.class_name(), "StableDiffusionXLPipeline");
    assert_eq!(model.family(), Some("sdxl"));
    assert_eq!(
        model.weighted_parts(),
        ["text_encoder", "text_encoder_2", "unet", "vae"]
    );
    assert_eq!(
        model.tokenizer_folder("tokenizer_2"),
        Some(root.join("tokenizer_2"))
    );
    assert!(
        model
            .files()
            .unwrap()
            .contains(&root.join("tokenizer_2/vocab.json"))
    );
    let hash = || ModelFiles::open(root).unwrap().hash().unwrap();
    let mut seen = vec![hash()];
    let mut index = sdxl_index();
    index["force_zeros_for_empty_prompt"] = json!(false);
    put_sdxl(root, &index);
    seen.push(hash());
    fs_err::write(root.join("tokenizer_2/merges.txt"), "").unwrap();
    seen.push(hash());
    put_marked(&root.join("text_encoder_2/model.safetensors"), 2.0);
    seen.push(hash());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

#[test]
fn sdxl_takes_zeros_for_an_absent_text_where_its_index_does_not_say() {
    let folder = sdxl_folder();
    let root = folder.path();
    let mut seen = Vec::new();
    for said in [
        Some(json!(true)),
        None,
        Some(json!(false)),
        Some(Value::Null),
    ] {
        let mut index = sdxl_index();
        match said {
            Some(said) => index["force_zeros_for_empty_prompt"] = said,
            None => drop(
                index
                    .as_object_mut()
                    .unwrap()
                    .remove("force_zeros_for_empty_prompt"),
            ),
        }
        put_sdxl(root, &index);
        let model = ModelFiles::open(root).unwrap();
        seen.push((model.zeros_for_absent_text(), model.hash().unwrap()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[2], seen[3]);
    assert!(seen[0].0 && !seen[2].0 && seen[0].1 != seen[2].1);
}

#[test]
fn the_hash_of_a_folder_stays_what_records_have() {
    // SHA-256 over `part/weights SHA` and `file SHA` lines, computed by hand.
    let expected = "642d5ccb7f599bc221d05dd58edf3f6068fe5010ec27b8dbfdc4bab65e8d6aa7";
    assert_eq!(
        ModelFolder::open(tiny_sd15()).unwrap().hash().unwrap(),
        expected
    );
    let model = ModelFiles::open(tiny_sd15()).unwrap();
    assert_eq!(model.hash_with(&ReadFiles).unwrap(), expected);
}

#[test]
fn a_report_of_a_folder_knows_every_tensor() {
    let report = ModelFiles::open(tiny_sd15()).unwrap().report().unwrap();
    assert_eq!(report.problem(), None);
    assert!(
        report
            .parts
            .iter()
            .all(|part| part.is_known && part.unexpected.is_empty())
    );
    let prediction = report.prediction.unwrap();
    assert_eq!(prediction.kind.name(), "epsilon");
    assert!(prediction.evidence.is_stated());
}

#[test]
fn numbers_can_be_read_in_part_but_not_beyond_the_end() {
    let weights = tiny_sd15().join("unet/diffusion_pytorch_model.safetensors");
    let file = TensorFile::open(weights).unwrap();
    let whole = file.read_f32("conv_in.bias").unwrap();
    assert_eq!(
        file.read_f32_range("conv_in.bias", 3, 5).unwrap(),
        whole[3..8]
    );
    for (first, count) in [(0, 17), (16, 1), (usize::MAX, 2), (2, usize::MAX)] {
        let error = file
            .read_f32_range("conv_in.bias", first, count)
            .unwrap_err();
        assert!(error.to_string().contains("holds 16 numbers"), "{error}");
    }
    let part = PartTensors::from(file);
    assert_eq!(part.read_f32("conv_in.bias").unwrap(), whole);
    let error = part.read_f32("conv_out.gain").unwrap_err().to_string();
    assert!(error.contains("no tensor for `conv_out.gain`"), "{error}");
}

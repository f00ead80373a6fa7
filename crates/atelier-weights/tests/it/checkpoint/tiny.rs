//! Tiny checkpoints against what diffusers' own conversion makes of them (`golden/checkpoints.py`).

use std::path::Path;

use atelier_weights::{
    Architecture, DType, Layout, ModelFiles, OutTensor, PartTensors, TensorFile, sha256_hex,
};
use serde_json::Value;

use super::{json_of, rewritten, rewritten_with, tiny};

/// Every tensor equals diffusers' in name, shape and every bit: conversion copies numbers and computes none.
fn assert_same_tensors(tensors: &PartTensors, digests: &Value) {
    let digests = digests["tensors"].as_object().unwrap();
    let mut expected: Vec<_> = digests.keys().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(tensors.names().collect::<Vec<_>>(), expected);
    for (name, digest) in digests {
        let shape: Vec<_> = tensors
            .info(name)
            .unwrap()
            .shape
            .iter()
            .map(usize::to_string)
            .collect();
        assert_eq!(shape.join("x"), digest[0].as_str().unwrap(), "{name}");
        let numbers = tensors.read_f32(name).unwrap();
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        assert_eq!(
            sha256_hex(&bytes)[..16],
            *digest[1].as_str().unwrap(),
            "{name}"
        );
    }
    atelier_testkit::parity::exact("tensors", digests.len());
}

/// Every entry that diffusers' configuration has too is the same.
fn assert_same_config(part: &str, config: &Value, expected: &Value) {
    let mut compared = 0;
    for (key, value) in config.as_object().unwrap() {
        let Some(expected) = expected.get(key) else {
            continue;
        };
        // Published settings of Stable Diffusion 2.1 that no shape shows.
        if key == "upcast_attention" || key == "architectures" {
            continue;
        }
        let same = match (value.as_f64(), expected.as_f64()) {
            (Some(one), Some(other)) => one.to_bits() == other.to_bits(),
            _ => value == expected,
        };
        assert!(same, "{part} `{key}`: {value}, expected {expected}");
        compared += 1;
    }
    assert!(compared >= 11, "{part}: only {compared} entries compared");
}

fn assert_like_diffusers(path: &Path, digests: &Value, parts: &[&str]) -> ModelFiles {
    let model = ModelFiles::open(path).unwrap();
    assert_eq!(model.layout(), Layout::SingleFile);
    assert_eq!(model.weighted_parts(), parts);
    for part in parts {
        assert!(model.has(part));
        assert_same_tensors(&model.tensors(part).unwrap(), &digests[part]);
        assert_same_config(part, &model.config(part).unwrap(), &digests[part]["config"]);
    }
    let report = model.report().unwrap();
    assert_eq!(report.problem(), None);
    for part in &report.parts {
        let count = digests[part.part]["tensors"].as_object().unwrap().len();
        assert_eq!((part.used, part.is_known), (count, true), "{}", part.part);
        assert!(part.unexpected.is_empty(), "{part:?}");
        assert_eq!(part.precision, [(DType::F16, count)]);
    }
    assert!(report.unexpected.is_empty(), "{:?}", report.unexpected);
    model
}

#[test]
fn stable_diffusion_1_is_what_diffusers_makes_of_it() {
    let digests = json_of(&tiny("digests.json"));
    let path = tiny("tiny-sd1.safetensors");
    let parts = ["text_encoder", "unet", "vae"];
    let model = assert_like_diffusers(&path, &digests["sd1"], &parts);
    assert_eq!(model.class_name(), "StableDiffusionPipeline");
    assert_eq!(model.family(), Some("sd15"));
    assert_eq!(
        model.config("scheduler").unwrap()["_class_name"],
        "PNDMScheduler"
    );
    assert_eq!(
        model.config("text_encoder").unwrap()["hidden_act"],
        "quick_gelu"
    );
    let report = model.report().unwrap();
    assert_eq!(report.architecture, Some("Stable Diffusion 1"));
    assert_eq!((report.ema, report.unet_is_ema), (2, false));
    let harmless: Vec<_> = report.harmless.iter().map(String::as_str).collect();
    for name in [
        "alphas_cumprod",
        "betas",
        "cond_stage_model.transformer.text_model.embeddings.position_ids",
        "model_ema.decay",
    ] {
        assert!(harmless.contains(&name), "{name} not in {harmless:?}");
    }
}

#[test]
fn stable_diffusion_2_is_what_diffusers_makes_of_it_with_its_vae_beside_it() {
    let digests = json_of(&tiny("digests.json"));
    let path = tiny("tiny-sd2.safetensors");
    let parts = ["text_encoder", "unet", "vae"];
    let model = assert_like_diffusers(&path, &digests["sd2"], &parts);
    assert_eq!(
        model.checkpoint().unwrap().architecture(),
        Architecture::StableDiffusion2
    );
    assert_eq!(model.family(), Some("sd15"));
    let scheduler = model.config("scheduler").unwrap();
    assert_eq!(scheduler["_class_name"], "DDIMScheduler");
    assert_eq!(scheduler["prediction_type"], "v_prediction");
    let text = model.config("text_encoder").unwrap();
    assert_eq!(
        (&text["hidden_act"], &text["num_hidden_layers"]),
        (&"gelu".into(), &2.into())
    );
    let vae = tiny("tiny-sd2.vae.safetensors");
    assert_eq!(model.files().unwrap(), [path, vae.clone()]);
    assert_eq!(
        model.tensors("vae").unwrap().files().collect::<Vec<_>>(),
        [vae.as_path()]
    );
    // The last layer is known and not used.
    let harmless = model.report().unwrap().harmless;
    let last =
        |name: &&String| name.contains(".resblocks.2.") || name.ends_with(".text_projection");
    assert_eq!(harmless.iter().filter(last).count(), 13);
}

#[test]
fn sdxl_is_what_diffusers_makes_of_it() {
    let digests = json_of(&tiny("digests.json"));
    let path = tiny("tiny-sdxl.safetensors");
    let parts = ["text_encoder", "text_encoder_2", "unet", "vae"];
    let model = assert_like_diffusers(&path, &digests["sdxl"], &parts);
    assert_eq!(model.class_name(), "StableDiffusionXLPipeline");
    assert_eq!(model.family(), Some("sdxl"));
    assert_eq!(model.index()["force_zeros_for_empty_prompt"], true);
    let scheduler = model.config("scheduler").unwrap();
    assert_eq!(scheduler["_class_name"], "EulerDiscreteScheduler");
    assert_eq!(scheduler["prediction_type"], "epsilon");
    assert_eq!(model.config("vae").unwrap()["scaling_factor"], 0.13025);
    let text = model.config("text_encoder_2").unwrap();
    assert_eq!(text["architectures"][0], "CLIPTextModelWithProjection");
    assert_eq!(model.tokenizer_folder("tokenizer_2"), None);
}

/// The projection of a text encoder's pooled state as early scripts of diffusers wrote it: a layer, rows for outputs.
fn projection_as_a_layer(source: &Path) -> OutTensor {
    let file = TensorFile::open(source).unwrap();
    let is_projection = |name: &&str| name.ends_with(".text_projection");
    let name = file.names().find(is_projection).unwrap();
    let shape = &file.info(name).unwrap().shape;
    let numbers = file.read_f32(name).unwrap();
    let rows = (0..shape[1]).flat_map(|column| numbers[column..].iter().step_by(shape[1]));
    OutTensor {
        name: format!("{name}.weight"),
        dtype: DType::F16,
        shape: vec![shape[1], shape[0]],
        data: rows.copied().collect(),
    }
}

#[test]
fn a_projection_that_was_saved_as_a_layer_is_read_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let digests = json_of(&tiny("digests.json"));
    let rewritten = |name: &str| {
        let (source, path) = (tiny(name), folder.path().join(name));
        let other = projection_as_a_layer(&source);
        let kept = |name: &str| (!name.ends_with(".text_projection")).then(|| name.to_owned());
        rewritten_with(&source, &path, &[], kept, Some(other));
        path
    };
    let path = rewritten("tiny-sdxl.safetensors");
    let parts = ["text_encoder", "text_encoder_2", "unet", "vae"];
    assert_like_diffusers(&path, &digests["sdxl"], &parts);
    // Stable Diffusion 2 does not use it, in either spelling.
    let path = rewritten("tiny-sd2.safetensors");
    let vae = tiny("tiny-sd2.vae.safetensors");
    fs_err::copy(vae, path.with_extension("vae.safetensors")).unwrap();
    let parts = ["text_encoder", "unet", "vae"];
    let model = assert_like_diffusers(&path, &digests["sd2"], &parts);
    let harmless = model.report().unwrap().harmless;
    let is_projection = |name: &String| name.ends_with(".text_projection.weight");
    assert!(harmless.iter().any(is_projection), "{harmless:?}");
}

/// Training keeps the moving average of a U-Net under its name without dots.
fn averaged(name: &str) -> String {
    match name.strip_prefix("model.") {
        Some(rest) if rest.starts_with("diffusion_model.") => {
            format!("model_ema.{}", rest.replace('.', ""))
        }
        _ => name.to_owned(),
    }
}

#[test]
fn the_moving_average_serves_only_where_there_is_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let digests = json_of(&tiny("digests.json"));
    let source = tiny("tiny-sd1.safetensors");
    let only = folder.path().join("only.safetensors");
    rewritten(&source, &only, &[], |name| Some(averaged(name)));
    let parts = ["text_encoder", "unet", "vae"];
    let model = assert_like_diffusers(&only, &digests["sd1"], &parts);
    assert!(model.report().unwrap().unet_is_ema);

    // With both, the average holds other numbers under names of its own.
    let both = folder.path().join("both.safetensors");
    let file = TensorFile::open(&source).unwrap();
    let mut tensors = Vec::new();
    for name in file
        .names()
        .filter(|name| file.info(name).unwrap().dtype == DType::F16)
    {
        let info = file.info(name).unwrap();
        tensors.push(OutTensor {
            name: name.to_owned(),
            dtype: info.dtype,
            shape: info.shape.clone(),
            data: file.read_f32(name).unwrap(),
        });
        if averaged(name) != name {
            tensors.push(super::zeros(&averaged(name), &info.shape));
        }
    }
    atelier_weights::write_tensors(&both, &tensors, &std::collections::BTreeMap::new()).unwrap();
    let model = assert_like_diffusers(&both, &digests["sd1"], &parts);
    let report = model.report().unwrap();
    let unet_count = digests["sd1"]["unet"]["tensors"].as_object().unwrap().len();
    assert_eq!((report.ema, report.unet_is_ema), (unet_count + 1, false));
}

#[test]
fn old_merges_without_text_model_in_their_names_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let digests = json_of(&tiny("digests.json"));
    let path = folder.path().join("merge.safetensors");
    let source = tiny("tiny-sd1.safetensors");
    rewritten(&source, &path, &[], |name| {
        Some(name.replace("text_model.", ""))
    });
    assert_like_diffusers(&path, &digests["sd1"], &["text_encoder", "unet", "vae"]);
}

#[test]
fn a_text_encoder_that_was_cut_to_the_used_layers_keeps_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny-sd2.safetensors");
    let vae = path.with_extension("vae.safetensors");
    fs_err::copy(tiny("tiny-sd2.vae.safetensors"), vae).unwrap();
    rewritten(&tiny("tiny-sd2.safetensors"), &path, &[], |name| {
        let is_cut = name.contains(".resblocks.2.") || name.ends_with("text_projection");
        (!is_cut).then(|| name.to_owned())
    });
    let digests = json_of(&tiny("digests.json"));
    assert_like_diffusers(&path, &digests["sd2"], &["text_encoder", "unet", "vae"]);
}

#[test]
fn what_is_missing_and_what_nobody_knows_is_counted_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("merge.safetensors");
    rewritten(&tiny("tiny-sd1.safetensors"), &path, &[], |name| {
        let name = name.replace(
            "middle_block.0.in_layers.2.bias",
            "middle_block.0.in_layers.7.bias",
        );
        let name = name.replace("decoder.mid.attn_1.norm", "decoder.mid.attn_2.norm");
        Some(name.replace("betas", "my_own.note"))
    });
    let model = ModelFiles::open(&path).unwrap();
    let report = model.report().unwrap();
    let part = |name: &str| report.parts.iter().find(|part| part.part == name).unwrap();
    assert_eq!(part("unet").missing, ["mid_block.resnets.0.conv1.bias"]);
    assert_eq!(
        part("unet").unexpected,
        ["model.diffusion_model.middle_block.0.in_layers.7.bias"]
    );
    assert_eq!(part("vae").missing.len(), 2);
    assert_eq!(part("vae").unexpected.len(), 2);
    assert_eq!(report.unexpected, ["my_own.note"]);
    let problem = report.problem().unwrap();
    assert!(
        problem.contains("unet: 1 tensors are missing: `mid_block.resnets.0.conv1.bias`"),
        "{problem}"
    );
}

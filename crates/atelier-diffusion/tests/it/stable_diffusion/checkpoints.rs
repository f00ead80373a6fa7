//! Single-file checkpoints and folders in every storage draw the pictures of diffusers.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_core::{GenerateRequest, SamplerKind};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_nn::Engine;
use atelier_testkit::{Golden, golden, golden_folder, tiny_sd15};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};
use burn::tensor::Device;
use serde_json::Value;

use super::request;
use crate::source::assert_golden;

fn request_of(file: &Golden, sampler: SamplerKind, case: &str) -> GenerateRequest {
    let mut request = GenerateRequest {
        sampler,
        ..request(file)
    };
    if case == "absent" {
        request.negative = None;
    }
    request
}

fn check(kind: &str) {
    let file = golden("checkpoint_pictures");
    let path = golden_folder().join(format!("checkpoints/tiny-{kind}.safetensors"));
    let mut pipeline = Pipeline::open(&path, &Device::flex(), Engine::Exact).unwrap();
    for (sampler, case) in [
        (SamplerKind::Ddim, "given"),
        (SamplerKind::Euler, "given"),
        (SamplerKind::Euler, "absent"),
    ] {
        let request = request_of(&file, sampler, case);
        let latents = pipeline.final_latents(&request, None).unwrap();
        let name = format!("{kind}.{}.{case}", sampler.name());
        assert_golden(latents.clone(), &file, &format!("{name}.latents"));
        if (sampler, case) == (SamplerKind::Euler, "given") {
            let pixels = pipeline.decode(latents, false).unwrap();
            let pixels = (pixels / 2.0 + 0.5).clamp(0.0, 1.0);
            assert_golden(
                pixels.permute([0, 2, 3, 1]),
                &file,
                &format!("{name}.picture"),
            );
        }
    }
}

#[test]
fn a_whole_checkpoint_of_version_1_draws_the_picture_of_diffusers() {
    check("sd1");
}

#[test]
fn a_checkpoint_of_version_2_with_its_autoencoder_beside_it_draws_the_picture_of_diffusers() {
    check("sd2");
}

#[test]
fn a_checkpoint_of_sdxl_draws_the_picture_of_diffusers() {
    check("sdxl");
}

/// Copies the numbers of `part` into the file `name`, those that its index says or all of them.
fn write_weights(folder: &Path, name: &str, index: Option<&Value>) {
    let (part, file) = name.split_once('/').unwrap();
    let stem = if part == "text_encoder" {
        "model"
    } else {
        "diffusion_pytorch_model"
    };
    let source = tiny_sd15().join(format!("{part}/{stem}.safetensors"));
    let source = TensorFile::open(source).unwrap();
    let lies_here = |tensor: &&str| match index {
        Some(index) => index["weight_map"][*tensor] == file,
        None => true,
    };
    let tensors = source.names().filter(lies_here).map(|tensor| OutTensor {
        name: tensor.to_owned(),
        dtype: DType::F16,
        shape: source.info(tensor).unwrap().shape.clone(),
        data: source.read_f32(tensor).unwrap(),
    });
    let tensors: Vec<_> = tensors.collect();
    assert!(!tensors.is_empty(), "{name}");
    write_tensors(folder.join(name), &tensors, &BTreeMap::new()).unwrap();
}

/// The folder that `save_pretrained` would have made of the tiny base.
fn make_folder(folder: &Path, files: &serde_json::Map<String, Value>) {
    let copy = |part: &str| {
        fs_err::create_dir(folder.join(part)).unwrap();
        for entry in fs_err::read_dir(tiny_sd15().join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            fs_err::copy(&path, folder.join(part).join(name)).unwrap();
        }
    };
    copy("tokenizer");
    copy("scheduler");
    for part in ["unet", "vae", "text_encoder"] {
        fs_err::create_dir(folder.join(part)).unwrap();
        let of_part = files
            .iter()
            .filter(|(name, _)| name.starts_with(&format!("{part}/")));
        let of_part: Vec<_> = of_part.collect();
        let index = of_part.iter().find(|(name, _)| name.contains(".index."));
        for (name, text) in &of_part {
            match text {
                Value::Null => write_weights(folder, name, index.map(|(_, text)| *text)),
                text => fs_err::write(folder.join(name), text.to_string()).unwrap(),
            }
        }
    }
    let index = files["model_index.json"].to_string();
    fs_err::write(folder.join("model_index.json"), index).unwrap();
}

#[test]
fn folders_in_shards_and_variants_draw_the_picture_of_the_whole_folder() {
    let layouts = golden_folder().join("sharded_folder.json");
    let layouts: Value = serde_json::from_str(&fs_err::read_to_string(layouts).unwrap()).unwrap();
    let request = GenerateRequest {
        steps: 2,
        ..request(&golden("checkpoint_pictures"))
    };
    let draw = |path: &Path| {
        let mut pipeline = Pipeline::open(path, &Device::flex(), Engine::Exact).unwrap();
        let latents = pipeline.final_latents(&request, None).unwrap();
        pipeline.decode(latents, false).unwrap().into_data()
    };
    let whole = draw(&tiny_sd15());
    let layouts = layouts.as_object().unwrap();
    assert_eq!(layouts.len(), 3);
    for (case, files) in layouts {
        let folder = tempfile::tempdir().unwrap();
        make_folder(folder.path(), files.as_object().unwrap());
        assert_eq!(draw(folder.path()), whole, "{case}");
    }
}

//! Folders whose settings diffusers' pipelines correct, and sizes that are stated as two sides.

use std::path::Path;

use atelier_core::{GenerateRequest, SamplerKind};
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_nn::Engine;
use atelier_testkit::{golden, golden_folder, tiny_sd15, tiny_sdxl};
use burn::tensor::Device;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::request;
use crate::source::assert_golden;

const SCHEDULER: &str = "scheduler/scheduler_config.json";
const UNET: &str = "unet/config.json";
const VAE: &str = "vae/config.json";

/// A copy of a base.
fn copy(source: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs_err::read_dir(source).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), copy.path().join(entry.file_name()))
        };
        if from.is_file() {
            fs_err::copy(from, to).unwrap();
            continue;
        }
        fs_err::create_dir(&to).unwrap();
        for file in fs_err::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs_err::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    copy
}

/// Replaces settings of a file of a copy.
fn set(copy: &TempDir, file: &str, settings: &Value) {
    let path = copy.path().join(file);
    let stored = fs_err::read_to_string(&path).unwrap();
    let mut stored: Value = serde_json::from_str(&stored).unwrap();
    for (name, value) in settings.as_object().unwrap() {
        stored[name] = value.clone();
    }
    fs_err::write(path, stored.to_string()).unwrap();
}

#[test]
fn schedules_that_diffusers_corrects_draw_its_pictures() {
    let file = golden("early_folders");
    let folders = file.config()["folders"].as_object().unwrap().clone();
    let mut checked = 0;
    for (case, about) in folders {
        let copy = copy(&golden_folder().join(about["folder"].as_str().unwrap()));
        let scheduler = about["scheduler"].to_string();
        fs_err::write(copy.path().join(SCHEDULER), scheduler).unwrap();
        let mut pipeline = Pipeline::open(copy.path(), &Device::flex(), Engine::Exact).unwrap();
        for sampler in [SamplerKind::Ddim, SamplerKind::Pndm, SamplerKind::Euler] {
            let name = format!("{case}.{}.latents", sampler.name());
            if !file.names().contains(&name) {
                continue;
            }
            let request = GenerateRequest {
                sampler,
                ..request(&file)
            };
            let latents = pipeline.final_latents(&request, None).unwrap();
            assert_golden(latents, &file, &name);
            checked += 1;
        }
    }
    assert_eq!(checked, 5);
}

#[test]
fn no_base_clips_its_latents() {
    for base in [tiny_sd15(), tiny_sdxl()] {
        let copy = copy(&base);
        set(&copy, SCHEDULER, &json!({"clip_sample": true}));
        for folder in [base.as_path(), copy.path()] {
            let base = Base::open(folder).unwrap();
            assert_eq!(base.schedule_config.clip_sample, Some(false));
        }
    }
}

#[test]
fn an_early_folder_draws_the_size_that_diffusers_takes() {
    let sizes = golden("early_folders").config()["sizes"].clone();
    let (sd15, sdxl) = (copy(&tiny_sd15()), copy(&tiny_sdxl()));
    for row in sizes.as_array().unwrap() {
        let [version, stated, taken] = [0_usize, 1, 2].map(|column| &row[column]);
        let settings = json!({"_diffusers_version": version, "sample_size": stated});
        set(&sd15, UNET, &settings);
        let base = Base::open(sd15.path()).unwrap();
        // Two pixels per latent.
        assert_eq!(
            2 * taken.as_u64().unwrap(),
            base.native_size() as u64,
            "{row}"
        );
        // The pipeline of SDXL came later and corrects nothing.
        set(&sdxl, UNET, &settings);
        let base = Base::open(sdxl.path()).unwrap();
        assert_eq!(
            2 * stated.as_u64().unwrap(),
            base.native_size() as u64,
            "{row}"
        );
    }
}

#[test]
fn a_size_of_two_sides_counts_as_the_smaller_one() {
    let copy = copy(&tiny_sd15());
    let native_size = |sides: Value| {
        set(&copy, UNET, &json!({"sample_size": sides}));
        Base::open(copy.path()).map(|base| base.native_size())
    };
    assert_eq!(native_size(json!([16, 24])).unwrap(), 32);
    assert_eq!(native_size(json!([24, 20])).unwrap(), 40);
    let error = native_size(json!([16, 24, 32])).unwrap_err().to_string();
    let expected = "configuration of `unet`: `config.json` cannot be read: \
                    a side must be a whole number or two of them";
    assert_eq!(error, expected);
    set(&copy, VAE, &json!({"sample_size": [48, 32]}));
    assert_eq!(native_size(Value::Null).unwrap(), 32);
}

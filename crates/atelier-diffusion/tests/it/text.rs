//! Whole text encoders, and prompts of the tiny base.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_diffusion::stable_diffusion::{Base, TextConfig, TextEncoder};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use atelier_testkit::{golden, tiny_sd15};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};
use burn::tensor::{Int, Tensor, TensorData};

use crate::source::{assert_golden, build, device};

fn check(case: &str) {
    let (file, device) = (golden("text"), device());
    let config = TextConfig::read(&file.config()[case]).unwrap();
    let encoder = build(&file, case, &device, |params| {
        TextEncoder::new(params, &config)
    });
    let name = format!("{case}.input_ids");
    let ids: Vec<i32> = file.ints(&name).iter().map(|&id| id as i32).collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, file.shape(&name)), &device);
    for (skip, part) in [(0, "last_hidden_state"), (1, "skip_1"), (2, "skip_2")] {
        assert_golden(
            encoder.forward(ids.clone(), skip),
            &file,
            &format!("{case}.{part}"),
        );
    }
}

#[test]
pub(crate) fn states_agree_with_quick_gelu_and_prefixed_names() {
    check("prefixed");
}

#[test]
pub(crate) fn states_agree_with_gelu_and_the_names_of_transformers_5() {
    check("unprefixed");
}

#[test]
fn prompts_of_the_tiny_base_give_the_states_of_diffusers() {
    let (file, device) = (golden("pictures"), device());
    let request = file.config()["request"].clone();
    let base = Base::open(&tiny_sd15()).unwrap();
    let texts = base.load_texts(&device, Engine::Exact).unwrap();
    for (key, name) in [
        ("prompt", "prompt.states"),
        ("negative", "prompt.negative_states"),
    ] {
        let prompt = request[key].as_str().unwrap();
        let states = base.encode_plain(&texts, prompt, &device).unwrap();
        assert_golden(states.states_bsd, &file, name);
    }
}

/// Copies a pipeline folder, and gives its text encoder the names without `text_model.`.
fn copy_without_prefix(from: &Path, to: &Path) {
    for entry in fs_err::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs_err::create_dir(&target).unwrap();
            copy_without_prefix(&path, &target);
        } else {
            fs_err::copy(&path, &target).unwrap();
        }
    }
    let weights = to.join("model.safetensors");
    if weights.exists() {
        let file = TensorFile::open(&weights).unwrap();
        let tensors: Vec<_> = file
            .names()
            .map(|name| OutTensor {
                name: name.strip_prefix("text_model.").unwrap().to_owned(),
                dtype: DType::F16,
                shape: file.info(name).unwrap().shape.clone(),
                data: file.read_f32(name).unwrap(),
            })
            .collect();
        drop(file);
        write_tensors(&weights, &tensors, &BTreeMap::new()).unwrap();
    }
}

#[test]
fn a_folder_with_either_spelling_of_the_names_gives_the_same_states() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    copy_without_prefix(&tiny_sd15(), folder.path());
    let states = [tiny_sd15().as_path(), folder.path()].map(|path| {
        let base = Base::open(path).unwrap();
        let texts = base.load_texts(&device, Engine::Exact).unwrap();
        values_of(
            base.encode_plain(&texts, "a red cat", &device)
                .unwrap()
                .states_bsd,
        )
    });
    assert_eq!(states[0], states[1]);
}

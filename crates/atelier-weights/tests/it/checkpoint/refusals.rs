//! Files that are no base, or a damaged one: each is told what it is.

use std::collections::BTreeMap;

use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::{DType, ModelFiles, OutTensor, TensorFile, write_tensors};
use proptest::prelude::*;

use super::{refusal, refusal_of, rewritten, tiny, zeros};

/// Names and shapes of a file, and what the refusal must say.
type Case<'a> = (&'a [(&'a str, &'a [usize])], &'a str);

#[test]
fn other_kinds_of_files_are_called_by_their_name() {
    let first = "model.diffusion_model.input_blocks.0.0.weight";
    let double = "double_blocks.0.img_attn.norm.key_norm.scale";
    let cases: [Case; 23] = [
        (&[("ip_adapter.1.to_k_ip.weight", &[4, 4])], "an IP-Adapter"),
        (
            &[("lora_unet_down_blocks_0.lora_down.weight", &[4, 4])],
            "an adapter (LoRA",
        ),
        (
            &[("unet.down_blocks.0.attn1.to_q.lora_A.weight", &[4, 4])],
            "an adapter (LoRA",
        ),
        (
            &[("emb_params", &[1, 8])],
            "an embedding (textual inversion)",
        ),
        (
            &[("clip_l", &[1, 8]), ("clip_g", &[1, 8])],
            "an embedding (textual inversion)",
        ),
        (
            &[("control_model.time_embed.0.weight", &[4, 4])],
            "a ControlNet",
        ),
        (
            &[("conditioner.embedders.0.model.ln_final.bias", &[4])],
            "the SDXL refiner",
        ),
        (&[(first, &[4, 9, 3, 3])], "an inpainting model"),
        (&[(first, &[4, 8, 3, 3])], "an instruction model"),
        (&[(first, &[4, 5, 3, 3])], "a depth-to-picture model"),
        (&[(first, &[4, 16, 3, 3])], "takes 16 channels, expected 4"),
        (
            &[("model.diffusion_model.joint_blocks.0.x.weight", &[4])],
            "Stable Diffusion 3",
        ),
        (&[(double, &[4])], "FLUX"),
        (&[("model.diffusion_model.double_blocks.0.x", &[4])], "FLUX"),
        (
            &[("edm_mean", &[4]), (first, &[4, 4, 3, 3])],
            "Playground 2.5",
        ),
        (&[(first, &[4, 4, 3, 3])], "its text encoder is missing"),
        (
            &[("input_blocks.0.0.weight", &[4, 4, 3, 3])],
            "a U-Net alone",
        ),
        (
            &[("down_blocks.0.resnets.0.conv1.weight", &[4, 4, 3, 3])],
            "a U-Net alone",
        ),
        (
            &[("first_stage_model.decoder.conv_in.weight", &[4])],
            "a VAE alone",
        ),
        (
            &[("decoder.up.0.block.0.conv1.weight", &[4])],
            "a VAE alone",
        ),
        (
            &[("text_model.embeddings.token_embedding.weight", &[4, 4])],
            "a text encoder alone",
        ),
        (
            &[("some.thing", &[4])],
            "no base of Stable Diffusion 1, 2 or XL",
        ),
        (&[], "it holds no tensors"),
    ];
    for (tensors, part) in cases {
        let error = refusal(tensors);
        assert!(error.contains(part), "{error}, expected {part}");
        assert!(error.contains("model.safetensors"), "{error}");
    }
}

#[test]
fn parts_that_do_not_fit_together_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    // The tower of one architecture under the names of the other.
    rewritten(&tiny("tiny-sdxl.safetensors"), &path, &[], |name| {
        if name.starts_with("conditioner.embedders.1.") {
            return None;
        }
        Some(name.replace("conditioner.embedders.0.", "cond_stage_model."))
    });
    let error = refusal_of(&path);
    assert!(error.contains("takes a class besides the text"), "{error}");
    rewritten(&tiny("tiny-sdxl.safetensors"), &path, &[], |name| {
        (!name.starts_with("conditioner.embedders.1.")).then(|| name.to_owned())
    });
    let error = refusal_of(&path);
    assert!(
        error.contains("its second text encoder is missing"),
        "{error}"
    );
    rewritten(&tiny("tiny-sdxl.safetensors"), &path, &[], |name| {
        (!name.ends_with("text_projection")).then(|| name.to_owned())
    });
    let error = refusal_of(&path);
    assert!(
        error.contains("`text_projection.weight` is missing"),
        "{error}"
    );
}

/// The tiny Stable Diffusion 2 checkpoint with one tensor in another shape.
fn reshaped(name: &str, shape: &[usize]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    fs_err::copy(
        tiny("tiny-sd2.vae.safetensors"),
        path.with_extension("vae.safetensors"),
    )
    .unwrap();
    let file = TensorFile::open(tiny("tiny-sd2.safetensors")).unwrap();
    let mut tensors = vec![zeros(name, shape)];
    for other in file.names().filter(|other| *other != name) {
        let info = file.info(other).unwrap();
        tensors.push(OutTensor {
            name: other.to_owned(),
            dtype: DType::F16,
            shape: info.shape.clone(),
            data: file.read_f32(other).unwrap(),
        });
    }
    write_tensors(&path, &tensors, &BTreeMap::new()).unwrap();
    match ModelFiles::open(&path) {
        Err(error) => error.to_string(),
        Ok(model) => model.report().unwrap().problem().unwrap(),
    }
}

#[test]
fn absurd_shapes_are_refused_or_reported() {
    let text = "cond_stage_model.model.transformer.resblocks.0.attn";
    let unet = "model.diffusion_model";
    for (name, shape, part) in [
        (
            format!("{text}.in_proj_weight"),
            &[13, 4][..],
            "expected query, key and value of one size",
        ),
        (
            format!("{text}.in_proj_bias"),
            &[],
            "expected query, key and value of one size",
        ),
        (
            format!("{text}.in_proj_weight"),
            &[0, 4],
            "have another shape",
        ),
        (
            format!("{text}.in_proj_weight"),
            &[3, 4, 4],
            "have another shape",
        ),
        (
            format!("{unet}.middle_block.0.in_layers.2.weight"),
            &[1],
            "have another shape",
        ),
        (
            format!("{unet}.input_blocks.1.0.in_layers.2.weight"),
            &[],
            "layout cannot be read",
        ),
        (
            format!("{unet}.input_blocks.1.0.in_layers.2.weight"),
            &[33, 32, 3, 3],
            "a level of 33 channels",
        ),
        (
            format!("{unet}.input_blocks.1.0.in_layers.2.weight"),
            &[0, 32, 3, 3],
            "a level of 0 channels",
        ),
        (
            format!("{unet}.out.2.weight"),
            &[8, 32, 3, 3],
            "have another shape",
        ),
        (
            format!("{unet}.middle_block.1.transformer_blocks.0.attn2.to_k.weight"),
            &[64, 5],
            "text states have a width of 5",
        ),
        (
            "cond_stage_model.model.token_embedding.weight".to_owned(),
            &[7, 0],
            "states of width 0",
        ),
    ] {
        let error = reshaped(&name, shape);
        assert!(error.contains(part), "{name} {shape:?}: {error}");
    }
}

#[test]
fn a_pickle_a_folder_and_nothing_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.ckpt");
    fs_err::write(&path, b"PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl").unwrap();
    let error = ModelFiles::open(&path).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadWeights);
    assert!(
        error.to_string().contains("pickled PyTorch file"),
        "{error}"
    );
    assert!(
        error.to_string().contains("safetensors.torch.save_file"),
        "{error}"
    );
    let empty = folder.path().join("empty");
    fs_err::create_dir(&empty).unwrap();
    assert!(refusal_of(&empty).contains("`model_index.json` is missing"));
    let error = ModelFiles::open(folder.path().join("gone")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    let cut = folder.path().join("cut.safetensors");
    let whole = fs_err::read(tiny("tiny-sd1.safetensors")).unwrap();
    fs_err::write(&cut, &whole[..whole.len() / 2]).unwrap();
    assert!(refusal_of(&cut).contains("truncated"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any mixture of real and strange names opens or is refused; it never panics, and a report can be made.
    #[test]
    fn strange_names_in_a_real_checkpoint_never_panic(
        picks in proptest::collection::vec((0usize..400, "\\PC{0,6}|[0-9]{1,6}|\\.|weight"), 1..20),
        drop in 0usize..400,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let file = TensorFile::open(tiny("tiny-sd1.safetensors")).unwrap();
        let mut tensors = BTreeMap::new();
        for (index, name) in file.names().enumerate().filter(|(index, _)| *index != drop) {
            let mut new = name.to_owned();
            for (_, text) in picks.iter().filter(|(pick, _)| *pick == index) {
                let dot = new.rfind('.').unwrap_or(0);
                new.insert_str(dot, text);
            }
            let shape = &file.info(name).unwrap().shape;
            // Numbers do not matter here.
            let shape: Vec<usize> = if new == name { shape.clone() } else { vec![shape.len()] };
            tensors.insert(new.clone(), shape);
        }
        let (mut header, mut end) = (serde_json::Map::new(), 0);
        for (name, shape) in tensors {
            let begin = end;
            end += 2 * shape.iter().product::<usize>() as u64;
            header.insert(name, serde_json::json!({"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}));
        }
        let bytes = crate::file_bytes(&serde_json::Value::from(header).to_string(), &[]);
        fs_err::write(&path, &bytes).unwrap();
        fs_err::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes.len() as u64 + end).unwrap();
        if let Ok(model) = ModelFiles::open(&path) {
            model.report().unwrap();
        }
    }
}

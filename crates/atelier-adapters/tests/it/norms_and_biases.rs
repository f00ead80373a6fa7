//! Differences of norms and biases, as `LyCORIS` and `ComfyUI` write them beside the factors of other layers.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_adapters::operate::{Ingredient, apply_to_weight, convert, inspect, merge};
use atelier_adapters::readers::{ReaderVerdict, check};
use atelier_adapters::{
    AdapterFamily, AdapterFile, AdapterFormat, AdapterLayer, BaseLayers, LayerId, LayerNames, Part,
    ReadBy,
};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

/// Tensors of a file: their names, shapes and the number that fills them.
type Tensors<'a> = [(&'a str, &'a [usize], f32)];

/// A norm as `LyCORIS` trains it, and a plain layer.
const LYCORIS: [(&str, &[usize], f32); 5] = [
    ("lora_unet_mid_block_attentions_0_proj_in.alpha", &[], 2.0),
    (
        "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight",
        &[2, 1280, 1, 1],
        0.5,
    ),
    (
        "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight",
        &[1280, 2, 1, 1],
        0.5,
    ),
    ("lora_unet_mid_block_resnets_0_norm1.b_norm", &[1280], 0.25),
    ("lora_unet_mid_block_resnets_0_norm1.w_norm", &[1280], 0.5),
];

/// What `ComfyUI` extracts with `bias_diff`.
const COMFYUI: [(&str, &[usize], f32); 5] = [
    (
        "diffusion_model.middle_block.0.in_layers.0.diff",
        &[1280],
        0.5,
    ),
    (
        "diffusion_model.middle_block.0.in_layers.0.diff_b",
        &[1280],
        0.25,
    ),
    (
        "diffusion_model.middle_block.1.proj_in.diff_b",
        &[1280],
        0.125,
    ),
    (
        "text_encoders.clip_l.transformer.text_model.encoder.layers.0.layer_norm1.diff",
        &[768],
        0.5,
    ),
    (
        "text_encoders.clip_l.transformer.text_model.encoder.layers.0.layer_norm1.diff_b",
        &[768],
        0.5,
    ),
];

fn put(path: &Path, tensors: &Tensors<'_>) {
    let tensors = tensors.iter().map(|(name, shape, value)| OutTensor {
        name: (*name).to_owned(),
        dtype: DType::F16,
        shape: shape.to_vec(),
        data: vec![*value; shape.iter().product()],
    });
    write_tensors(path, &tensors.collect::<Vec<_>>(), &BTreeMap::new()).unwrap();
}

fn read(tensors: &Tensors<'_>) -> AdapterFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    put(&path, tensors);
    AdapterFile::read(path).unwrap()
}

fn published() -> BaseLayers {
    BaseLayers::published(AdapterFamily::Sd1)
}

/// What layers add to ones at a strength, by the place that each has; all numbers of a place are the same.
fn sums(file: AdapterFile, strength: f32) -> BTreeMap<String, f32> {
    let fitted = file.fit(&published()).unwrap();
    assert_eq!(fitted.notes, [""; 0]);
    let base = published();
    let sums = fitted.changes.into_iter().map(|(place, change)| {
        let count = base.shape(&place).unwrap().iter().product();
        let mut numbers = vec![1.0; count];
        apply_to_weight(&change, &mut numbers, strength);
        let is_first = |number: &f32| number.to_bits() == numbers[0].to_bits();
        assert!(numbers.iter().all(is_first), "{place}");
        (place.to_string(), numbers[0])
    });
    sums.collect()
}

fn expected(places: &[(&str, f32)]) -> BTreeMap<String, f32> {
    let places = places
        .iter()
        .map(|(place, sum)| ((*place).to_owned(), *sum));
    places.collect()
}

fn verdicts(path: &Path) -> BTreeMap<&'static str, ReaderVerdict> {
    let verdicts = check(&TensorFile::open(path).unwrap(), &published()).unwrap();
    verdicts
        .into_iter()
        .map(|verdict| (verdict.reader, verdict))
        .collect()
}

#[test]
fn ranks_and_alphas_are_those_of_layers_that_have_them() {
    let about = inspect(&read(&LYCORIS), None);
    assert_eq!(about.layers.len(), 3);
    assert_eq!(about.ranks, BTreeMap::from([(2, 1)]));
    assert_eq!(about.alphas, BTreeMap::from([("2".to_owned(), 1)]));
}

#[test]
fn norms_and_biases_are_found_in_every_spelling_and_added() {
    let lycoris = [
        ("unet.mid_block.attentions.0.proj_in", 1.25),
        ("unet.mid_block.resnets.0.norm1", 1.25),
        ("unet.mid_block.resnets.0.norm1.bias", 1.125),
    ];
    assert_eq!(sums(read(&LYCORIS), 0.5), expected(&lycoris));
    let comfyui = [
        ("text_encoder.encoder.layers.0.layer_norm1", 1.5),
        ("text_encoder.encoder.layers.0.layer_norm1.bias", 1.5),
        ("unet.mid_block.attentions.0.proj_in.bias", 1.125),
        ("unet.mid_block.resnets.0.norm1", 1.5),
        ("unet.mid_block.resnets.0.norm1.bias", 1.25),
    ];
    assert_eq!(sums(read(&COMFYUI), 1.0), expected(&comfyui));
    let report = inspect(&read(&LYCORIS), Some(&published()));
    let kinds = [
        ("LoRA", 1),
        ("difference of a bias", 1),
        ("difference of a norm", 1),
    ];
    assert_eq!(report.kinds, kinds.into());
    let last = report.layers.last().unwrap();
    let place = last.layer.as_deref();
    assert_eq!(place, Some("unet.mid_block.resnets.0.norm1.bias"));
}

#[test]
fn a_difference_without_a_place_is_named_and_one_of_another_width_refused() {
    // Queries have no bias, and norms take no products.
    let to_q = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.diff_b";
    let norm = "lora_unet_mid_block_resnets_0_norm2";
    let (down, up) = (
        format!("{norm}.lora_down.weight"),
        format!("{norm}.lora_up.weight"),
    );
    let more: [(&str, &[usize], f32); 3] = [
        (to_q, &[1280], 1.0),
        (&down, &[1, 1], 1.0),
        (&up, &[1280, 1], 1.0),
    ];
    let fitted = read(&[&LYCORIS[..], &more].concat()).fit(&published());
    let fitted = fitted.unwrap();
    assert_eq!(fitted.changes.len(), 3);
    assert!(
        fitted.notes[0].starts_with("2 of 5 layers have no place in this base"),
        "{:?}",
        fitted.notes
    );
    let other: [(&str, &[usize], f32); 1] =
        [("lora_unet_mid_block_resnets_0_norm1.w_norm", &[640], 1.0)];
    let misfit = read(&other).fit(&published()).unwrap_err().to_string();
    assert!(misfit.contains("the base's weight is [1280]"), "{misfit}");
    let other: [(&str, &[usize], f32); 1] =
        [("lora_unet_mid_block_resnets_0_conv1.diff_b", &[640], 1.0)];
    let misfit = read(&other).fit(&published()).unwrap_err().to_string();
    assert!(misfit.contains("the base's bias is [1280]"), "{misfit}");
}

#[test]
fn two_differences_of_one_bias_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    put(&path, &[("x.b_norm", &[4], 1.0), ("x.diff_b", &[4], 1.0)]);
    let error = AdapterFile::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("`x.b_norm` and `x.diff_b` are the same tensor of a layer"),
        "{error}"
    );
}

#[test]
fn kohya_files_keep_them_and_peft_files_lack_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    for (tensors, strength) in [(&LYCORIS, 1.0), (&COMFYUI, 0.5)] {
        let before = sums(read(tensors), strength);
        let converted = convert(read(tensors), &published(), AdapterFormat::Kohya).unwrap();
        assert_eq!(converted.notes, [""; 0]);
        let written = converted.write(&path, DType::F16, &published(), ReadBy::Any);
        written.unwrap();
        assert_eq!(sums(AdapterFile::read(&path).unwrap(), strength), before);
    }
    let converted = convert(read(&LYCORIS), &published(), AdapterFormat::Peft).unwrap();
    assert_eq!(converted.layers.len(), 1);
    let note = &converted.notes[0];
    assert!(
        note.starts_with("2 differences of norms and biases are left out"),
        "{note}"
    );
    let error = convert(read(&COMFYUI), &published(), AdapterFormat::Peft).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("which peft files cannot hold; use kohya's format"),
        "{message}"
    );
}

#[test]
fn merges_add_them_up_at_strengths() {
    let (one, other) = (read(&LYCORIS), read(&COMFYUI));
    let ingredient = |layers, strength, text_strength| Ingredient {
        layers,
        strength,
        text_strength,
    };
    let ingredients = [
        ingredient(&one.layers[..], 0.5, 1.0),
        ingredient(&other.layers[..], 2.0, 0.0),
    ];
    let names = LayerNames::published(AdapterFamily::Sd1);
    let merged = merge(&ingredients, &names, None).unwrap();
    let file = AdapterFile {
        layers: merged.layers,
        ..read(&LYCORIS)
    };
    let sums = sums(file, 1.0);
    let places = [
        ("unet.mid_block.attentions.0.proj_in.bias", 1.25),
        ("unet.mid_block.resnets.0.norm1", 2.25),
        ("unet.mid_block.resnets.0.norm1.bias", 1.625),
    ];
    for (place, sum) in places {
        assert!((sums[place] - sum).abs() < 1e-6, "{place}: {}", sums[place]);
    }
    // Text encoders are at strength 0.
    assert_eq!(sums.len(), 4);
    let wide = AdapterLayer {
        name: one.layers[1].name.clone(),
        ..read(&[("x.w_norm", &[640], 1.0)]).layers.remove(0)
    };
    let ingredients = [
        ingredient(&one.layers[..], 1.0, 1.0),
        ingredient(std::slice::from_ref(&wide), 1.0, 1.0),
    ];
    let error = merge(&ingredients, &names, None).unwrap_err().to_string();
    assert!(error.contains("(1280, 1) in one adapter"), "{error}");
}

#[test]
fn programs_that_read_them_are_told_from_those_that_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    put(&path, &LYCORIS);
    let found = verdicts(&path);
    for reader in ["ComfyUI", "A1111", "InvokeAI"] {
        assert!(found[reader].passes(), "{:?}", found[reader]);
    }
    let refused = &found["stable-diffusion.cpp"].refused;
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(found["diffusers"].whole.is_some());
    put(&path, &COMFYUI);
    let found = verdicts(&path);
    assert!(found["ComfyUI"].passes(), "{:?}", found["ComfyUI"]);
    assert_eq!(found["A1111"].accepted, 0);
    // Our own names for the same suit all but diffusers, where there are no text encoders.
    let converted = convert(read(&COMFYUI[..2]), &published(), AdapterFormat::Kohya);
    let converted = converted.unwrap();
    let written = converted.write(&path, DType::F16, &published(), ReadBy::Any);
    for verdict in written.unwrap() {
        assert_eq!(
            verdict.passes(),
            verdict.reader != "diffusers",
            "{verdict:?}"
        );
    }
}

#[test]
fn a_bias_beside_other_factors_is_not_read_by_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let bias = "lora_unet_mid_block_attentions_0_proj_in.diff_b";
    let with = |more: &Tensors<'_>| put(&path, &[&LYCORIS[..3], more].concat());
    with(&[(bias, &[1280], 1.0)]);
    let found = verdicts(&path);
    for reader in ["ComfyUI", "stable-diffusion.cpp"] {
        assert!(found[reader].passes(), "{:?}", found[reader]);
    }
    for reader in ["A1111", "InvokeAI"] {
        let (tensor, reason) = found[reader].first_refusal();
        assert_eq!(tensor, bias);
        assert_eq!(
            reason,
            "it reads the difference of a bias only beside `diff`"
        );
    }
    // Alone it is no layer that InvokeAI knows.
    let alone = "lora_unet_mid_block_resnets_0_conv1.diff_b";
    with(&[(alone, &[1280], 1.0)]);
    let whole = verdicts(&path)["InvokeAI"].whole.clone().unwrap();
    assert!(
        whole.contains("`lora_unet_mid_block_resnets_0_conv1`"),
        "{whole}"
    );
}

#[test]
fn kinds_that_are_not_known_here_are_not_said_to_be_unknown_to_programs_that_know_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let oft = "lora_unet_mid_block_resnets_0_conv1.oft_blocks";
    put(&path, &[&LYCORIS[..3], &[(oft, &[4, 2, 2], 1.0)]].concat());
    let found = verdicts(&path);
    for reader in ["ComfyUI", "A1111"] {
        assert!(found[reader].passes(), "{:?}", found[reader]);
    }
    assert!(found["InvokeAI"].whole.is_some());
    let sd_cpp = &found["stable-diffusion.cpp"];
    assert_eq!(sd_cpp.first_refusal().0, oft, "{sd_cpp:?}");
    // Here it is lost, which a conversion says.
    let notes = convert(
        AdapterFile::read(&path).unwrap(),
        &published(),
        AdapterFormat::Kohya,
    );
    let notes = notes.unwrap().notes;
    assert!(
        notes[0].contains("OFT") && notes[0].contains(oft),
        "{notes:?}"
    );
    assert!(notes[1].contains("left out of the new file"), "{notes:?}");
}

#[test]
fn tensors_of_a_part_are_told_by_their_ends() {
    let part = Part::TextEncoder;
    let norm = LayerId::new(part, "text_model.final_layer_norm");
    for (layer, name) in [
        (norm.clone(), "text_model.final_layer_norm.weight"),
        (norm.bias(), "text_model.final_layer_norm.bias"),
    ] {
        assert_eq!(LayerId::of_tensor(part, name), Some(layer.clone()));
        assert_eq!(format!("text_model.{}", layer.tensor()), name);
    }
    assert_eq!(LayerId::of_tensor(part, "position_ids"), None);
}

//! What other programs make of our files, and of files that trip them.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_adapters::operate::convert;
use atelier_adapters::readers::{ReaderVerdict, check};
use atelier_adapters::{
    AdapterFamily, AdapterFile, AdapterFormat, AdapterLayer, Array, BaseLayers, NamedAdapter, Part,
    ReadBy,
};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

/// A rank-1 adapter on every layer that `wanted` has, in diffusers' names.
fn adapter(base: &BaseLayers, wanted: impl Fn(Part, &str) -> bool) -> AdapterFile {
    let layers = base.names().layers().iter();
    let layers = layers
        .filter(|layer| wanted(layer.part, &layer.path) && base.shape(layer).unwrap().len() > 1)
        .map(|layer| {
            let shape = base.shape(layer).unwrap();
            let mut down = shape.to_vec();
            down[0] = 1;
            let mut up = vec![1; shape.len()];
            up[0] = shape[0];
            let array = |shape: Vec<usize>| {
                let count = shape.iter().product();
                Array::new(shape, vec![0.5; count])
            };
            AdapterLayer::low_rank(layer.to_string(), 1.0, array(down), array(up))
        });
    AdapterFile {
        layers: layers.collect(),
        metadata: BTreeMap::new(),
        unknown: Vec::new(),
        format: AdapterFormat::Peft,
        dtype: DType::F16,
    }
}

/// What kohya trains with convolutions.
fn trained(part: Part, path: &str) -> bool {
    let inner = ["attentions", "resnets", "samplers"]
        .iter()
        .any(|kind| path.contains(kind));
    (part != Part::Unet || inner) && path != "text_projection"
}

fn verdicts(path: &Path, base: &BaseLayers) -> BTreeMap<&'static str, ReaderVerdict> {
    let file = TensorFile::open(path).unwrap();
    let verdicts = check(&file, base).unwrap();
    verdicts
        .into_iter()
        .map(|verdict| (verdict.reader, verdict))
        .collect()
}

#[test]
fn every_reader_takes_every_tensor_of_our_kohya_exports() {
    let folder = tempfile::tempdir().unwrap();
    for &family in AdapterFamily::ALL {
        let base = BaseLayers::published(family);
        let converted = convert(adapter(&base, trained), &base, AdapterFormat::Kohya).unwrap();
        let path = folder.path().join(family.name());
        converted
            .write(&path, DType::F16, &base, ReadBy::Any)
            .unwrap();
        for verdict in verdicts(&path, &base).values() {
            assert!(verdict.passes(), "{family}: {verdict:?}");
            assert_eq!(verdict.accepted, converted.layers.len() * 3);
        }
    }
}

#[test]
fn peft_exports_suit_diffusers_and_not_the_others() {
    let folder = tempfile::tempdir().unwrap();
    for &family in AdapterFamily::ALL {
        let base = BaseLayers::published(family);
        let converted = convert(adapter(&base, trained), &base, AdapterFormat::Peft).unwrap();
        let path = folder.path().join(family.name());
        converted
            .write(&path, DType::F16, &base, ReadBy::Any)
            .unwrap();
        let verdicts = verdicts(&path, &base);
        assert!(
            verdicts["diffusers"].passes(),
            "{:?}",
            verdicts["diffusers"]
        );
        let comfyui = &verdicts["ComfyUI"];
        let attention = |name: &str| name.contains("attn1.to_q.lora_A");
        assert!(
            comfyui
                .refused
                .iter()
                .any(|refusal| attention(&refusal.name))
        );
        assert_eq!(verdicts["A1111"].accepted, 0);
        assert!(verdicts["InvokeAI"].whole.is_some());
    }
}

/// The kohya export of SDXL's first attention, with tensors under other names beside it.
fn with_others(path: &Path, base: &BaseLayers, others: &[(&str, Vec<usize>)]) {
    let first = |part, path: &str| {
        part == Part::Unet
            && path.starts_with("down_blocks.1.attentions.0.transformer_blocks.0.attn1")
    };
    let converted = convert(adapter(base, first), base, AdapterFormat::Kohya).unwrap();
    converted
        .write(path, DType::F32, base, ReadBy::All)
        .unwrap();
    let file = TensorFile::open(path).unwrap();
    let own = file
        .names()
        .map(|name| (name.to_owned(), file.info(name).unwrap().shape.clone()));
    let others = others
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), shape.clone()));
    let tensors: Vec<_> = own
        .chain(others)
        .map(|(name, shape)| OutTensor {
            name,
            dtype: DType::F32,
            data: vec![1.0; shape.iter().product()],
            shape,
        })
        .collect();
    write_tensors(path, &tensors, &BTreeMap::new()).unwrap();
}

#[test]
fn mixed_block_names_are_flagged_for_diffusers_and_invokeai() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixed");
    let base = BaseLayers::published(AdapterFamily::Sdxl);
    let name = "lora_unet_down_blocks_1_attentions_1_transformer_blocks_0_attn1_to_q";
    let (down, up) = (
        format!("{name}.lora_down.weight"),
        format!("{name}.lora_up.weight"),
    );
    with_others(&path, &base, &[(&down, vec![1, 640]), (&up, vec![640, 1])]);
    let verdicts = verdicts(&path, &base);
    for reader in ["ComfyUI", "A1111", "stable-diffusion.cpp"] {
        assert!(verdicts[reader].passes(), "{:?}", verdicts[reader]);
    }
    let diffusers = &verdicts["diffusers"];
    assert_eq!(diffusers.accepted, 2);
    assert!(
        diffusers
            .refused
            .iter()
            .all(|r| r.name.contains("input_blocks") && r.reason.contains("drops"))
    );
    assert!(
        verdicts["InvokeAI"]
            .whole
            .as_ref()
            .unwrap()
            .contains("mix of block names")
    );
    // Reading takes both.
    let fitted = AdapterFile::read(&path).unwrap().fit(&base).unwrap();
    assert_eq!(fitted.changes.len(), 5);
    assert!(fitted.notes.is_empty());
}

#[test]
fn a_bundled_embedding_is_flagged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundled");
    let base = BaseLayers::published(AdapterFamily::Sdxl);
    with_others(&path, &base, &[("bundle_emb.cat.clip_l", vec![1, 768])]);
    let verdicts = verdicts(&path, &base);
    assert!(verdicts["A1111"].passes());
    for reader in ["ComfyUI", "InvokeAI", "stable-diffusion.cpp"] {
        assert_eq!(verdicts[reader].refused.len(), 1, "{:?}", verdicts[reader]);
    }
    let diffusers = &verdicts["diffusers"];
    assert_eq!(diffusers.accepted, 0);
    assert!(
        diffusers.refused[1].reason.contains("bundle_emb"),
        "{diffusers:?}"
    );
}

#[test]
fn shapes_are_judged_with_the_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flat");
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let name = "lora_unet_mid_block_attentions_0_proj_in";
    let (down, up) = (
        format!("{name}.lora_down.weight"),
        format!("{name}.lora_up.weight"),
    );
    // Two axes for a 1×1 convolution: only diffusers minds.
    with_others(
        &path,
        &base,
        &[(&down, vec![1, 1280]), (&up, vec![1280, 1])],
    );
    let flat = verdicts(&path, &base);
    assert!(flat["ComfyUI"].passes());
    assert!(
        flat["diffusers"].refused[0]
            .reason
            .contains("2 axes, the weight has 4")
    );
    with_others(&path, &base, &[(&down, vec![1, 99]), (&up, vec![1280, 1])]);
    assert!(
        verdicts(&path, &base)
            .values()
            .all(|verdict| verdict.refused.len() == 2)
    );
}

#[test]
fn a_whole_difference_gets_the_axes_of_the_weight_which_comfyui_wants() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let name = "lora_unet_down_blocks_0_attentions_0_proj_in.diff";
    with_others(&path, &base, &[(name, vec![320, 320])]);
    let comfyui = &verdicts(&path, &base)["ComfyUI"];
    let (tensor, reason) = comfyui.first_refusal();
    assert_eq!(tensor, name);
    assert!(
        reason.contains("[320, 320], the base's tensor [320, 320, 1, 1]"),
        "{reason}"
    );
    for other in ["A1111", "InvokeAI", "stable-diffusion.cpp"] {
        assert!(verdicts(&path, &base)[other].passes(), "{other}");
    }
    let read = AdapterFile::read(&path).unwrap();
    let converted = convert(read, &base, AdapterFormat::Kohya).unwrap();
    let written = converted.write(&path, DType::F16, &base, ReadBy::Any);
    let comfyui = written.unwrap().remove(0);
    assert!(comfyui.passes(), "{comfyui:?}");
    let file = TensorFile::open(&path).unwrap();
    assert_eq!(file.info(name).unwrap().shape, [320, 320, 1, 1]);
}

#[test]
fn comfyui_reads_its_own_names_of_text_encoders_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own");
    let base = BaseLayers::published(AdapterFamily::Sdxl);
    let stem = "text_encoders.clip_g.transformer.text_model.encoder.layers.3.mlp.fc1";
    let (down, up) = (
        format!("{stem}.lora_down.weight"),
        format!("{stem}.lora_up.weight"),
    );
    with_others(
        &path,
        &base,
        &[(&down, vec![1, 1280]), (&up, vec![5120, 1])],
    );
    let verdicts = verdicts(&path, &base);
    assert!(verdicts["ComfyUI"].passes(), "{:?}", verdicts["ComfyUI"]);
    for reader in ["A1111", "InvokeAI", "stable-diffusion.cpp"] {
        assert_eq!(verdicts[reader].refused.len(), 2, "{:?}", verdicts[reader]);
    }
    let fitted = AdapterFile::read(&path).unwrap().fit(&base).unwrap();
    assert_eq!((fitted.changes.len(), fitted.notes.len()), (5, 0));
}

#[test]
fn alphas_that_diffusers_does_not_see_are_flagged_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd");
    let base = BaseLayers::published(AdapterFamily::Sdxl);
    let first = |part, path: &str| {
        part == Part::Unet && path.starts_with("mid_block.attentions.0.transformer_blocks.0")
    };
    let mut converted = convert(adapter(&base, first), &base, AdapterFormat::Kohya).unwrap();
    for layer in &mut converted.layers {
        if layer.name.ends_with("attn1_to_q") || layer.name.ends_with("ff_net_2") {
            layer.alpha = 0.5;
        }
    }
    converted
        .write(&path, DType::F16, &base, ReadBy::Any)
        .unwrap();
    let verdicts = verdicts(&path, &base);
    let refused = &verdicts["diffusers"].refused;
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(
        refused
            .iter()
            .all(|refusal| refusal.name.contains("attn1_to_q"))
    );
    assert!(
        refused[0].reason.contains("alpha 1 for its 0.5"),
        "{refused:?}"
    );
    assert!(verdicts["ComfyUI"].passes() && verdicts["InvokeAI"].passes());
}

#[test]
fn a_file_that_a_program_would_not_read_does_not_get_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.safetensors");
    let base = BaseLayers::published(AdapterFamily::Sdxl);
    let write = |layer: &str, format, read_by| {
        let down = Array::new([2, 640], vec![0.5; 2 * 640]);
        let up = Array::new([640, 2], vec![0.25; 2 * 640]);
        let adapter = NamedAdapter {
            format,
            layers: vec![AdapterLayer::low_rank(layer, 2.0, down, up)],
            metadata: BTreeMap::new(),
            notes: Vec::new(),
        };
        adapter.write(&path, DType::F16, &base, read_by)
    };
    let (kohya, peft) = (AdapterFormat::Kohya, AdapterFormat::Peft);
    let named = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q";
    for (layer, format, read_by) in [
        ("lora_unet_no_such_layer", kohya, ReadBy::Any),
        (named, peft, ReadBy::All),
    ] {
        let error = write(layer, format, read_by).unwrap_err().to_string();
        assert!(error.contains("would not use tensor"), "{error}");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }
    let verdicts = write(named, peft, ReadBy::Any).unwrap();
    assert!(verdicts.iter().any(|verdict| !verdict.passes()));
    fs_err::remove_file(&path).unwrap();
    let named = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q";
    write(named, kohya, ReadBy::All).unwrap();
    assert_eq!(AdapterFile::read(&path).unwrap().layers.len(), 1);
}

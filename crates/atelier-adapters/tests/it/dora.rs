//! `DoRA` in both formats: one flag for each part of a PEFT file, and lengths with the axes of the weight.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_adapters::operate::convert;
use atelier_adapters::readers::{ReaderVerdict, check};
use atelier_adapters::{
    AdapterFamily, AdapterFile, AdapterFormat, AdapterLayer, Array, BaseLayers, NamedAdapter,
    ReadBy,
};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};
use serde_json::json;

const TO_Q: &str = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
const TO_K: &str = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k";
const PROJ: &str = "unet.mid_block.attentions.0.proj_in";
const TEXT: &str = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj";

fn filled(shape: &[usize]) -> Array {
    Array::new(shape, vec![0.5; shape.iter().product()])
}

/// A layer for a square weight.
fn plain(name: &str, width: usize) -> AdapterLayer {
    AdapterLayer::low_rank(name, 2.0, filled(&[2, width]), filled(&[width, 2]))
}

fn dora(name: &str, width: usize) -> AdapterLayer {
    AdapterLayer {
        dora_scale: Some(filled(&[width, 1])),
        ..plain(name, width)
    }
}

fn file(layers: Vec<AdapterLayer>) -> AdapterFile {
    AdapterFile {
        layers,
        metadata: BTreeMap::new(),
        unknown: Vec::new(),
        format: AdapterFormat::Kohya,
        dtype: DType::F16,
    }
}

/// Writes tensors of a square layer: the ends of their names, and their shapes.
fn put(path: &Path, tensors: &[(&str, &str, &[usize])], metadata: &BTreeMap<String, String>) {
    let tensors = tensors.iter().map(|(name, end, shape)| OutTensor {
        name: format!("{name}.{end}"),
        dtype: DType::F16,
        shape: shape.to_vec(),
        data: vec![0.5; shape.iter().product()],
    });
    write_tensors(path, &tensors.collect::<Vec<_>>(), metadata).unwrap();
}

fn verdict(path: &Path, reader: &str) -> ReaderVerdict {
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let mut verdicts = check(&TensorFile::open(path).unwrap(), &base).unwrap();
    let index = verdicts.iter().position(|found| found.reader == reader);
    verdicts.swap_remove(index.unwrap())
}

#[test]
fn each_part_of_a_peft_file_says_whether_it_is_dora() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let source = file(vec![dora(TO_Q, 1280), dora(TO_K, 1280), plain(TEXT, 768)]);
    let peft = convert(source, &base, AdapterFormat::Peft).unwrap();
    peft.write(&path, DType::F16, &base, ReadBy::Any).unwrap();
    let read = AdapterFile::read(&path).unwrap();
    let settings: serde_json::Value =
        serde_json::from_str(&read.metadata["lora_adapter_metadata"]).unwrap();
    assert_eq!(settings["unet.use_dora"], json!(true));
    assert_eq!(settings["text_encoder.use_dora"], json!(false));
    let diffusers = verdict(&path, "diffusers");
    assert!(diffusers.passes(), "{diffusers:?}");
}

#[test]
fn a_part_with_dora_and_plain_layers_becomes_no_peft_file() {
    let folder = tempfile::tempdir().unwrap();
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let layers = || vec![dora(TO_Q, 1280), plain(TO_K, 1280), plain(TEXT, 768)];
    let error = convert(file(layers()), &base, AdapterFormat::Peft).unwrap_err();
    let message = error.to_string();
    let names = format!("layer `{TO_Q}` is a DoRA and `{TO_K}` is none");
    assert!(
        message.starts_with(&names) && message.contains("use kohya's format"),
        "{message}"
    );
    convert(file(layers()), &base, AdapterFormat::Kohya).unwrap();
    // Nor does the proof of a file that is written let it pass.
    let mut layers = layers();
    layers[0].magnitude_rule = AdapterFormat::Peft.magnitude_rule();
    let adapter = NamedAdapter {
        format: AdapterFormat::Peft,
        layers,
        metadata: BTreeMap::new(),
        notes: Vec::new(),
    };
    let path = folder.path().join("a.safetensors");
    let written = adapter.write(&path, DType::F16, &base, ReadBy::Any);
    assert!(written.is_err() && !path.exists());
}

#[test]
fn diffusers_takes_no_file_that_mixes_them_in_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let mixed: [(&str, &str, &[usize]); 7] = [
        (TO_Q, "lora_A.weight", &[2, 1280]),
        (TO_Q, "lora_B.weight", &[1280, 2]),
        (TO_Q, "lora_magnitude_vector", &[1280]),
        (TO_K, "lora_A.weight", &[2, 1280]),
        (TO_K, "lora_B.weight", &[1280, 2]),
        (TEXT, "lora_A.weight", &[2, 768]),
        (TEXT, "lora_B.weight", &[768, 2]),
    ];
    let said = |flag: bool| {
        let settings = json!({"unet.r": 2, "unet.lora_alpha": 2, "unet.use_dora": flag});
        BTreeMap::from([("lora_adapter_metadata".to_owned(), settings.to_string())])
    };
    for (metadata, layer, count, reason) in [
        (BTreeMap::new(), TO_K, 2, "this one has no lengths"),
        (said(true), TO_K, 2, "this one has no lengths"),
        (said(false), TO_Q, 3, "no layer of the unet is a DoRA"),
    ] {
        put(&path, &mixed, &metadata);
        let refused = verdict(&path, "diffusers").refused;
        assert_eq!(refused.len(), count, "{refused:?}");
        for refusal in refused {
            assert!(refusal.name.starts_with(layer), "{refusal:?}");
            assert!(refusal.reason.contains(reason), "{refusal:?}");
        }
    }
}

#[test]
fn converted_lengths_have_the_axes_of_the_weight() {
    let folder = tempfile::tempdir().unwrap();
    let [peft, kohya, again] = ["peft", "kohya", "again"].map(|name| folder.path().join(name));
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let tensors: [(&str, &str, &[usize]); 6] = [
        (PROJ, "lora_A.weight", &[2, 1280, 1, 1]),
        (PROJ, "lora_B.weight", &[1280, 2, 1, 1]),
        (PROJ, "lora_magnitude_vector", &[1, 1280, 1, 1]),
        (TO_Q, "lora_A.weight", &[2, 1280]),
        (TO_Q, "lora_B.weight", &[1280, 2]),
        (TO_Q, "lora_magnitude_vector", &[1280]),
    ];
    put(&peft, &tensors, &BTreeMap::new());
    let to = |from: &Path, format, path: &Path| {
        let converted = convert(AdapterFile::read(from).unwrap(), &base, format).unwrap();
        converted
            .write(path, DType::F16, &base, ReadBy::Any)
            .unwrap();
        TensorFile::open(path).unwrap()
    };
    let file = to(&peft, AdapterFormat::Kohya, &kohya);
    let shape = |file: &TensorFile, end: &str| {
        let name = file.names().find(|name| name.ends_with(end)).unwrap();
        file.info(name).unwrap().shape.clone()
    };
    assert_eq!(shape(&file, "proj_in.dora_scale"), [1280, 1, 1, 1]);
    assert_eq!(shape(&file, "to_q.dora_scale"), [1280, 1]);
    let file = to(&kohya, AdapterFormat::Peft, &again);
    let end = "proj_in.lora_magnitude_vector";
    assert_eq!(shape(&file, end), [1, 1280, 1, 1]);
    // Lengths per input channel have the same axes.
    let mut columns = plain(PROJ, 1280);
    columns.dora_scale = Some(filled(&[1, 1280]));
    let columns = convert(self::file(vec![columns]), &base, AdapterFormat::Kohya).unwrap();
    let lengths = columns.layers[0].dora_scale.as_ref().unwrap();
    assert_eq!(lengths.shape, [1, 1280, 1, 1]);
}

const KOHYA_PROJ: &str = "lora_unet_mid_block_attentions_0_proj_in";

/// Writes a layer with lengths of this shape.
fn put_lengths(path: &Path, shape: &[usize]) {
    let tensors: [(&str, &str, &[usize]); 3] = [
        (KOHYA_PROJ, "lora_down.weight", &[2, 1280, 1, 1]),
        (KOHYA_PROJ, "lora_up.weight", &[1280, 2, 1, 1]),
        (KOHYA_PROJ, "dora_scale", shape),
    ];
    put(path, &tensors, &BTreeMap::new());
}

#[test]
fn lengths_suit_programs_by_their_axes_and_by_what_they_are_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let axes = "its DoRA lengths have 2 axes, the weight has 4";
    for (shape, reasons) in [
        (&[1280, 1][..], Some([axes; 3])),
        (&[1, 1280], Some([axes; 3])),
        (&[1, 1280, 1, 1], None),
        (
            &[1280, 1, 1, 1],
            Some([
                "the lengths that the base's rows have without the change",
                "the lengths of columns",
                "the lengths of columns",
            ]),
        ),
    ] {
        put_lengths(&path, shape);
        for (at, reader) in ["ComfyUI", "A1111", "InvokeAI"].into_iter().enumerate() {
            let verdict = verdict(&path, reader);
            assert_eq!(verdict.passes(), reasons.is_none(), "{verdict:?}");
            let (_, reason) = verdict.first_refusal();
            let expected = reasons.map_or("", |reasons| reasons[at]);
            assert!(reason.contains(expected), "{reader}, {shape:?}: {reason}");
        }
    }
}

#[test]
fn lengths_of_rows_are_converted_and_the_note_says_what_programs_make_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let rows = convert(file(vec![dora(TO_Q, 1280)]), &base, AdapterFormat::Kohya).unwrap();
    assert!(
        rows.notes[0].starts_with("1 DoRA layers have a length for each row"),
        "{:?}",
        rows.notes
    );
    let verdicts = rows.write(&path, DType::F16, &base, ReadBy::Any).unwrap();
    assert!(verdicts.iter().all(|verdict| !verdict.passes()));
    assert!(rows.write(&path, DType::F16, &base, ReadBy::All).is_err());
    // Lengths of columns have programs that read them.
    let mut columns = dora(TO_Q, 1280);
    columns.dora_scale = Some(filled(&[1, 1280]));
    let columns = convert(file(vec![columns]), &base, AdapterFormat::Kohya).unwrap();
    assert_eq!(columns.notes, [""; 0]);
    let verdicts = columns.write(&path, DType::F16, &base, ReadBy::Any);
    let reading = verdicts.unwrap();
    assert_eq!(reading.iter().filter(|verdict| verdict.passes()).count(), 3);
}

#[test]
fn lengths_of_ai_toolkit_are_those_of_rows_in_the_meaning_of_peft() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let tensors: [(&str, &str, &[usize]); 3] = [
        (KOHYA_PROJ, "lora_down.weight", &[2, 1280, 1, 1]),
        (KOHYA_PROJ, "lora_up.weight", &[1280, 2, 1, 1]),
        (KOHYA_PROJ, "magnitude", &[1280]),
    ];
    put(&path, &tensors, &BTreeMap::new());
    let read = AdapterFile::read(&path).unwrap();
    assert_eq!(read.unknown, [""; 0]);
    assert_eq!(read.format, AdapterFormat::Kohya);
    let layer = &read.layers[0];
    assert_eq!(
        (layer.kind(), layer.alpha.to_bits()),
        ("DoRA", 2f32.to_bits())
    );
    assert_eq!(layer.dora_scale, Some(filled(&[1280, 1])));
    assert_eq!(layer.magnitude_rule, AdapterFormat::Peft.magnitude_rule());
    for reader in ["ComfyUI", "A1111", "InvokeAI"] {
        let verdict = verdict(&path, reader);
        let (tensor, reason) = verdict.first_refusal();
        assert!(tensor.ends_with(".magnitude"), "{tensor}");
        assert_eq!(reason, "it knows DoRA only as `dora_scale`");
    }
    // PEFT's format has the same meaning, and diffusers reads it.
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let peft = convert(read, &base, AdapterFormat::Peft).unwrap();
    assert_eq!(peft.notes, [""; 0]);
    let verdicts = peft.write(&path, DType::F16, &base, ReadBy::Any).unwrap();
    let diffusers = verdicts.iter().find(|found| found.reader == "diffusers");
    assert!(diffusers.unwrap().passes(), "{diffusers:?}");
}

#[test]
fn invokeai_raises_an_error_on_lengths_of_other_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let (down, up): (&[usize], &[usize]) = (&[2, 1280, 1, 1], &[1280, 2, 1, 1]);
    let lengths = (KOHYA_PROJ, "dora_scale", &[1, 1280, 1, 1][..]);
    let plain = [
        (KOHYA_PROJ, "lora_down.weight", down),
        (KOHYA_PROJ, "lora_up.weight", up),
    ];
    let mid = [(KOHYA_PROJ, "lora_mid.weight", &[2, 2, 1, 1][..])];
    let whole = [(KOHYA_PROJ, "diff", &[1280, 1280, 1, 1][..])];
    let loha = ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"].map(|end| {
        let shape: &[usize] = if end.ends_with('a') {
            &[1280, 2]
        } else {
            &[2, 1280]
        };
        (KOHYA_PROJ, end, shape)
    });
    for (tensors, is_read) in [
        (plain.to_vec(), true),
        ([&plain[..], &mid].concat(), false),
        (loha.to_vec(), false),
        (whole.to_vec(), false),
    ] {
        let tensors = [&tensors[..], &[lengths]].concat();
        put(&path, &tensors, &BTreeMap::new());
        let invokeai = verdict(&path, "InvokeAI");
        assert_eq!(invokeai.passes(), is_read, "{invokeai:?}");
        let whole = invokeai.whole.unwrap_or_default();
        assert_eq!(whole.contains("DoRA of anything but plain LoRA"), !is_read);
    }
    // ComfyUI reads all of them but lengths beside a whole difference.
    let comfyui = verdict(&path, "ComfyUI");
    assert_eq!(
        comfyui.first_refusal().1,
        "it ignores DoRA's lengths beside a whole difference"
    );
}

//! Adapter files of other programs on tiny models of both families: `golden/adapter_files/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use atelier_adapters::operate::{convert, delta};
use atelier_adapters::{
    AdapterFamily, AdapterFile, AdapterFormat, BaseLayers, FittedAdapter, LayerId, Part, ReadBy,
};
use atelier_weights::{DType, TensorFile};

/// Sums of a few f32 products in another order.
const TOLERANCE: f64 = 1e-5;
/// One more rounding to f16, where a scale was put into the factors first.
const HALF_TOLERANCE: f64 = 2e-3;

const FILES: [(&str, AdapterFamily, f64); 5] = [
    ("sd15_peft", AdapterFamily::Sd1, TOLERANCE),
    ("sd15_processor", AdapterFamily::Sd1, TOLERANCE),
    ("sdxl_peft", AdapterFamily::Sdxl, TOLERANCE),
    ("sdxl_kohya", AdapterFamily::Sdxl, HALF_TOLERANCE),
    ("sdxl_sgm", AdapterFamily::Sdxl, TOLERANCE),
];

fn path(name: &str) -> PathBuf {
    let folder = atelier_testkit::golden_folder().join("adapter_files");
    folder.join(format!("{name}.safetensors"))
}

fn case(family: AdapterFamily) -> &'static str {
    match family {
        AdapterFamily::Sdxl => "sdxl",
        AdapterFamily::Sd1 | AdapterFamily::Sd2 => "sd15",
    }
}

fn base(expected: &TensorFile, family: AdapterFamily) -> BaseLayers {
    type Shapes = BTreeMap<String, Vec<usize>>;
    let config: BTreeMap<String, BTreeMap<String, Shapes>> =
        serde_json::from_str(&expected.metadata()["config"]).unwrap();
    let parts = &config[case(family)];
    let layers = Part::ALL.into_iter().flat_map(|part| {
        let layers = parts.get(part.name()).into_iter().flatten();
        layers.map(move |(path, shape)| (LayerId::new(part, path), shape.clone()))
    });
    BaseLayers::new(family, layers)
}

/// Every layer's change against the reference, and no layer more or less.
fn assert_same(
    fitted: FittedAdapter,
    expected: &TensorFile,
    family: AdapterFamily,
    tolerance: f64,
) {
    assert_eq!(fitted.notes, [""; 0]);
    let case = case(family);
    let layers = expected
        .names()
        .filter(|name| name.starts_with(case))
        .count();
    assert_eq!(fitted.changes.len(), layers);
    for (id, change) in fitted.changes {
        let delta = delta(&change);
        let vector = expected.read_f32(&format!("v.{}", delta.columns)).unwrap();
        let reference = expected.read_f32(&format!("{case}.{id}")).unwrap();
        assert_eq!(delta.rows, reference.len(), "{id}");
        let rows = delta.values.chunks(delta.columns);
        let products = rows.map(|row| row.iter().zip(&vector).map(|(a, b)| a * b).sum());
        let products: Vec<f32> = products.collect();
        atelier_testkit::assert_case_close(&id.to_string(), &products, &reference, tolerance);
    }
}

#[test]
fn files_of_every_naming_change_weights_as_peft_does() {
    let expected = TensorFile::open(path("expected")).unwrap();
    for (name, family, tolerance) in FILES {
        let file = AdapterFile::read(path(name)).unwrap();
        let fitted = file.fit(&base(&expected, family)).unwrap();
        assert_same(fitted, &expected, family, tolerance);
    }
}

#[test]
fn files_of_every_naming_convert_to_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.safetensors");
    let expected = TensorFile::open(path("expected")).unwrap();
    for (name, family, tolerance) in FILES {
        let base = base(&expected, family);
        for &format in AdapterFormat::ALL {
            let file = AdapterFile::read(path(name)).unwrap();
            let converted = convert(file, &base, format).unwrap();
            converted
                .write(&out, DType::F32, &base, ReadBy::Any)
                .unwrap();
            let again = AdapterFile::read(&out).unwrap();
            assert_eq!(again.format, format);
            let sgm = again
                .layers
                .iter()
                .any(|layer| layer.name.contains("input_blocks"));
            assert_eq!(
                sgm,
                family == AdapterFamily::Sdxl && format == AdapterFormat::Kohya
            );
            assert_same(again.fit(&base).unwrap(), &expected, family, tolerance);
        }
    }
}

#[test]
fn an_adapter_of_the_other_family_is_refused_with_what_it_is_for() {
    let expected = TensorFile::open(path("expected")).unwrap();
    for name in ["sdxl_sgm", "sdxl_peft", "sdxl_kohya"] {
        let file = AdapterFile::read(path(name)).unwrap();
        let misfit = file.fit(&base(&expected, AdapterFamily::Sd1)).unwrap_err();
        let message = misfit.to_string();
        assert!(
            message.ends_with("the file is made for Stable Diffusion XL"),
            "{message}"
        );
    }
    let file = AdapterFile::read(path("sd15_peft")).unwrap();
    let misfit = file.fit(&base(&expected, AdapterFamily::Sdxl)).unwrap_err();
    assert!(misfit.count > 0 && misfit.total == 64, "{misfit}");
}

#[test]
fn kohya_text_encoder_names_are_taken_for_no_other_architecture() {
    let expected = TensorFile::open(path("expected")).unwrap();
    let sd15 = base(&expected, AdapterFamily::Sd1);
    let file = AdapterFile::read(path("sd15_peft")).unwrap();
    let mut kohya = AdapterFile::read(path("sd15_peft")).unwrap();
    kohya.layers = convert(file, &sd15, AdapterFormat::Kohya).unwrap().layers;
    // A layer without a place is a note and must not make the file another architecture's.
    let mut stray = kohya.layers[0].clone();
    stray.name = "lora_te_text_model_encoder_layers_99_self_attn_q_proj".to_owned();
    kohya.layers.push(stray);
    let fitted = kohya.fit(&sd15).unwrap();
    assert_eq!(fitted.changes.len(), 64);
    assert!(
        fitted.notes[0].contains("layers_99_self_attn_q_proj"),
        "{:?}",
        fitted.notes
    );
}

//! The scale of an adapter: from wherever it is kept, into whatever format, without loss.

use std::collections::BTreeMap;
use std::path::PathBuf;

use atelier_adapters::operate::{Ingredient, convert, delta, merge};
use atelier_adapters::{
    AdapterFamily, AdapterFile, AdapterFormat, AdapterLayer, Array, BaseLayers, LayerId, Part,
    ReadBy,
};
use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::{DType, OutTensor, write_tensors};
use half::f16;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const TO_Q: &str = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";

fn golden(name: &str) -> PathBuf {
    atelier_testkit::golden_folder().join(name)
}

/// A folder that PEFT saved, with a scale of 2 and others.
fn saved_by_peft() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in [CONFIG, WEIGHTS] {
        let from = golden("adapter_kinds/peft_lora").join(name);
        fs_err::copy(from, folder.path().join(name)).unwrap();
    }
    folder
}

fn scales(file: &AdapterFile) -> Vec<f32> {
    file.layers.iter().map(AdapterLayer::scale).collect()
}

#[test]
fn settings_beside_weights_count_however_the_weights_are_named() {
    let folder = saved_by_peft();
    let [config, weights, other] =
        [CONFIG, WEIGHTS, "other.safetensors"].map(|name| folder.path().join(name));
    let whole = AdapterFile::read(folder.path()).unwrap();
    assert_eq!(scales(&whole), [3.0, 0.5, 2.0]);
    let file = AdapterFile::read(&weights).unwrap();
    assert_eq!(file, whole);
    assert!(file.needs_settings() && file.notes().is_empty());
    // Settings are about PEFT's own file where it is there.
    fs_err::copy(&weights, &other).unwrap();
    let copy = AdapterFile::read(&other).unwrap();
    assert_eq!(scales(&copy), [1.0; 3]);
    assert!(!copy.needs_settings());
    fs_err::remove_file(&weights).unwrap();
    assert_eq!(AdapterFile::read(&other).unwrap(), whole);
    // Whoever says its scales itself needs none of them.
    for name in ["sdxl_kohya", "sdxl_peft"] {
        let from = golden("adapter_files").join(format!("{name}.safetensors"));
        let alone = AdapterFile::read(&from).unwrap();
        fs_err::copy(from, &other).unwrap();
        assert_eq!(AdapterFile::read(&other).unwrap(), alone);
    }
    let from = golden("adapter_kinds/peft_lora").join(WEIGHTS);
    fs_err::copy(from, &other).unwrap();
    fs_err::remove_file(config).unwrap();
    let alone = AdapterFile::read(&other).unwrap();
    assert!(alone.lacks_settings() && !whole.lacks_settings());
    let [note] = &alone.notes()[..] else {
        panic!("a file that PEFT saved lacks its settings, which is to be said");
    };
    assert!(note.contains(CONFIG) && note.contains("scale 1"), "{note}");
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let folder = saved_by_peft();
    let config = folder.path().join(CONFIG);
    let refusal = || {
        let error = AdapterFile::read(folder.path()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadWeights, "{error}");
        let message = error.to_string();
        assert!(message.contains(CONFIG), "{message}");
        message
    };
    fs_err::write(&config, b"\xff").unwrap();
    assert!(refusal().contains("not text"));
    fs_err::write(&config, b"[]").unwrap();
    assert!(refusal().contains("its settings cannot be read"));
    // A file that takes no place on the disk, however large it is said to be.
    let sparse = fs_err::File::create(&config).unwrap();
    sparse.set_len(1 << 26).unwrap();
    assert!(refusal().contains("has 67108864 bytes"));
}

#[test]
fn the_alpha_of_a_layer_without_a_rank_may_be_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let tensor = |name: &str, shape: &[usize], value| OutTensor {
        name: format!("lora_unet_a.{name}"),
        dtype: DType::F16,
        shape: shape.to_vec(),
        data: vec![value; shape.iter().product()],
    };
    for alpha in [f32::INFINITY, f32::NAN, 100.0] {
        // LyCORIS writes such an alpha for `network_dim=100000`.
        let tensors = [
            tensor("lokr_w1", &[2, 2], 1.0),
            tensor("lokr_w2", &[3, 4], 1.0),
            tensor("alpha", &[], alpha),
        ];
        write_tensors(&path, &tensors, &BTreeMap::new()).unwrap();
        let layer = AdapterFile::read(&path).unwrap().layers.remove(0);
        assert_eq!((layer.alpha, layer.scale()), (1.0, 1.0));
    }
}

/// A layer as trained with rank 128 and alpha 1, in numbers that f16 holds.
fn weak() -> AdapterLayer {
    let numbers = |seed: usize, size: f32, shape: [usize; 2]| {
        let number = |i| (((i + seed) * 7919 + seed * 104_729) % 257) as f32 / 128.0 - 1.0;
        let rounded = |i| f16::from_f32(number(i) * size).to_f32();
        Array::new(shape, (0..shape[0] * shape[1]).map(rounded).collect())
    };
    let (down, up) = (numbers(1, 0.03, [128, 64]), numbers(2, 1e-4, [48, 128]));
    AdapterLayer::low_rank(format!("unet.{TO_Q}"), 1.0, down, up)
}

fn one_layer() -> BaseLayers {
    let layer = LayerId::new(Part::Unet, TO_Q);
    BaseLayers::new(AdapterFamily::Sd1, [(layer, vec![48, 64])])
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

/// Writes an adapter and says how far its only layer, read again, is from a change, as a share of the change's length.
fn error_of(adapter: AdapterFile, to: AdapterFormat, dtype: DType, expected: &[f32]) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let base = one_layer();
    let converted = convert(adapter, &base, to).unwrap();
    converted.write(&path, dtype, &base, ReadBy::Any).unwrap();
    let layer = AdapterFile::read(&path).unwrap().layers.remove(0);
    let got = delta(&layer.into_change()).values;
    let pairs = got.iter().zip(expected);
    let (lost, whole) = pairs.fold((0.0, 0.0), |(lost, whole), (got, expected)| {
        let difference = f64::from(got - expected);
        (
            lost + difference.powi(2),
            whole + f64::from(*expected).powi(2),
        )
    });
    (lost / whole).sqrt()
}

#[test]
fn small_scales_cost_no_digits_when_they_go_into_the_factors() {
    let whole = delta(&weak().into_change()).values;
    for (dtype, most) in [(DType::F16, 5e-4), (DType::BF16, 5e-3), (DType::F32, 1e-5)] {
        let error = error_of(file(vec![weak()]), AdapterFormat::Peft, dtype, &whole);
        assert!(error < most, "{dtype}: {error}");
        let layers = [weak()];
        let ingredient = Ingredient {
            layers: &layers,
            strength: 0.8,
            text_strength: 0.8,
        };
        let merged = merge(&[ingredient], one_layer().names(), None).unwrap();
        let part: Vec<_> = whole.iter().map(|value| value * 0.8).collect();
        for &to in AdapterFormat::ALL {
            let error = error_of(file(merged.layers.clone()), to, dtype, &part);
            assert!(error < most, "{dtype} {to}: {error}");
        }
    }
}

#[test]
fn metadata_of_a_converted_file_say_what_it_holds() {
    let base = one_layer();
    let mut source = file(vec![weak()]);
    for (key, value) in [
        ("ss_network_alpha", "1.0"),
        ("ss_network_dim", "128"),
        ("ss_output_name", "weak"),
        ("modelspec.hash_sha256", "0x00"),
        (CONFIG, "{}"),
    ] {
        source.metadata.insert(key.to_owned(), value.to_owned());
    }
    let kohya = convert(source.clone(), &base, AdapterFormat::Kohya).unwrap();
    assert_eq!(kohya.metadata["ss_network_alpha"], "1.0");
    let peft = convert(source, &base, AdapterFormat::Peft).unwrap();
    for adapter in [&kohya, &peft] {
        assert_eq!(adapter.metadata["ss_output_name"], "weak");
        assert!(!adapter.metadata.contains_key("modelspec.hash_sha256"));
        assert!(!adapter.metadata.contains_key(CONFIG));
    }
    // The scale went into the factors.
    assert!(!peft.metadata.contains_key("ss_network_alpha"));
    let mut back = file(peft.layers);
    back.metadata = peft.metadata;
    let back = convert(back, &base, AdapterFormat::Kohya).unwrap();
    assert_eq!(back.metadata["ss_network_alpha"], "128.0");
    assert_eq!(back.metadata["ss_network_dim"], "128");
}

//! Conversions, merges and reports of adapter files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use atelier_adapters::operate::{
    Ingredient, MergeError, convert, delta, inspect, merge, merge_while, survey,
};
use atelier_adapters::{
    AdapterFamily, AdapterFile, AdapterFormat, AdapterLayer, Array, BaseLayers, LayerNames, ReadBy,
};
use atelier_core::Matrix;
use atelier_weights::DType;

const TO_Q: &str = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
const TO_K: &str = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k";
const PROJ: &str = "mid_block.attentions.0.proj_in";
const CONV: &str = "mid_block.resnets.0.conv1";
const TEXT: &str = "encoder.layers.0.mlp.fc1";

/// Numbers between -1 and 1 that follow from the seed and that f16 holds.
fn numbers(seed: usize, count: usize) -> Vec<f32> {
    (0..count)
        .map(|i| (((i + seed) * 7919 + seed * 104_729) % 257) as f32 / 128.0 - 1.0)
        .collect()
}

fn array(seed: usize, shape: &[usize]) -> Array {
    Array::new(shape, numbers(seed, shape.iter().product()))
}

fn layer(name: &str, seed: usize, [down, up]: [&[usize]; 2]) -> AdapterLayer {
    AdapterLayer::low_rank(name, 2.0, array(seed, down), array(seed + 1, up))
}

fn file(layers: Vec<AdapterLayer>) -> AdapterFile {
    AdapterFile {
        layers,
        metadata: BTreeMap::new(),
        unknown: Vec::new(),
        format: AdapterFormat::Kohya,
        dtype: DType::F32,
    }
}

/// An adapter with a layer of each sort, in original block names for the denoiser.
fn sample(seed: usize, rank: usize) -> AdapterFile {
    file(vec![
        layer(
            "lora_te_text_model_encoder_layers_0_mlp_fc1",
            seed,
            [&[rank, 768], &[3072, rank]],
        ),
        layer(
            "lora_unet_middle_block_1_proj_in",
            seed + 2,
            [&[rank, 1280], &[1280, rank]],
        ),
        layer(
            "lora_unet_middle_block_0_in_layers_2",
            seed + 4,
            [&[rank, 1280, 3, 3], &[1280, rank, 1, 1]],
        ),
    ])
}

fn deltas(layers: Vec<AdapterLayer>) -> BTreeMap<String, Matrix> {
    let names = LayerNames::published(AdapterFamily::Sd1);
    let deltas = layers.into_iter().map(|layer| {
        let name = names.find(&layer.name).unwrap().path.clone();
        (name, delta(&layer.into_change()))
    });
    deltas.collect()
}

#[track_caller]
fn assert_close(actual: &[f32], expected: &[f32], tolerance: f32) {
    let largest = expected
        .iter()
        .fold(0.0f32, |most, value| most.max(value.abs()));
    for (a, b) in actual.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance * largest, "{a} {b}");
    }
}

#[test]
fn converting_to_peft_and_back_changes_no_weight() {
    let folder = tempfile::tempdir().unwrap();
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let expected = deltas(sample(1, 4).layers);
    let peft = convert(sample(1, 4), &base, AdapterFormat::Peft).unwrap();
    let names: Vec<_> = peft
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    let text = format!("text_encoder.text_model.{TEXT}");
    assert_eq!(
        names,
        [text, format!("unet.{PROJ}"), format!("unet.{CONV}")]
    );
    let path = folder.path().join("peft.safetensors");
    peft.write(&path, DType::F16, &base, ReadBy::Any).unwrap();
    let read = AdapterFile::read(&path).unwrap();
    assert_eq!(read.format, AdapterFormat::Peft);
    let settings: serde_json::Value =
        serde_json::from_str(&read.metadata["lora_adapter_metadata"]).unwrap();
    assert_eq!(
        settings["text_encoder.target_modules"],
        serde_json::json!([TEXT])
    );
    assert_eq!(
        (&settings["unet.r"], &settings["unet.lora_alpha"]),
        (&4.into(), &4.into())
    );
    assert!(
        read.layers
            .iter()
            .all(|layer| (layer.scale() - 1.0).abs() < f32::EPSILON)
    );
    let kohya = convert(read, &base, AdapterFormat::Kohya).unwrap();
    assert_eq!(kohya.metadata["ss_base_model_version"], "sd_v1");
    assert!(!kohya.metadata.contains_key("lora_adapter_metadata"));
    // The projection is a 1×1 convolution in this family.
    let projection = kohya
        .layers
        .iter()
        .find(|layer| layer.name.ends_with("proj_in"))
        .unwrap();
    assert_eq!(projection.factors().unwrap().0.shape, [4, 1280, 1, 1]);
    let path = folder.path().join("kohya.safetensors");
    kohya.write(&path, DType::F16, &base, ReadBy::All).unwrap();
    let read = AdapterFile::read(&path).unwrap();
    assert!(read.metadata.contains_key("sshs_model_hash"));
    assert_eq!(deltas(read.layers), expected);
}

#[test]
fn sdxl_exports_have_original_block_names_only() {
    let base = BaseLayers::published(AdapterFamily::Sdxl);
    let source = file(vec![layer(
        &format!("unet.{TO_Q}"),
        1,
        [&[2, 1280], &[1280, 2]],
    )]);
    let converted = convert(source, &base, AdapterFormat::Kohya).unwrap();
    assert_eq!(
        converted.layers[0].name,
        "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q"
    );
    assert_eq!(
        converted.metadata["ss_base_model_version"],
        "sdxl_base_v1-0"
    );
}

#[test]
fn what_a_format_cannot_hold_is_named() {
    let base = BaseLayers::published(AdapterFamily::Sd1);
    let mut dora = layer(&format!("unet.{TO_Q}"), 1, [&[2, 1280], &[1280, 2]]);
    dora.dora_scale = Some(array(9, &[1, 1280]));
    // One length per row and one per channel look alike in a square weight unless the axes say so.
    let mut square = dora.clone();
    square.dora_scale = Some(array(9, &[1280, 1]));
    let converted = convert(file(vec![square]), &base, AdapterFormat::Peft).unwrap();
    assert!(
        converted.notes[0].contains("1 DoRA layers mean something else in peft files"),
        "{:?}",
        converted.notes
    );
    let error = convert(file(vec![dora]), &base, AdapterFormat::Peft).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is a DoRA, which peft files cannot hold"),
        "{error}"
    );
    let stray = file(vec![layer("lora_unet_nowhere", 1, [&[2, 4], &[4, 2]])]);
    let error = convert(stray, &base, AdapterFormat::Kohya).unwrap_err();
    assert!(error.to_string().contains("`lora_unet_nowhere`"), "{error}");
}

#[test]
fn an_exact_merge_is_the_sum_at_strengths() {
    let names = LayerNames::published(AdapterFamily::Sd1);
    let (one, two) = (sample(1, 4), sample(31, 3));
    let ingredient = |file: &'static AdapterFile, strength, text_strength| Ingredient {
        layers: &file.layers,
        strength,
        text_strength,
    };
    let (one, two): (&'static _, &'static _) = (Box::leak(Box::new(one)), Box::leak(Box::new(two)));
    let merged = merge(
        &[ingredient(one, 0.8, 0.5), ingredient(two, -0.3, 1.2)],
        &names,
        None,
    )
    .unwrap();
    assert!(merged.relative_error.abs() < f64::EPSILON);
    assert!(
        merged
            .layers
            .iter()
            .all(|layer| layer.rank() == 7 && (layer.scale() - 1.0).abs() < f32::EPSILON)
    );
    let (a, b) = (deltas(one.layers.clone()), deltas(two.layers.clone()));
    for (name, sum) in deltas(merged.layers) {
        let (x, y) = if name == TEXT {
            (0.5, 1.2)
        } else {
            (0.8, -0.3)
        };
        let expected: Vec<_> = a[&name]
            .values
            .iter()
            .zip(&b[&name].values)
            .map(|(a, b)| x * a + y * b)
            .collect();
        assert_close(&sum.values, &expected, 1e-5);
    }
}

#[test]
fn a_merge_to_a_rank_loses_what_it_says_it_loses() {
    let names = LayerNames::published(AdapterFamily::Sd1);
    let (one, two) = (sample(1, 3), sample(31, 3));
    let ingredients = [&one, &two].map(|file| Ingredient {
        layers: &file.layers[..2],
        strength: 1.0,
        text_strength: 1.0,
    });
    let exact = deltas(merge(&ingredients, &names, None).unwrap().layers);
    let full = merge(&ingredients, &names, Some(6)).unwrap();
    assert!(full.relative_error < 1e-12, "{}", full.relative_error);
    for (name, sum) in deltas(full.layers) {
        assert_close(&sum.values, &exact[&name].values, 1e-5);
    }
    let cut = merge(&ingredients, &names, Some(2)).unwrap();
    assert!(cut.layers.iter().all(|layer| layer.rank() == 2));
    let (mut lost, mut whole) = (0.0, 0.0);
    for (name, sum) in deltas(cut.layers) {
        for (a, b) in sum.values.iter().zip(&exact[&name].values) {
            lost += f64::from(a - b).powi(2);
            whole += f64::from(*b).powi(2);
        }
    }
    let measured = (lost / whole).sqrt();
    assert!(
        (measured - cut.relative_error).abs() < 1e-4 * measured,
        "{measured} {}",
        cut.relative_error
    );
    assert!(measured > 0.01 && cut.layer_errors.len() == 2);
}

#[test]
fn merges_that_cannot_be_are_refused() {
    let names = LayerNames::published(AdapterFamily::Sd1);
    let refusal =
        |layers: &[AdapterLayer], rank| merge(&[ingredient(layers)], &names, rank).unwrap_err();
    assert_eq!(refusal(&[], None), MergeError::Empty);
    assert_eq!(refusal(&sample(1, 2).layers, Some(0)), MergeError::Rank);
    let loha = AdapterFile::read(golden("lycoris.safetensors")).unwrap();
    let loha: Vec<_> = loha
        .layers
        .into_iter()
        .filter(|l| l.name.contains("_loha_linear"))
        .collect();
    let refused = refusal(&loha, None).to_string();
    assert!(
        refused.contains("only LoRA layers can be merged"),
        "{refused}"
    );
    let one = sample(1, 2).layers;
    let other = [layer(&format!("unet.{PROJ}"), 1, [&[2, 640], &[640, 2]])];
    let ingredients = [&one[..], &other].map(ingredient);
    let error = merge(&ingredients, &names, None).unwrap_err();
    assert!(matches!(error, MergeError::Size { .. }), "{error}");
    // Two spellings of one layer in one file.
    let mut twice = one.clone();
    twice.push(layer(&format!("unet.{PROJ}"), 1, [&[2, 1280], &[1280, 2]]));
    let error = refusal(&twice, None).to_string();
    assert_eq!(
        error,
        format!(
            "`lora_unet_middle_block_1_proj_in` and `unet.{PROJ}` of one adapter are for the same layer"
        )
    );
}

#[test]
fn a_merge_stops_after_the_layer_at_which_it_is_told() {
    let names = LayerNames::published(AdapterFamily::Sd1);
    let source = sample(1, 2);
    let ingredients = [ingredient(&source.layers)];
    let run = |last: usize| {
        let mut asked = Vec::new();
        let merged = merge_while(&ingredients, &names, Some(1), |done, total| {
            asked.push((done, total));
            done < last
        });
        (merged, asked)
    };
    for last in [2, 3] {
        let (merged, asked) = run(last);
        assert_eq!(merged, Err(MergeError::Stopped));
        assert_eq!(asked, [(1, 3), (2, 3), (3, 3)][..last]);
    }
    let (merged, asked) = run(4);
    assert_eq!(merged, merge(&ingredients, &names, Some(1)));
    assert_eq!(asked.len(), 3);
}

/// The layers at strength 1.
fn ingredient(layers: &[AdapterLayer]) -> Ingredient<'_> {
    Ingredient {
        layers,
        strength: 1.0,
        text_strength: 1.0,
    }
}

fn golden(name: &str) -> PathBuf {
    atelier_testkit::golden_folder()
        .join("adapter_kinds")
        .join(name)
}

#[test]
fn a_report_says_what_a_file_holds() {
    let mut source = sample(1, 4);
    source
        .layers
        .push(layer(&format!("unet.{TO_K}"), 9, [&[4, 768], &[1280, 4]]));
    source.unknown.push("stray".to_owned());
    let report = inspect(&source, None);
    assert_eq!(report.made_for.as_deref(), Some("Stable Diffusion 1.x"));
    assert_eq!(report.kinds, BTreeMap::from([("LoRA", 4)]));
    assert_eq!(report.ranks, BTreeMap::from([(4, 4)]));
    assert_eq!(report.alphas, BTreeMap::from([("2".to_owned(), 4)]));
    assert_eq!(
        report.parts,
        BTreeMap::from([("text_encoder", 1), ("unet", 3)])
    );
    assert_eq!(report.unknown, ["stray"]);
    for (reported, layer) in report.layers.iter().zip(&source.layers) {
        let whole = delta(&layer.clone().into_change()).values;
        let norm = whole
            .iter()
            .map(|value| f64::from(*value).powi(2))
            .sum::<f64>()
            .sqrt();
        assert!((reported.norm.unwrap() - norm).abs() < 1e-5 * norm);
    }
    assert_eq!(
        report.layers[1].layer.as_deref(),
        Some(format!("unet.{PROJ}").as_str())
    );
    let mut unmeasured = report;
    for layer in &mut unmeasured.layers {
        layer.norm = None;
    }
    assert_eq!(survey(&source, None), unmeasured);
}

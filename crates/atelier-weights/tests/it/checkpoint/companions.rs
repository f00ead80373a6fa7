//! Files beside a checkpoint, and what the denoiser predicts.

use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::{
    DType, Evidence, ModelFiles, OutTensor, Prediction, PredictionType, ReadFiles,
};

use super::{copied, refusal_of, rewritten, rewritten_with, tiny};

fn prediction(path: &std::path::Path) -> Prediction {
    ModelFiles::open(path)
        .unwrap()
        .prediction()
        .unwrap()
        .unwrap()
}

#[test]
fn the_strongest_evidence_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied(&folder, "plain.safetensors");
    let found = prediction(&path);
    assert_eq!(found.kind, PredictionType::Epsilon);
    assert!(!found.evidence.is_stated(), "{}", found.evidence);

    let path = copied(&folder, "Model-VPred.safetensors");
    let found = prediction(&path);
    assert_eq!(found.evidence, Evidence::FileName("vpred"));
    assert_eq!(found.kind, PredictionType::VPrediction);

    let yaml = path.with_extension("yaml");
    fs_err::write(&yaml, "model:\n  params:\n    parameterization: \"eps\"\n").unwrap();
    let found = prediction(&path);
    assert_eq!(
        (found.kind, found.evidence),
        (PredictionType::Epsilon, Evidence::Yaml(yaml))
    );

    let rename = |name: &str| match name {
        "betas" => Some("v_pred".to_owned()),
        "alphas_cumprod" => Some("ztsnr".to_owned()),
        _ => Some(name.to_owned()),
    };
    rewritten(&tiny("tiny-sd1.safetensors"), &path, &[], rename);
    let found = prediction(&path);
    assert_eq!(found.evidence, Evidence::Marker("v_pred"));
    assert!(found.rescale_betas_zero_snr);
    let model = ModelFiles::open(&path).unwrap();
    assert_eq!(
        model.config("scheduler").unwrap()["rescale_betas_zero_snr"],
        true
    );
    assert!(model.report().unwrap().unexpected.is_empty());

    let metadata = [("modelspec.prediction_type", "epsilon")];
    rewritten(&tiny("tiny-sd1.safetensors"), &path, &metadata, rename);
    let found = prediction(&path);
    assert_eq!(
        (found.kind, found.evidence),
        (PredictionType::Epsilon, Evidence::Metadata)
    );

    let json = path.with_extension("json");
    fs_err::write(
        &json,
        r#"{"prediction_type":"v_prediction","rescale_betas_zero_snr":false}"#,
    )
    .unwrap();
    let found = prediction(&path);
    assert_eq!(found.evidence, Evidence::Settings(json.clone()));
    assert_eq!(
        (found.kind, found.rescale_betas_zero_snr),
        (PredictionType::VPrediction, false)
    );
    let files = ModelFiles::open(&path).unwrap().files().unwrap();
    assert_eq!(files, [path.clone(), path.with_extension("yaml"), json]);
}

/// The tiny Stable Diffusion 2 checkpoint under a name of its own, with its VAE, and a `global_step`.
fn second(folder: &tempfile::TempDir, name: &str, step: Option<f32>) -> std::path::PathBuf {
    let path = folder.path().join(name);
    let source = tiny("tiny-sd2.safetensors");
    let step = step.map(|step| OutTensor {
        name: "global_step".to_owned(),
        dtype: DType::I64,
        shape: Vec::new(),
        data: vec![step],
    });
    let rename = |name: &str| Some(name.to_owned());
    rewritten_with(&source, &path, &[], rename, step);
    let vae = path.with_extension("vae.safetensors");
    fs_err::copy(tiny("tiny-sd2.vae.safetensors"), vae).unwrap();
    path
}

#[test]
fn stable_diffusion_2_is_known_by_its_training_then_its_name_and_else_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let (noise, velocity) = (PredictionType::Epsilon, PredictionType::VPrediction);
    for (name, step, kind, evidence, noted) in [
        ("a", None, velocity, "assumed, since", true),
        ("b", Some(5.0), velocity, "assumed, since", true),
        ("c", Some(875_000.0), noise, "which is 875000", false),
        ("d", Some(110_000.0), velocity, "which is 110000", false),
        ("768-v-ema", Some(875_000.0), noise, "global_step", false),
        ("512-base-ema", None, noise, "`512-base` in the", true),
        ("v2-1_768", None, velocity, "`2-1_768` in the", true),
    ] {
        let path = second(&folder, &format!("{name}.safetensors"), step);
        let model = ModelFiles::open(&path).unwrap();
        let found = model.prediction().unwrap().unwrap();
        assert_eq!(found.kind, kind, "{name}");
        let words = found.evidence.to_string();
        assert!(words.contains(evidence), "{name}: {words}");
        let note = model.prediction_note();
        assert_eq!(note.is_some(), noted, "{name}: {note:?}");
        assert!(model.report().unwrap().unexpected.is_empty(), "{name}");
        if let Some(note) = note {
            assert!(note.contains(&words) && note.contains(&format!("{name}.json`")));
        }
        let side = model.config("unet").unwrap()["sample_size"].clone();
        let wanted = if kind == noise { 64 } else { 96 };
        assert_eq!(side, wanted, "{name}");
    }
}

#[test]
fn a_note_is_for_doubts_and_goes_when_they_are_settled() {
    let folder = tempfile::tempdir().unwrap();
    let note = |path: &std::path::Path| ModelFiles::open(path).unwrap().prediction_note();
    // That Stable Diffusion 1 predicts noise is the rule.
    assert_eq!(note(&copied(&folder, "plain.safetensors")), None);
    let named = copied(&folder, "vpred.safetensors");
    assert!(note(&named).unwrap().contains("`vpred` in the file name"));
    for path in [named, second(&folder, "x.safetensors", None)] {
        let settings = r#"{"prediction_type": "epsilon"}"#;
        fs_err::write(path.with_extension("json"), settings).unwrap();
        assert_eq!(prediction(&path).kind, PredictionType::Epsilon);
        assert_eq!(note(&path), None);
    }
}

#[test]
fn settings_keep_the_hash_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let hash = |path: &std::path::Path| ModelFiles::open(path).unwrap().hash().unwrap();
    let plain = copied(&folder, "plain.safetensors");
    let named = copied(&folder, "plain-v-pred.safetensors");
    assert_ne!(hash(&plain), hash(&named));
    let settings = ModelFiles::open(&named)
        .unwrap()
        .checkpoint()
        .unwrap()
        .settings_json();
    fs_err::write(plain.with_extension("json"), settings).unwrap();
    assert_eq!(hash(&plain), hash(&named));
}

#[test]
fn settings_of_other_programs_are_passed_over_and_wrong_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied(&folder, "a.safetensors");
    let json = path.with_extension("json");
    for text in [
        &br#"{"description":"a card of another program"}"#[..],
        br#"{"prediction_type":null}"#,
        br#"["prediction_type"]"#,
        b"{\"name\":\"caf\xe9\"}",
        b"\xef\xbb\xbf{}",
        b"no JSON",
        b"",
    ] {
        fs_err::write(&json, text).unwrap();
        let model = ModelFiles::open(&path).unwrap();
        assert_eq!(model.files().unwrap(), [path.as_path()]);
    }
    // Whatever a text editor wrote around them.
    for text in [
        &b"\xef\xbb\xbf{\"prediction_type\":\"v\",\"rescale_betas_zero_snr\":null}"[..],
        b"{\"prediction_type\":\"v\",\"name\":\"caf\xe9\"}",
    ] {
        fs_err::write(&json, text).unwrap();
        assert_eq!(prediction(&path).kind, PredictionType::VPrediction);
    }
    for (text, part) in [
        (
            r#"{"prediction_type":"velocity"}"#,
            "`prediction_type` is \"velocity\", expected",
        ),
        (
            r#"{"prediction_type":3}"#,
            "`prediction_type` is 3, expected",
        ),
        (
            r#"{"prediction_type":"v","rescale_betas_zero_snr":1}"#,
            "must be true or false",
        ),
        (r#"{"prediction_type":"v""#, "not valid JSON"),
    ] {
        fs_err::write(&json, text).unwrap();
        let error = refusal_of(&path);
        assert!(error.contains(part) && error.contains("a.json"), "{error}");
    }
}

#[test]
fn what_lies_beside_a_checkpoint_has_its_name_beside_another() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain.safetensors", "one.sft", "model-v1.5"] {
        let path = copied(&folder, name);
        let yaml = path.with_extension("yaml");
        fs_err::write(&yaml, "parameterization: \"v\"\n").unwrap();
        let model = ModelFiles::open(&path).unwrap();
        let out = std::path::Path::new("b/new.one.safetensors");
        let files = model.checkpoint().unwrap().files_as(out);
        let expected = [
            (path, out.to_owned()),
            (yaml, out.with_file_name("new.one.yaml")),
        ];
        assert_eq!(files, expected);
    }
}

#[test]
fn a_vae_beside_the_checkpoint_replaces_the_one_in_it_in_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied(&folder, "a.safetensors");
    let before = ModelFiles::open(&path).unwrap();
    let vae = path.with_extension("vae.safetensors");
    let source = tiny("tiny-sd2.vae.safetensors");
    let wanted = ModelFiles::open(tiny("tiny-sd2.safetensors"))
        .unwrap()
        .tensors("vae")
        .unwrap();
    for prefix in ["first_stage_model.", "vae.", ""] {
        rewritten(&source, &vae, &[], |name| {
            Some(name.replace("first_stage_model.", prefix))
        });
        let model = ModelFiles::open(&path).unwrap();
        let tensors = model.tensors("vae").unwrap();
        assert!(tensors.names().eq(wanted.names()), "{prefix}");
        for name in wanted.names() {
            assert_eq!(
                tensors.read_f32(name).unwrap(),
                wanted.read_f32(name).unwrap()
            );
        }
        assert_ne!(model.hash().unwrap(), before.hash().unwrap());
        let report = model.report().unwrap();
        let baked = report
            .harmless
            .iter()
            .filter(|name| name.starts_with("first_stage_model."));
        assert_eq!(baked.count(), wanted.names().len());
        assert_eq!(report.problem(), None);
    }
    // In the names of diffusers, as a folder's VAE file has them.
    let names: std::collections::BTreeMap<_, _> = wanted
        .names()
        .map(|name| (wanted.stored(name).unwrap().1.to_owned(), name.to_owned()))
        .collect();
    rewritten(&source, &vae, &[], |name| names.get(name).cloned());
    let model = ModelFiles::open(&path).unwrap();
    assert!(model.tensors("vae").unwrap().names().eq(wanted.names()));
    assert_eq!(model.report().unwrap().problem(), None);
}

#[test]
fn without_a_vae_the_error_says_how_to_give_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    fs_err::copy(tiny("tiny-sd2.safetensors"), &path).unwrap();
    let error = refusal_of(&path);
    assert!(error.contains("its VAE is missing"), "{error}");
    assert!(error.contains("`a.vae.safetensors`"), "{error}");
    fs_err::write(path.with_extension("vae.pt"), b"PK").unwrap();
    assert!(refusal_of(&path).contains("`a.vae.pt` is pickled"));
    fs_err::copy(
        tiny("tiny-sd1.safetensors"),
        path.with_extension("vae.safetensors"),
    )
    .unwrap();
    assert!(
        ModelFiles::open(&path).is_ok(),
        "the VAE of a whole checkpoint serves too"
    );
    fs_err::copy(
        tiny("tiny-sd2.safetensors"),
        path.with_extension("vae.safetensors"),
    )
    .unwrap();
    let error = refusal_of(&path);
    assert!(
        error.contains("a.vae.safetensors`: it holds no VAE"),
        "{error}"
    );
    fs_err::write(path.with_extension("vae.safetensors"), b"").unwrap();
    let error = ModelFiles::open(&path).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadWeights);
    assert!(error.to_string().contains("a.vae.safetensors"), "{error}");
}

#[test]
fn a_folder_with_one_checkpoint_is_that_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied(&folder, "a.safetensors");
    assert_eq!(ModelFiles::open(folder.path()).unwrap().root(), path);
    copied(&folder, "b.safetensors");
    let error = refusal_of(folder.path());
    assert!(
        error.contains("several weights files, name one of them: `a.safetensors`, `b.safetensors`"),
        "{error}"
    );
}

#[test]
fn both_hashes_come_from_one_reading() {
    let model = ModelFiles::open(tiny("tiny-sd2.safetensors")).unwrap();
    let hashes = model.hashes_with(&ReadFiles).unwrap();
    assert_eq!(hashes.len(), 2);
    for known in &hashes {
        assert_eq!(
            known.sha256,
            atelier_weights::sha256_file(&known.path).unwrap()
        );
        assert_eq!(
            known.size_bytes,
            fs_err::metadata(&known.path).unwrap().len()
        );
    }
    assert_eq!(model.hash_from(&hashes).unwrap(), model.hash().unwrap());
    assert_eq!(model.hash_with(&ReadFiles).unwrap(), model.hash().unwrap());
}

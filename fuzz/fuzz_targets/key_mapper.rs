//! Names and shapes as a single-file base model: detection, report, configurations and tensors. Every tensor of an accepted
//! file must be used, known to be harmless, or reported.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use atelier_fuzz::{CheckpointCase, Scratch};
use atelier_weights::{ModelFiles, expected_tensors};
use libfuzzer_sys::fuzz_target;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(|| Scratch::new("key-mapper"));

/// Numbers of a tensor that is read.
const MOST_NUMBERS: usize = 1 << 12;

fuzz_target!(|case: CheckpointCase| {
    SCRATCH.clear();
    let (path, names) = case.write(&SCRATCH);
    match ModelFiles::open(&path) {
        Ok(model) => check(&model, names),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn check(model: &ModelFiles, names: Vec<String>) {
    assert!(model.family().is_some() && model.prediction().is_ok_and(|found| found.is_some()));
    let mut left: BTreeSet<_> = names.into_iter().collect();
    for part in model.weighted_parts() {
        assert!(model.has(part), "{part}");
        let config = model.config(part).expect("opening read it");
        let known = expected_tensors(part, &config);
        let tensors = model.tensors(part).expect("a part of the model");
        let mut budget = MOST_NUMBERS * 8;
        for name in tensors.names() {
            let info = tensors.info(name).expect("a name of the part");
            let (_, stored) = tensors.stored(name).expect("a name of the part");
            left.remove(stored);
            let count = info.shape.iter().product::<usize>();
            let fits = count <= MOST_NUMBERS && count <= budget;
            if fits && info.dtype.is_float() {
                budget -= count;
                assert_eq!(
                    tensors.read_f32(name).expect("it is there").len(),
                    count,
                    "{name}"
                );
            }
        }
        assert!(tensors.read_f32("no such tensor").is_err());
        assert!(known.is_none_or(|known| !known.is_empty()), "{part}");
    }
    for part in [
        "scheduler",
        "tokenizer",
        "tokenizer_2",
        "safety_checker",
        "",
    ] {
        // An answer or a refusal, no panic.
        let _ = (model.config(part), model.tensors(part));
    }
    let report = model
        .report()
        .expect("opening read everything that it needs");
    let _ = (report.problem(), format!("{report:?}"));
    let parts = report.parts.iter().flat_map(|part| &part.unexpected);
    for name in report
        .unexpected
        .iter()
        .chain(&report.harmless)
        .chain(parts)
    {
        left.remove(name);
    }
    assert!(
        left.len() <= report.ema,
        "neither used nor reported: {left:?}"
    );
    let checkpoint = model.checkpoint().expect("a single file");
    let settings: serde_json::Value =
        serde_json::from_str(&checkpoint.settings_json()).expect("JSON of our own");
    assert!(settings["prediction_type"].is_string());
}

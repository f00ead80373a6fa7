//! `atelier model merge`.

use atelier_adapters::AdapterFile;

use super::{adapter, assert_same, base, drawn};
use crate::workbench::{Workbench, tiny_base};

#[test]
fn the_sum_draws_what_its_parts_draw_together() {
    let bench = Workbench::new();
    for family in ["sd15", "sdxl"] {
        let base = base(family);
        let shares = [
            format!("{}:0.5:1.1", adapter(&format!("{family}-text"))),
            format!("{}:0.7", adapter(&format!("{family}-transformer"))),
        ];
        let [one, other] = &shares;
        let out = format!("{family}.safetensors");
        let words = ["model", "merge", one, other, "--out", &out];
        let flags = ["--base", &base, "--dtype", "f32"];
        let document = bench.document(&[&words[..], &flags].concat());
        assert_eq!(document["rank"], 4);
        assert_eq!(document["relative_error"], 0.0);
        let expected = drawn(&bench, &base, &[one, other]);
        assert_same(&expected, &drawn(&bench, &base, &[&out]));
        let metadata = AdapterFile::read(bench.path(&out)).unwrap().metadata;
        let from = format!("{family}-text, {family}-transformer");
        assert_eq!(metadata["modelspec.merged_from"], from);
        let shares: serde_json::Value =
            serde_json::from_str(&metadata["atelier.adapters"]).unwrap();
        assert_eq!(shares[0]["text_strength"], 1.1);
        assert_eq!(shares[1]["sha256"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn a_smaller_rank_says_what_it_cuts_off() {
    let bench = Workbench::new();
    let (one, other) = (adapter("sd15-attention"), adapter("sd15-transformer"));
    let base = tiny_base();
    let merge = |rank: &str| {
        let out = format!("{rank}.safetensors");
        let words = [
            "model", "merge", &one, &other, "--base", &base, "--out", &out,
        ];
        bench.document(&[&words[..], &["--rank", rank]].concat())
    };
    let errors = ["1", "2", "4"].map(|rank| {
        let document = merge(rank);
        assert_eq!(document["rank"].to_string(), rank);
        document["relative_error"].as_f64().unwrap()
    });
    // Both have the same numbers in the layers that they share, so that rank 2 holds all.
    assert!(errors[0] > 0.1, "{errors:?}");
    assert!(errors[1] < 1e-6 && errors[2] < 1e-6, "{errors:?}");
}

#[test]
fn what_cannot_be_added_up_is_refused() {
    let bench = Workbench::new();
    let (one, base) = (adapter("sd15-attention"), tiny_base());
    let sdxl = adapter("sdxl-attention");
    let sd2 = atelier_testkit::golden_folder().join("adapter_kinds/lycoris.safetensors");
    let kinds = sd2.to_string_lossy().into_owned();
    for (files, words) in [
        (vec![one.as_str(), &sdxl], "has no place in the model"),
        (vec![&one, &kinds], "cannot merge"),
        (vec![&one, "none.safetensors"], "does not exist"),
    ] {
        let line = ["model", "merge", "--base", &base, "--out", "a.safetensors"];
        bench.run(&[&line[..], &files].concat()).refused(&[words]);
    }
    let zero = format!("{one}:0");
    let line = [
        "model",
        "merge",
        &zero,
        "--base",
        &base,
        "--out",
        "a.safetensors",
    ];
    bench.run(&line).refused(&["nothing to merge"]);
    let line = [
        "model",
        "merge",
        &one,
        "--base",
        &base,
        "--out",
        "a.safetensors",
    ];
    bench
        .run(&[&line[..], &["--rank", "0"]].concat())
        .refused(&["at least rank 1"]);
    assert!(!bench.path("a.safetensors").exists());
}

//! Models of the library where commands take adapters.

use atelier_adapters::AdapterFile;
use serde_json::{Value, json};

use super::adapter;
use crate::library::damage;
use crate::workbench::{Workbench, tiny_base};

/// A library with the model `ink one`, which is used at strength 0.5.
fn with_model() -> Workbench {
    let bench = Workbench::new();
    let (file, base) = (adapter("sd15-attention"), tiny_base());
    let import = ["model", "import", &file, "--base", &base];
    let about = ["--name", "ink one", "--strength", "0.5"];
    bench.succeed(&[&import[..], &about].concat());
    bench
}

/// What a file says that it was made of.
fn shares(bench: &Workbench, name: &str) -> Value {
    let metadata = AdapterFile::read(bench.path(name)).unwrap().metadata;
    assert_eq!(metadata["modelspec.merged_from"], "ink one");
    serde_json::from_str(&metadata["atelier.adapters"]).unwrap()
}

#[test]
fn a_model_is_looked_at_by_its_name_and_its_own_base_is_known() {
    let bench = with_model();
    let (file, base) = (adapter("sd15-attention"), tiny_base());
    let of_file = bench.document(&["model", "inspect", &file, "--base", &base]);
    let named = bench.document(&["model", "inspect", "INK one"]);
    assert_eq!(named["sha256"], of_file["sha256"]);
    assert_eq!(named["readers"], of_file["readers"]);
    let names = [&named["model"], &of_file["model"]];
    assert_eq!(names, [&json!("ink one"), &Value::Null]);
    let told = bench.succeed(&["model", "inspect", "ink one"]).stdout;
    assert!(told.contains("model                ink one"), "{told}");
    assert!(told.contains("made for             its base, `"), "{told}");
}

#[test]
fn a_model_is_converted_merged_and_baked_by_its_name() {
    let bench = with_model();
    let (file, base) = (adapter("sd15-attention"), tiny_base());
    let convert = ["model", "convert", "--to", "kohya"];
    bench.succeed(&[&convert[..], &["ink one", "--out", "a.safetensors"]].concat());
    let by_hand = [&file, "--base", &base, "--out", "b.safetensors"];
    bench.succeed(&[&convert[..], &by_hand].concat());
    let [named, by_hand] = ["a", "b"].map(|name| {
        let path = bench.path(&format!("{name}.safetensors"));
        std::fs::read(path).unwrap()
    });
    assert_eq!(named, by_hand);
    for (word, strength) in [("ink one", 0.5), ("ink one:0.25", 0.25)] {
        let out = format!("{strength}.safetensors");
        bench.succeed(&["model", "merge", word, "--out", &out]);
        let shares = shares(&bench, &out);
        assert_eq!(shares[0]["name"], "ink one");
        assert_eq!(shares[0]["strength"], strength);
        assert_eq!(shares[0]["sha256"].as_str().unwrap().len(), 64);
    }
    for (adapter, out) in [("ink one", "named"), (&format!("{file}:0.5"), "by-hand")] {
        let words = ["model", "bake", adapter, "--base", &base, "--out", out];
        bench.succeed(&words);
    }
    let drawn = |base: &str| super::drawn(&bench, base, &[]);
    let [named, by_hand] =
        ["named", "by-hand"].map(|folder| drawn(&bench.path(folder).to_string_lossy()));
    assert_eq!(named, by_hand);
    assert_ne!(named, drawn(&base));
}

#[test]
fn a_file_wins_over_a_model_of_its_name_and_what_is_neither_is_refused() {
    let bench = with_model();
    let (other, base) = (adapter("sd15-text"), tiny_base());
    let commands = |word: &str| {
        let inspect = vec!["model", "inspect"];
        let convert = vec![
            "model",
            "convert",
            "--to",
            "kohya",
            "--out",
            "x.safetensors",
        ];
        let merge = vec!["model", "merge", "--out", "x.safetensors"];
        let bake = vec!["model", "bake", "--out", "x"];
        [inspect, convert, merge, bake].map(|words| {
            let of_base = [word, "--base", &base];
            bench.run(&[&words[..], &of_base].concat())
        })
    };
    for ended in commands("nobody") {
        let reason = "`nobody` is neither an adapter file nor a model of the library; `atelier model list` shows these";
        ended.refused(&[reason]);
    }
    damage(&bench, "ink one");
    for ended in commands("ink one") {
        ended.refused_with(1, &["cannot use model `ink one`", "another content"]);
    }
    assert!(!bench.path("x").exists() && !bench.path("x.safetensors").exists());
    std::fs::copy(&other, bench.path("ink one")).unwrap();
    let told = bench.document(&["model", "inspect", "ink one"]);
    assert_eq!(
        (&told["path"], &told["model"]),
        (&json!("ink one"), &Value::Null)
    );
}

#[test]
fn no_library_is_made_to_look_for_a_name() {
    let bench = Workbench::new();
    let ended = bench.run(&["model", "inspect", "nobody"]);
    ended.refused(&["neither an adapter file nor a model of the library"]);
    bench.succeed(&["model", "inspect", &adapter("sd15-text")]);
    assert!(!bench.path("home").exists());
}

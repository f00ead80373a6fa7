//! `atelier model convert`.

use atelier_adapters::AdapterFile;
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

use super::{adapter, assert_same, base, drawn};
use crate::workbench::{Workbench, files_below, tiny_base};

#[test]
fn an_adapter_draws_the_same_picture_in_both_formats_and_back() {
    let bench = Workbench::new();
    for (family, name) in [("sd15", "sd15-text"), ("sdxl", "sdxl-convolution")] {
        let (base, source) = (base(family), adapter(name));
        let expected = drawn(&bench, &base, &[&format!("{source}:0.8")]);
        assert_ne!(expected, drawn(&bench, &base, &[]));
        let kohya = format!("{family}/kohya.safetensors");
        let peft = format!("{family}/peft.safetensors");
        for (from, to, out) in [(&source, "kohya", &kohya), (&kohya, "peft", &peft)] {
            let words = ["model", "convert", from, "--to", to, "--out", out];
            let flags = ["--base", &base, "--dtype", "f32"];
            let document = bench.document(&[&words[..], &flags].concat());
            assert_eq!(document["format"], to);
            assert_eq!(document["notes"].as_array().unwrap().len(), 0);
            let readers = document["readers"].as_array().unwrap();
            assert_eq!(readers.len(), 5);
            let passes = readers.iter().filter(|reader| reader["passes"] == true);
            assert!(
                passes.count() >= if to == "kohya" { 5 } else { 1 },
                "{document}"
            );
            assert_same(&expected, &drawn(&bench, &base, &[&format!("{out}:0.8")]));
        }
        let names = AdapterFile::read(bench.path(&kohya)).unwrap().layers;
        let sgm = names
            .iter()
            .any(|layer| layer.name.contains("input_blocks"));
        assert_eq!(sgm, family == "sdxl");
    }
}

#[test]
fn the_number_format_stays_unless_another_is_wanted() {
    let bench = Workbench::new();
    let (source, base) = (adapter("sd15-attention"), tiny_base());
    for (flags, dtype) in [
        (&[][..], DType::F16),
        (&["--dtype", "bf16"], DType::BF16),
        (&["--dtype", "f32"], DType::F32),
    ] {
        let out = format!("{dtype}.safetensors");
        let words = ["model", "convert", &source, "--to", "kohya", "--out", &out];
        bench.succeed(&[&words[..], &["--base", &base], flags].concat());
        assert_eq!(AdapterFile::read(bench.path(&out)).unwrap().dtype, dtype);
    }
}

#[test]
fn an_adapter_in_8_bits_is_read_and_written_in_16() {
    let bench = Workbench::new();
    let (source, base) = (adapter("sd15-attention"), tiny_base());
    let file = TensorFile::open(&source).unwrap();
    for (dtype, word) in [(DType::F8E4M3, "f8_e4m3"), (DType::F8E5M2, "f8_e5m2")] {
        let in_format = |dtype: DType| -> Vec<OutTensor> {
            let tensor = |name: &str| OutTensor {
                name: name.to_owned(),
                dtype,
                shape: file.info(name).unwrap().shape.clone(),
                data: file.read_f32(name).unwrap(),
            };
            file.names().map(tensor).collect()
        };
        let small = format!("{word}.safetensors");
        let path = bench.path(&small);
        write_tensors(&path, &in_format(dtype), file.metadata()).unwrap();
        let shown = bench.document(&["model", "inspect", &small, "--base", &base]);
        assert_eq!(shown["adapter"]["dtype"], word);
        let out = format!("{word}-again.safetensors");
        let words = ["model", "convert", &small, "--to", "peft", "--out", &out];
        bench.succeed(&[&words[..], &["--base", &base]].concat());
        let read = |name: &str| AdapterFile::read(bench.path(name)).unwrap().dtype;
        assert_eq!((read(&small), read(&out)), (dtype, DType::F16));
        let drawings = [&small, &out].map(|name| drawn(&bench, &base, &[name]));
        assert_same(&drawings[0], &drawings[1]);
    }
}

#[test]
fn what_each_program_reads_is_said_in_lines() {
    let bench = Workbench::new();
    let (source, base) = (adapter("sd15-attention"), tiny_base());
    let words = [
        "model",
        "convert",
        &source,
        "--base",
        &base,
        "--out",
        "a.safetensors",
    ];
    let ended = bench.succeed(&[&words[..], &["--to", "peft"]].concat());
    for line in [
        "wrote `a.safetensors`",
        "diffusers            reads all",
        "A1111                reads no tensor",
    ] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
}

#[test]
fn bad_words_are_refused_before_anything_is_written() {
    let bench = Workbench::new();
    let (source, base) = (adapter("sd15-attention"), tiny_base());
    std::fs::write(bench.path("there.safetensors"), "mine").unwrap();
    std::fs::write(bench.path("bad.safetensors"), "none").unwrap();
    let (other, sdxl) = (adapter("sdxl-attention"), super::base("sdxl"));
    for (file, out, base, words) in [
        (
            &source[..],
            "there.safetensors",
            Some(&base),
            "exists already",
        ),
        (&source, "a.lora", Some(&base), "ends in `.safetensors`"),
        (
            &source,
            "a.safetensors",
            None,
            "name its base with `--base`",
        ),
        (
            &other,
            "a.safetensors",
            Some(&base),
            "does not fit the model",
        ),
        (
            &source,
            "a.safetensors",
            Some(&sdxl),
            "does not fit the model",
        ),
        (
            "bad.safetensors",
            "a.safetensors",
            Some(&base),
            "bad.safetensors",
        ),
        (
            "none.safetensors",
            "a.safetensors",
            Some(&base),
            "does not exist",
        ),
    ] {
        let line = ["model", "convert", file, "--to", "kohya", "--out", out];
        let base = base.map_or(vec![], |base| vec!["--base", base]);
        let ended = bench.run(&[&line[..], &base].concat());
        ended.refused(&[words]);
    }
    assert_eq!(
        std::fs::read(bench.path("there.safetensors")).unwrap(),
        b"mine"
    );
    assert!(
        !files_below(&bench.path(""))
            .iter()
            .any(|name| name.contains("a.safetensors") || name.contains("partial"))
    );
}

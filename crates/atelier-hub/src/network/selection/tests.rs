use serde_json::json;

use super::*;

fn select(names: &[&str], wanted: Option<&str>, json: &[(&str, Value)]) -> Result<Selection> {
    let mut read = |name: &str| {
        let found = json.iter().find(|(key, _)| *key == name);
        Ok(found.expect("only known files are read").1.clone())
    };
    let mut shelf = Shelf {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        label: "a/b".to_owned(),
        read: &mut read,
    };
    shelf.select(wanted)
}

fn problem(names: &[&str], wanted: Option<&str>, json: &[(&str, Value)]) -> String {
    select(names, wanted, json).unwrap_err().to_string()
}

/// `model_index.json` with these parts.
fn index(parts: &[&str]) -> (&'static str, Value) {
    let class = json!(["library", "Class"]);
    let mut index = json!({"_class_name": "P", "_diffusers_version": "1", "force_zeros": true, "image_encoder": [null, null]});
    for part in parts {
        index[*part] = class.clone();
    }
    (MODEL_INDEX, index)
}

#[test]
fn a_published_folder_is_taken_without_copies_and_without_what_is_not_read() {
    let names = [
        ".gitattributes",
        "LICENSE.md",
        "README.md",
        "feature_extractor/preprocessor_config.json",
        "model_index.json",
        "safety_checker/config.json",
        "safety_checker/model.safetensors",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/flax_model.msgpack",
        "text_encoder/model.fp16.safetensors",
        "text_encoder/model.onnx",
        "text_encoder/model.safetensors",
        "text_encoder/pytorch_model.bin",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.bf16.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "v1-5-pruned.ckpt",
        "v1-5-pruned.safetensors",
    ];
    let parts = [
        "feature_extractor",
        "safety_checker",
        "scheduler",
        "text_encoder",
        "tokenizer",
        "unet",
    ];
    let selection = select(&names, None, &[index(&parts)]).unwrap();
    let expected = [
        "LICENSE.md",
        "README.md",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "model_index.json",
    ];
    assert_eq!(selection.files, expected);
    assert_eq!(selection.checkpoint, None);
}

#[test]
fn split_weights_are_taken_with_their_index_and_nothing_that_it_does_not_name() {
    for (index_name, first, second) in [
        (
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ),
        (
            "model.safetensors.index.fp16.json",
            "model.fp16-00001-of-00002.safetensors",
            "model.fp16-00002-of-00002.safetensors",
        ),
    ] {
        let names = [
            "model_index.json",
            "text_encoder_2/config.json",
            "text_encoder_2/model-00001-of-00003.safetensors",
        ]
        .map(str::to_owned);
        let rest = [index_name, first, second].map(|name| format!("text_encoder_2/{name}"));
        let names: Vec<_> = names.iter().chain(&rest).map(String::as_str).collect();
        let map = json!({"weight_map": {"a": second, "b": first, "c": second}});
        let json = [index(&["text_encoder_2"]), (&*rest[0], map)];
        let selection = select(&names, None, &json).unwrap();
        let mut expected = vec!["text_encoder_2/config.json".to_owned()];
        expected.extend(rest.clone());
        expected.sort();
        expected.push(MODEL_INDEX.to_owned());
        assert_eq!(selection.files, expected);
    }
}

#[test]
fn an_index_that_lies_is_refused() {
    let names = [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors.index.json",
    ];
    for (map, word) in [
        (json!({}), "weight_map"),
        (json!({"weight_map": {"a": 1}}), "no file name"),
        (json!({"weight_map": {"a": "../x.safetensors"}}), "`../x"),
        (json!({"weight_map": {"a": "x.bin"}}), "`x.bin`"),
        (json!({"weight_map": {"a": "x.safetensors"}}), "not there"),
    ] {
        let error = problem(&names, None, &[index(&["unet"]), (names[2], map)]);
        assert!(error.starts_with("`a/b` is no base"), "{error}");
        assert!(error.contains(names[2]), "{error}");
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn parts_without_weights_that_can_be_read_are_named() {
    let pickled = [
        "model_index.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.bin",
    ];
    let error = problem(&pickled, None, &[index(&["vae"])]);
    let words = "`vae/diffusion_pytorch_model.bin` holds pickled weights";
    assert!(error.contains(words), "{error}");
    assert!(error.contains("safe_serialization"), "{error}");
    let error = problem(&pickled[..2], None, &[index(&["vae"])]);
    let words = "missing: `vae/diffusion_pytorch_model.safetensors`";
    assert!(error.ends_with(words), "{error}");
    let error = problem(&pickled, None, &[index(&["unet"])]);
    assert!(error.contains("`unet/config.json`"), "{error}");
    let error = problem(&pickled, None, &[index(&["other"])]);
    assert!(error.contains("the folder `other`"), "{error}");
}

#[test]
fn parts_are_left_out_as_in_a_folder_on_the_disk() {
    let names = [
        "image_encoder/config.json",
        "image_encoder/model.safetensors",
        "model_index.json",
        "other/config.json",
        "other/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ];
    let mut json = index(&["vae", "other"]);
    json.1["image_encoder"] = json!(["transformers", "CLIPVisionModelWithProjection"]);
    let selection = select(&names, None, &[json]).unwrap();
    let expected = [
        "other/config.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "model_index.json",
    ];
    assert_eq!(selection.files, expected);
}

#[test]
fn the_only_checkpoint_at_the_root_is_the_base() {
    let names = [
        "README.md",
        "m.safetensors",
        "loras/x.safetensors",
        "m.ckpt",
    ];
    let selection = select(&names, None, &[]).unwrap();
    assert_eq!(selection.files, ["README.md", "m.safetensors"]);
    assert_eq!(selection.checkpoint.as_deref(), Some("m.safetensors"));
}

#[test]
fn what_belongs_to_a_checkpoint_comes_with_it() {
    let names = [
        "m.safetensors",
        "m.vae.safetensors",
        "m.vae.pt",
        "m.yaml",
        "m.json",
        "n.yaml",
    ];
    let selection = select(&names, None, &[]).unwrap();
    assert_eq!(
        selection.files,
        ["m.vae.safetensors", "m.yaml", "m.json", "m.safetensors"]
    );
    let selection = select(&names, Some("m.vae.safetensors"), &[]).unwrap();
    assert_eq!(selection.files, ["m.vae.safetensors"]);
}

#[test]
fn a_named_checkpoint_is_taken_also_beside_a_folder_of_parts() {
    let names = ["model_index.json", "a.safetensors", "sub/b.safetensors"];
    let selection = select(&names, Some("sub/b.safetensors"), &[]).unwrap();
    assert_eq!(selection.files, ["sub/b.safetensors"]);
    let error = problem(&names, Some("c.safetensors"), &[]);
    assert!(
        error.contains("no file `c.safetensors` in `a/b`"),
        "{error}"
    );
    assert!(error.contains("`sub/b.safetensors`"), "{error}");
}

#[test]
fn several_or_no_checkpoints_are_refused_with_what_can_be_named() {
    let error = problem(&["a.safetensors", "b.safetensors"], None, &[]);
    assert!(error.contains("`hf:a/b/FILE`"), "{error}");
    assert!(
        error.contains("`a.safetensors`, `b.safetensors`"),
        "{error}"
    );
    let error = problem(&["x/a.safetensors"], None, &[]);
    assert!(error.contains("`x/a.safetensors`"), "{error}");
    let error = problem(&["a.ckpt", "b.pt"], None, &[]);
    assert!(error.contains("`a.ckpt`, `b.pt`: pickled"), "{error}");
    let error = problem(&["README.md"], None, &[]);
    assert!(error.contains("it has no weights"), "{error}");
}

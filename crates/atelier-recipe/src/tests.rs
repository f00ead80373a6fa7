use std::path::PathBuf;

use atelier_core::{AdapterUse, NoiseKind, SamplerKind, ScheduleKind, Seed, StartImage};
use atelier_data::{RgbPicture, png};
use tempfile::TempDir;

use super::*;

fn picture() -> Picture {
    Picture {
        width: 64,
        height: 32,
        rgb: vec![0; 64 * 32 * 3],
        seed: Seed(9),
    }
}

fn recipe(base: &str) -> Recipe {
    let request = GenerateRequest {
        prompt: "BlobCharV1, winking".to_owned(),
        negative: Some("text".to_owned()),
        clip_skip: 1,
        ..GenerateRequest::default()
    };
    let mut recipe = Recipe::new(&request, base, "0123456789abcdef".to_owned()).unwrap();
    add_adapter(&mut recipe, "adapter", None);
    recipe
}

fn add_adapter(recipe: &mut Recipe, name: &str, text_strength: Option<f32>) {
    recipe.request.adapters.push(AdapterUse {
        text_strength,
        ..AdapterUse::new(format!("{name}.safetensors"), 0.8)
    });
    recipe.adapters.push(AdapterRecord {
        name: name.to_owned(),
        strength: 0.8,
        text_strength,
        sha256: "a".repeat(64),
        size_bytes: None,
        sshs_model_hash: None,
    });
}

fn parameters(recipe: &Recipe) -> String {
    recipe.texts(&picture()).unwrap()[0].1.clone()
}

#[test]
fn other_programs_find_every_field_where_they_look() {
    let [(keyword, parameters), (own, json)] = recipe("tiny").texts(&picture()).unwrap();
    assert_eq!((keyword, own), ("parameters", "atelier"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        parameters,
        format!(
            "BlobCharV1, winking <lora:adapter:0.8>\nNegative prompt: text\nSteps: 30, Sampler: DDIM, CFG scale: 7, \
             Seed: 9, Size: 64x32, Model hash: 0123456789, Model: tiny, Clip skip: 2, RNG: CPU, \
             Lora hashes: \"adapter: aaaaaaaaaaaa\", Version: atelier {version}"
        )
    );
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["request"]["seed"], 9);
    assert_eq!(json["request"]["width"], 64);
}

#[test]
fn every_setting_that_draws_otherwise_is_named() {
    let mut recipe = recipe("a, b: \"c\"");
    add_adapter(&mut recipe, "x:<y>", Some(0.0));
    add_adapter(&mut recipe, "same", Some(0.8));
    recipe.tiled = true;
    recipe.request = GenerateRequest {
        negative: Some(String::new()),
        prompt_2: Some("close: up".to_owned()),
        guidance: 5.5,
        guidance_rescale: 0.7,
        sampler: SamplerKind::Dpmpp2m,
        schedule: ScheduleKind::Karras,
        noise: NoiseKind::TorchCuda,
        clip_skip: 0,
        start: Some(StartImage {
            path: PathBuf::from("start.png"),
            denoise: 0.6,
            mask: None,
        }),
        ..recipe.request
    };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        parameters(&recipe),
        format!(
            "BlobCharV1, winking <lora:adapter:0.8> <lora:x__y_:0:0.8> <lora:same:0.8>\nSteps: 30, Sampler: DPM++ 2M, \
             Schedule type: Karras, CFG scale: 5.5, Seed: 9, Size: 64x32, Model hash: 0123456789, \
             Model: \"a, b: \\\"c\\\"\", Denoising strength: 0.6, RNG: NV, Prompt 2: \"close: up\", CFG Rescale: 0.7, \
             VAE tiling: True, Lora hashes: \"adapter: aaaaaaaaaaaa, x__y_: aaaaaaaaaaaa, same: aaaaaaaaaaaa\", \
             Version: atelier {version}"
        )
    );
}

/// What reading a PNG with this text of ours gives.
fn read_back(text: &str) -> Result<Recipe> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.png");
    let pixels = RgbPicture {
        width: 64,
        height: 32,
        rgb: picture().rgb,
    };
    png::write(&path, &pixels, &[("atelier", text)]).unwrap();
    read(&path)
}

#[test]
fn a_recipe_reads_back_as_it_was_written() {
    let mut recipe = recipe("tiny");
    recipe.request.guidance = 0.1 + 0.2;
    recipe.request.start = Some(StartImage {
        path: PathBuf::from("ü/start.png"),
        denoise: 0.1 + 0.2,
        mask: Some(PathBuf::from("mask.png")),
    });
    recipe.start = Some(StartRecord {
        sha256: "b".repeat(64),
        mask_sha256: Some("c".repeat(64)),
    });
    let [_, (_, json)] = recipe.texts(&picture()).unwrap();
    let read = read_back(&json).unwrap();
    recipe.request.seed = Seed(9);
    (recipe.request.width, recipe.request.height) = (Some(64), Some(32));
    assert_eq!(read, recipe);
}

#[test]
fn a_prompt_of_the_first_format_is_read_as_programs_read_it_then() {
    let text = r#"{"format":1,"program":"atelier 0.1.0","request":{"prompt":"a (b:1.2)","negative":"","steps":4},
        "base":{"name":"tiny","hash":"x"},"adapters":[{"name":"a","strength":1.0,"sha256":"y"}]}"#;
    let lacking = read_back(text).unwrap_err().to_string();
    assert!(lacking.contains("asks for 0 adapters and describes 1"));
    let text = text.replace(
        r#""steps":4"#,
        r#""steps":4,"adapters":[{"path":"a.safetensors","strength":1.0}]"#,
    );
    let recipe = read_back(&text).unwrap();
    assert_eq!(
        recipe.request.prompt_syntax,
        atelier_core::PromptSyntax::Plain
    );
    assert_eq!(recipe.request.negative.as_deref(), Some(""));
}

#[test]
fn recipes_that_cannot_be_trusted_are_refused_by_what_is_wrong() {
    let good = r#"{"format":2,"program":"p","request":{"prompt":"a"},"base":{"name":"tiny","hash":"x"},"adapters":[]}"#;
    read_back(good).unwrap();
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for (text, problem) in [
        (String::new(), "damaged recipe"),
        ("{".to_owned(), "damaged recipe"),
        (deep, "damaged recipe: recursion limit"),
        ("[]".to_owned(), "does not say its `format`"),
        (
            good.replace(":2", ":3"),
            "format 3, this program reads formats 1 to 2",
        ),
        (good.replace(":2", ":0"), "format 0"),
        (good.replace(":2", ":-1"), "does not say its `format`"),
        (good.replace("prompt", "promise"), "unknown field `promise`"),
        (good.replace("tiny", "\\u001b[2J"), "control characters"),
        (good.replace("tiny", "//host/x"), "on another machine"),
        (good.replace("tiny", r"\\\\host\\x"), "on another machine"),
        (good.replace("tiny", r"\\/host/x"), "on another machine"),
        (good.replace("tiny", r"/\\host/x"), "on another machine"),
        (
            good.replace("\"a\"", "\"a\",\"start\":{\"path\":\"x\",\"denoise\":1.0}"),
            "start picture",
        ),
    ] {
        let message = read_back(&text).unwrap_err().to_string();
        assert!(message.contains(problem), "{message}");
    }
}

#[test]
fn pictures_without_a_recipe_say_whose_they_are() {
    let folder = TempDir::new().unwrap();
    let pixels = RgbPicture {
        width: 64,
        height: 32,
        rgb: picture().rgb,
    };
    let message = |name: &str, texts: &[(&str, &str)]| {
        let path = folder.path().join(name);
        png::write(&path, &pixels, texts).unwrap();
        read(&path).unwrap_err().to_string()
    };
    assert!(message("a.png", &[("parameters", "x\nSteps: 4")]).contains("web interface"));
    assert!(message("b.png", &[]).contains("carries no recipe"));
    assert!(message("c.png", &[("atelier", "{}"), ("atelier", "{}")]).contains("2 recipes"));
    let long = "x".repeat(5 << 20);
    assert!(message("d.png", &[("atelier", &long)]).contains("at most 4194304 are read"));
}

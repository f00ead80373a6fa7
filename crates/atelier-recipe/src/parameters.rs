//! The text of AUTOMATIC1111's web interface, which many programs read.
//!
//! Source: names, order and quoting are those of its `create_infotext`, samplers and schedules those of its `sd_samplers` and
//! `sd_schedulers`.

use std::fmt::Display;
use std::fmt::Write as _;

use atelier_core::{GenerateRequest, NoiseKind, Picture, SamplerKind, ScheduleKind};
use serde_json::Value;

use super::{AdapterRecord, PROGRAM, Recipe};

/// Characters of the base's hash.
const MODEL_HASH: usize = 10;
/// Characters of an adapter's hash.
const LORA_HASH: usize = 12;

/// The text for one picture.
pub(super) fn of(recipe: &Recipe, picture: &Picture) -> String {
    let request = &recipe.request;
    let mut text = request.prompt.clone();
    for adapter in &recipe.adapters {
        text.push(' ');
        text.push_str(&tag(adapter));
    }
    if let Some(negative) = request.negative.as_deref().filter(|text| !text.is_empty()) {
        text.push_str("\nNegative prompt: ");
        text.push_str(negative);
    }
    text.push('\n');
    text.push_str(&settings(recipe, picture).join(", "));
    text
}

/// The last line, entry by entry.
fn settings(recipe: &Recipe, picture: &Picture) -> Vec<String> {
    let request = &recipe.request;
    let mut entries = Vec::new();
    let mut add = |key: &str, value: &dyn Display| {
        entries.push(format!("{key}: {}", quoted(&value.to_string())));
    };
    add("Steps", &request.steps);
    add("Sampler", &sampler_name(request.sampler));
    if let Some(schedule) = schedule_name(request.schedule) {
        add("Schedule type", &schedule);
    }
    add("CFG scale", &request.guidance);
    add("Seed", &picture.seed);
    add("Size", &format!("{}x{}", picture.width, picture.height));
    add("Model hash", &short(&recipe.base.hash, MODEL_HASH));
    add("Model", &recipe.base.name);
    if let Some(start) = &request.start {
        add("Denoising strength", &start.denoise);
    }
    if request.clip_skip > 0 {
        // There, 1 means that no layer is skipped.
        add("Clip skip", &(request.clip_skip + 1));
    }
    add("RNG", &noise_name(request.noise));
    add_extras(request, &mut add);
    if recipe.tiled {
        add("VAE tiling", &"True");
    }
    if !recipe.adapters.is_empty() {
        let hashes: Vec<_> = recipe.adapters.iter().map(name_and_hash).collect();
        add("Lora hashes", &hashes.join(", "));
    }
    add("Version", &PROGRAM);
    entries
}

/// What that interface has no name of its own for.
fn add_extras(request: &GenerateRequest, add: &mut dyn FnMut(&str, &dyn Display)) {
    let second = [
        ("Prompt 2", &request.prompt_2),
        ("Negative prompt 2", &request.negative_2),
    ];
    for (key, text) in second {
        if let Some(text) = text {
            add(key, text);
        }
    }
    if request.guidance_rescale > 0.0 {
        add("CFG Rescale", &request.guidance_rescale);
    }
}

/// A value with a character that separates entries stands there as JSON.
fn quoted(text: &str) -> String {
    if text.contains([',', ':', '\n']) {
        Value::from(text).to_string()
    } else {
        text.to_owned()
    }
}

/// With one number for both strengths, or with that of the text encoders first.
fn tag(adapter: &AdapterRecord) -> String {
    // A name that would end the tag early.
    let name = tag_name(adapter);
    let mut tag = format!("<lora:{name}");
    if let Some(text) = adapter
        .text_strength
        .filter(|text| text.to_bits() != adapter.strength.to_bits())
    {
        let _ = write!(tag, ":{text}");
    }
    let _ = write!(tag, ":{}>", adapter.strength);
    tag
}

fn tag_name(adapter: &AdapterRecord) -> String {
    let is_mark = |c: char| ":<>,".contains(c) || c.is_control();
    adapter.name.replace(is_mark, "_")
}

fn name_and_hash(adapter: &AdapterRecord) -> String {
    let hash = adapter.sshs_model_hash.as_ref().unwrap_or(&adapter.sha256);
    format!("{}: {}", tag_name(adapter), short(hash, LORA_HASH))
}

fn sampler_name(sampler: SamplerKind) -> &'static str {
    match sampler {
        SamplerKind::Ddim => "DDIM",
        SamplerKind::Pndm => "PLMS",
        SamplerKind::Lms => "LMS",
        SamplerKind::Euler => "Euler",
        SamplerKind::EulerA => "Euler a",
        SamplerKind::Heun => "Heun",
        SamplerKind::Dpm2 => "DPM2",
        SamplerKind::Dpm2A => "DPM2 a",
        SamplerKind::Dpmpp2m => "DPM++ 2M",
        SamplerKind::Dpmpp2mSde => "DPM++ 2M SDE",
        SamplerKind::DpmppSde => "DPM++ SDE",
        SamplerKind::Dpmpp3mSde => "DPM++ 3M SDE",
        SamplerKind::Unipc => "UniPC",
        SamplerKind::Lcm => "LCM",
    }
}

/// The schedule there that spaces steps in the same way; nothing where the base or the sampler decides, as there.
fn schedule_name(schedule: ScheduleKind) -> Option<&'static str> {
    match schedule {
        ScheduleKind::Base => None,
        ScheduleKind::Leading => Some("DDIM"),
        ScheduleKind::Trailing | ScheduleKind::SgmUniform => Some("SGM Uniform"),
        ScheduleKind::Linspace => Some("Uniform"),
        ScheduleKind::Karras => Some("Karras"),
        ScheduleKind::Exponential => Some("Exponential"),
        ScheduleKind::Beta => Some("Beta"),
    }
}

fn noise_name(noise: NoiseKind) -> &'static str {
    match noise {
        NoiseKind::TorchCpu => "CPU",
        NoiseKind::TorchCuda => "NV",
    }
}

fn short(hash: &str, length: usize) -> &str {
    hash.get(..length).unwrap_or(hash)
}

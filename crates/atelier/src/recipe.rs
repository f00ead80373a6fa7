//! What a PNG says about how it was drawn: in the form that other programs read, and in full.

use std::fmt::Write as _;

use anyhow::Result;
use atelier_core::{AdapterUse, GenerateRequest, NoiseKind, Picture, SamplerKind, ScheduleKind};
use atelier_weights::{TensorFile, sha256_file};
use serde::Serialize;

use crate::bases::FoundBase;
use crate::failure::CodedResult as _;

/// The program and its version.
const PROGRAM: &str = concat!("atelier ", env!("CARGO_PKG_VERSION"));
/// Version of the `atelier` text.
const FORMAT: u32 = 2;

/// Everything that decides a picture.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Recipe {
    format: u32,
    program: &'static str,
    request: GenerateRequest,
    base: BaseRecord,
    adapters: Vec<AdapterRecord>,
}

/// The base.
#[derive(Debug, Clone, Serialize)]
struct BaseRecord {
    name: String,
    hash: String,
}

/// One adapter.
#[derive(Debug, Clone, Serialize)]
struct AdapterRecord {
    name: String,
    strength: f32,
    sha256: String,
    /// The hash of the numbers alone, which editing the metadata does not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    sshs_model_hash: Option<String>,
}

impl Recipe {
    /// The recipe of a request, with the hash of each file that takes part.
    pub(crate) fn new(request: &GenerateRequest, base: &FoundBase, hash: String) -> Result<Self> {
        let adapters = request.adapters.iter().map(AdapterRecord::of);
        Ok(Self {
            format: FORMAT,
            program: PROGRAM,
            request: request.clone(),
            base: BaseRecord {
                name: base.name.clone(),
                hash,
            },
            adapters: adapters.collect::<Result<_>>()?,
        })
    }

    /// Keyword and text for a PNG that holds `picture`. The recorded request draws this one picture again.
    pub(crate) fn texts(&self, picture: &Picture) -> Result<[(&'static str, String); 2]> {
        let mut own = self.clone();
        own.request.seed = picture.seed;
        own.request.count = 1;
        own.request.width = Some(picture.width);
        own.request.height = Some(picture.height);
        Ok([
            ("parameters", own.parameters(picture)),
            ("atelier", serde_json::to_string(&own)?),
        ])
    }

    /// The text that AUTOMATIC1111's web interface writes, which many programs read.
    fn parameters(&self, picture: &Picture) -> String {
        let request = &self.request;
        let mut text = request.prompt.clone();
        for adapter in &self.adapters {
            add(
                &mut text,
                format_args!(" <lora:{}:{}>", adapter.name, adapter.strength),
            );
        }
        if let Some(negative) = request.negative.as_deref().filter(|text| !text.is_empty()) {
            add(&mut text, format_args!("\nNegative prompt: {negative}"));
        }
        let sampler = match request.sampler {
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
        };
        let schedule = match request.schedule {
            ScheduleKind::Base => String::new(),
            named => format!(", Schedule type: {}", schedule_name(named)),
        };
        add(
            &mut text,
            format_args!(
                "\nSteps: {}, Sampler: {sampler}{schedule}, CFG scale: {}, Seed: {}, Size: {}x{}, Model hash: {}, Model: {}",
                request.steps,
                request.guidance,
                picture.seed,
                picture.width,
                picture.height,
                short(&self.base.hash, 10),
                self.base.name,
            ),
        );
        if request.clip_skip > 0 {
            // There, 1 means that no layer is skipped.
            add(
                &mut text,
                format_args!(", Clip skip: {}", request.clip_skip + 1),
            );
        }
        if let Some(start) = &request.start {
            add(
                &mut text,
                format_args!(", Denoising strength: {}", start.denoise),
            );
        }
        if request.noise == NoiseKind::TorchCuda {
            add(&mut text, format_args!(", RNG: NV"));
        }
        if !self.adapters.is_empty() {
            let hashes: Vec<_> = self
                .adapters
                .iter()
                .map(AdapterRecord::name_and_hash)
                .collect();
            add(
                &mut text,
                format_args!(", Lora hashes: \"{}\"", hashes.join(", ")),
            );
        }
        add(&mut text, format_args!(", Version: {}", self.program));
        text
    }
}

impl AdapterRecord {
    fn of(adapter: &AdapterUse) -> Result<Self> {
        let file = TensorFile::open(&adapter.path).coded()?;
        let name = adapter.path.file_stem().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            strength: adapter.strength,
            sha256: sha256_file(&adapter.path).coded()?,
            sshs_model_hash: file.metadata().get("sshs_model_hash").cloned(),
        })
    }

    fn name_and_hash(&self) -> String {
        let hash = self.sshs_model_hash.as_ref().unwrap_or(&self.sha256);
        format!("{}: {}", self.name, short(hash, 12))
    }
}

/// What the web interface calls a schedule.
fn schedule_name(schedule: ScheduleKind) -> &'static str {
    match schedule {
        ScheduleKind::Karras => "Karras",
        ScheduleKind::Exponential => "Exponential",
        ScheduleKind::Beta => "Beta",
        ScheduleKind::SgmUniform => "SGM Uniform",
        other => other.name(),
    }
}

fn short(hash: &str, length: usize) -> &str {
    hash.get(..length).unwrap_or(hash)
}

fn add(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing into a `String` cannot fail.
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use atelier_core::Seed;

    use super::*;

    fn recipe() -> Recipe {
        let request = GenerateRequest {
            prompt: "BlobCharV1, winking".to_owned(),
            negative: Some("text".to_owned()),
            clip_skip: 1,
            ..GenerateRequest::default()
        };
        let base = FoundBase {
            name: "tiny".to_owned(),
            path: PathBuf::new(),
        };
        let mut recipe = Recipe::new(&request, &base, "0123456789abcdef".to_owned()).unwrap();
        recipe.adapters.push(AdapterRecord {
            name: "adapter".to_owned(),
            strength: 0.8,
            sha256: "a".repeat(64),
            sshs_model_hash: None,
        });
        recipe
    }

    #[test]
    fn other_programs_find_every_field_where_they_look() {
        let picture = Picture {
            width: 64,
            height: 32,
            rgb: Vec::new(),
            seed: Seed(9),
        };
        let [(keyword, parameters), (own, json)] = recipe().texts(&picture).unwrap();
        assert_eq!((keyword, own), ("parameters", "atelier"));
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            parameters,
            format!(
                "BlobCharV1, winking <lora:adapter:0.8>\nNegative prompt: text\nSteps: 30, Sampler: DDIM, CFG scale: 7, \
                 Seed: 9, Size: 64x32, Model hash: 0123456789, Model: tiny, Clip skip: 2, \
                 Lora hashes: \"adapter: aaaaaaaaaaaa\", Version: atelier {version}"
            )
        );
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["request"]["seed"], 9);
        assert_eq!(json["request"]["width"], 64);
    }
}

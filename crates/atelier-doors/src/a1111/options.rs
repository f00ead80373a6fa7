//! Settings that requests may lay over those of the server, and that clients may set for all that comes after.

use atelier_core::{BaseAbout, NoiseKind, Planner};
use atelier_server::door::{AppFor, Failure, Json, json_within};
use axum::Extension;
use axum::extract::Request;
use serde_json::{Value, json};

use super::desk::Desk;
use super::refusal::{Refusal, Result};
use super::said::Settings;
use crate::key::{Document, is_none};

/// The one that counts layers there; 1 means that none is skipped.
const CLIP_SKIP: (&str, (i64, i64)) = ("CLIP_stop_at_last_layers", (1, 12));
/// Sources of noise there.
const NOISES: [(&str, NoiseKind); 3] = [
    ("CPU", NoiseKind::TorchCpu),
    ("GPU", NoiseKind::TorchCuda),
    ("NV", NoiseKind::TorchCuda),
];
/// The base's own autoencoder.
const OWN_VAE: &str = "Automatic";

/// What is set; the usual where nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The name of the base.
    pub(super) base: Option<String>,
    pub(super) clip_skip: Option<usize>,
    pub(super) noise: Option<NoiseKind>,
}

impl Options {
    /// What is said. Settings that nobody knows are passed over.
    pub(super) fn said(said: &Settings, planner: &dyn Planner) -> Result<Self> {
        check_absent(said)?;
        let mut options = Self::default();
        let base = said.sd_model_checkpoint.get("sd_model_checkpoint")?;
        if let Some(word) = base.filter(|word| !word.trim().is_empty()) {
            options.base = Some(find_base(planner, word.trim())?.name);
        }
        let (key, range) = CLIP_SKIP;
        if let Some(layers) = said.clip_stop_at_last_layers.get(key)? {
            options.clip_skip = Some(layers.within(key, range)? - 1);
        }
        if let Some(word) = said.randn_source.get("randn_source")? {
            let found = NOISES.iter().find(|(name, _)| name == word);
            let found = found.ok_or_else(|| {
                Refusal::invalid("`randn_source` must be one of `CPU`, `GPU`, `NV`")
            });
            options.noise = Some(found?.1);
        }
        Ok(options)
    }

    /// These without a base that was set and is gone since, so that the usual one is meant.
    pub(super) fn among(self, bases: &[BaseAbout]) -> Self {
        let is_there = |name: &String| bases.iter().any(|base| base.name == *name);
        let base = self.base.filter(is_there);
        Self { base, ..self }
    }

    /// These, and those below where they set nothing.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            base: self.base.or(below.base),
            clip_skip: self.clip_skip.or(below.clip_skip),
            noise: self.noise.or(below.noise),
        }
    }
}

/// What would make another picture, and is not there.
fn check_absent(said: &Settings) -> Result<()> {
    let vae = said.sd_vae.get("sd_vae")?.map(|vae| vae.trim());
    if vae.is_some_and(|vae| !is_none(vae) && !vae.eq_ignore_ascii_case(OWN_VAE)) {
        return Err(Refusal::not_supported(
            "autoencoders apart from bases (`sd_vae`)",
        ));
    }
    let absent = [
        (&said.eta_noise_seed_delta, "`eta_noise_seed_delta`"),
        (&said.s_min_uncond, "`s_min_uncond`"),
        (&said.sd_hypernetwork, "`sd_hypernetwork`"),
    ];
    match absent.iter().find(|(key, _)| key.is_wanted()) {
        Some((_, what)) => Err(Refusal::not_supported(what)),
        None => Ok(()),
    }
}

/// A base by the title, the name or the file name that `/sd-models` gives it.
fn find_base(planner: &dyn Planner, word: &str) -> Result<BaseAbout> {
    let bases = planner.list_bases().map_err(Failure::from)?;
    // Some clients say the title that it has there, with a hash behind the name.
    let name = word.split(" [").next().unwrap_or(word);
    let name = name.strip_suffix(".safetensors").unwrap_or(name);
    let exact = bases.iter().find(|base| base.name == word);
    let found = exact.or_else(|| {
        let mut bases = bases.iter();
        bases.find(|base| base.name.eq_ignore_ascii_case(name))
    });
    found.cloned().ok_or_else(|| {
        let word: String = word.chars().take(200).collect();
        Refusal::not_found(format!(
            "there is no base `{word}`; `/sd-models` lists those that there are"
        ))
    })
}

/// The options that there are.
pub(super) async fn get_options(
    AppFor(app): AppFor,
    Extension(desk): Extension<Desk>,
) -> Result<Json<Value>> {
    let planner = app.planner()?;
    let bases = app.work().files(move || planner.list_bases());
    let bases = bases.await?.map_err(Failure::from)?;
    let options = desk.options(&app).among(&bases);
    let usual = || Some(bases.first()?.name.clone());
    let base = options.base.or_else(usual);
    let noise = options.noise.unwrap_or_default();
    let noise = NOISES.iter().find(|(_, kind)| *kind == noise);
    Ok(Json(json!({
        "sd_model_checkpoint": base,
        "sd_checkpoint_hash": null,
        "sd_vae": OWN_VAE,
        "CLIP_stop_at_last_layers": options.clip_skip.unwrap_or(0) + 1,
        "randn_source": noise.map(|(name, _)| name),
        "eta_noise_seed_delta": 0,
        "samples_format": "png",
    })))
}

/// Sets options for all that comes after, until the server stops.
pub(super) async fn set_options(
    AppFor(app): AppFor,
    Extension(desk): Extension<Desk>,
    request: Request,
) -> Result<Json<Value>> {
    let most_bytes = app.limits().json_bytes;
    let Document(said): Document<Settings> = json_within(request, &app, most_bytes).await?;
    let planner = app.planner()?;
    let read = app.work().files(move || Options::said(&said, &*planner));
    desk.set_options(&app, read.await??);
    Ok(Json(Value::Null))
}

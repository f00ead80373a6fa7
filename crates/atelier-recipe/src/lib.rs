//! What a PNG says about how it was drawn: in the form that other programs read, and in full.

mod ingredients;
mod parameters;
mod reading;

#[cfg(test)]
mod tests;

use anyhow::Result;
use atelier_core::{GenerateRequest, Picture};
use serde::{Deserialize, Serialize};

pub use ingredients::{Ingredients, file_sha256};
pub use reading::read;

/// The program and its version.
const PROGRAM: &str = concat!("atelier ", env!("CARGO_PKG_VERSION"));
/// Version of the `atelier` text.
const FORMAT: u32 = 2;
/// Keyword of the recipe in full.
const OWN_KEYWORD: &str = "atelier";
/// Keyword of the text that AUTOMATIC1111's web interface writes.
const PARAMETERS_KEYWORD: &str = "parameters";

/// Everything that decides a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    format: u32,
    program: String,
    /// What was asked for.
    pub request: GenerateRequest,
    /// The base.
    pub base: BaseRecord,
    /// The file of each adapter of the request.
    pub adapters: Vec<AdapterRecord>,
    /// The files that drawing started from, where the request has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartRecord>,
    /// Whether the autoencoder worked tile by tile, which follows from the request and the base.
    #[serde(skip)]
    tiled: bool,
}

/// The base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseRecord {
    /// What it was called.
    pub name: String,
    /// The hash of its files.
    pub hash: String,
}

/// One adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterRecord {
    /// Its file name without the ending.
    pub name: String,
    strength: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_strength: Option<f32>,
    /// The hash of the file.
    pub sha256: String,
    /// Its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The hash of the numbers alone, which editing the metadata does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sshs_model_hash: Option<String>,
}

/// The files of a start picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRecord {
    /// The hash of the picture's file.
    pub sha256: String,
    /// The hash of the mask's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_sha256: Option<String>,
}

impl Recipe {
    /// The recipe of a request, with the hash of each file that takes part.
    pub fn new(request: &GenerateRequest, base_name: &str, hash: String) -> Result<Self> {
        let mut ingredients = Ingredients::new(base_name, hash, None);
        ingredients.take_in(request)?;
        Ok(ingredients.recipe(request, false))
    }

    /// The recipe of this one picture, as documents and the library show it.
    pub fn document(&self, picture: &Picture) -> Result<serde_json::Value> {
        Ok(serde_json::to_value(self.of(picture))?)
    }

    /// Draws this one picture again.
    fn of(&self, picture: &Picture) -> Self {
        let mut own = self.clone();
        own.request.seed = picture.seed;
        own.request.count = 1;
        own.request.width = Some(picture.width);
        own.request.height = Some(picture.height);
        own
    }

    /// Keyword and text for a PNG that holds `picture`. The recorded request draws this one picture again.
    pub fn texts(&self, picture: &Picture) -> Result<[(&'static str, String); 2]> {
        let own = self.of(picture);
        Ok([
            (PARAMETERS_KEYWORD, parameters::of(&own, picture)),
            (OWN_KEYWORD, serde_json::to_string(&own)?),
        ])
    }
}

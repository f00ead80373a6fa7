//! What can be asked of the queue.

use std::path::Path;

use atelier_core::GenerateRequest;
use atelier_store::{ModelId, StartPictureId};
use serde::{Deserialize, Serialize};

use crate::files::inputs;

/// How to train a run; what to train is in the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingRequest {
    /// The most memory that it will take, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The device, as [`atelier_core::DeviceChoice`] is written; the program's usual one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Leave unusable pictures out instead of refusing.
    pub skip_bad: bool,
}

/// What to draw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerationRequest {
    /// The word by which the base is found; that of the first model, else the embedded one, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The library's models that take part.
    pub models: Vec<ModelUse>,
    /// The library's picture that drawing starts from, where it does not start from noise alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<StartUse>,
    /// Everything else. It names no adapter files, since those of a job are models; where `start` is given, the queue says where
    /// its files lie.
    pub request: GenerateRequest,
    /// The most memory that it will take, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The device, as [`atelier_core::DeviceChoice`] is written; the program's usual one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl GenerationRequest {
    /// Looks for the copies of its start picture and mask in the folder of its job, wherever that lies now: a library may have
    /// been copied to another place since.
    pub fn place_inputs(&mut self, job: &Path) {
        let Some(start) = &mut self.request.start else {
            return;
        };
        for path in std::iter::once(&mut start.path).chain(&mut start.mask) {
            if let Some(name) = path.file_name() {
                *path = job.join(inputs::FOLDER).join(name);
            }
        }
    }
}

/// A model of the library, and how strongly it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelUse {
    /// The model.
    pub model: ModelId,
    /// The epoch of its run whose adapter is used; the model's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<usize>,
    /// The factor on it, 0 to 1.5; the model's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f32>,
    /// The factor on the layers of text encoders; `strength` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_strength: Option<f32>,
}

/// A start picture of the library, and how much of it stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartUse {
    /// The picture.
    pub picture: StartUsed,
    /// A picture that is white where something new is drawn and black where the start stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<StartUsed>,
    /// The share of the steps that are drawn, above 0 to 1 inclusive.
    pub denoise: f64,
}

/// A start picture, and what recipes call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartUsed {
    /// Its id.
    pub id: StartPictureId,
    /// What its file was called; the queue says it.
    #[serde(default)]
    pub name: String,
}

impl From<StartPictureId> for StartUsed {
    fn from(id: StartPictureId) -> Self {
        Self {
            id,
            name: String::new(),
        }
    }
}

//! Stable Diffusion 1.x: one CLIP text encoder, a convolutional denoiser with cross-attention, a KL autoencoder.

mod adapters;
mod attention_block;
mod config;
mod denoiser;
mod folder;
mod keys;
mod pipeline;
pub mod recipe;
mod resnet;
mod text;
mod vae;

pub use adapters::{adapter_layers, attach_file, kohya_layer_name};
pub use config::{TextConfig, UnetConfig, VaeConfig};
pub use denoiser::Unet;
pub use folder::{Base, Parts};
pub use keys::aliases;
pub use pipeline::Pipeline;
pub use text::TextEncoder;
pub use vae::Vae;

use super::Family;

/// The family's one description.
pub const FAMILY: Family = Family {
    name: "sd15",
    pipeline_classes: &["StableDiffusionPipeline"],
};

//! The networks that Stable Diffusion models are made of, in the sizes that their configuration files say.

mod attention_block;
mod clip;
mod clip_config;
mod conditioning;
mod config;
mod resnet;
mod sinusoid;
mod unet;
mod unet_config;
mod unet_layer;
mod vae;
mod vae_config;
mod vae_tiles;

pub use clip::{TextEncoder, TextOutput};
pub use clip_config::TextConfig;
pub use conditioning::{AddedConditioning, Conditioning};
pub use unet::Unet;
pub use unet_config::{PerLevel, UnetConfig};
pub use vae::{Posterior, Vae};
pub use vae_config::VaeConfig;

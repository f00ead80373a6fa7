//! What the families sd15 and sdxl share: networks, an opened base, text states, adapters on its layers, and the way from
//! text to picture. The families themselves say only what differs.

mod adapters;
mod keys;
pub mod networks;
mod opened;
mod pipeline;
pub mod recipe;
mod text;

pub use adapters::{adapter_sites, attach_file, kohya_layer_name};
pub use keys::aliases;
pub use networks::{
    AddedConditioning, Conditioning, TextConfig, TextEncoder, Unet, UnetConfig, Vae, VaeConfig,
};
pub use opened::{Base, Parts, TextSide};
pub use pipeline::Pipeline;
pub use text::{TextStates, time_ids};

//! What the families sd15 and sdxl share: networks, an opened base, text states, adapters on its layers, and the way from
//! text to picture. The families themselves say only what differs.

mod adapters;
mod drawing;
mod keys;
mod loaded;
mod mended;
pub mod networks;
mod opened;
mod packed;
mod pipeline;
mod plan;
pub mod recipe;
mod start;
mod text;
mod text_memory;

pub use adapters::FittedAdapterUse;
pub use drawing::PreparedDrawing;
pub use keys::aliases;
pub use loaded::Residence;
pub use networks::{
    AddedConditioning, Conditioning, TextConfig, TextEncoder, Unet, UnetConfig, Vae, VaeConfig,
};
pub use opened::{Base, Parts, TextSide};
pub use packed::PackedFolder;
pub use pipeline::{Pipeline, PipelinePart};
pub use text::{Encoded, TextStates, time_ids};

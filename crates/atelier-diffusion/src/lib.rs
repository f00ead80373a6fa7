//! Model families, samplers, noise and prompts: from a prompt and a seed to a picture.
//!
//! Shapes in names: `b` batch, `c` channels, `h w` height width, `s` sequence, `d` features.

mod error;
pub mod families;
pub mod guidance;
pub mod noise;
pub mod prompt;
pub mod samplers;
pub mod schedule;
pub mod source;
pub mod stable_diffusion;
pub mod tokenizer;

pub use error::{Error, Result};

//! Layers with named parameters.

mod conv2d;
mod embedding;
mod linear;
mod norm;
mod weight;

pub use conv2d::{Conv2d, ConvShape};
pub use embedding::Embedding;
pub use linear::Linear;
pub use norm::{Affine, GroupNorm, LayerNorm};
pub use weight::Weight;

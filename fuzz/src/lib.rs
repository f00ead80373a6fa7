//! What the fuzz targets share: files in memory, tensors with a header that agrees with itself, and names that are almost
//! those of real files. Each target reads what it was given as a user's file is read, and fails when that panics, or when
//! what was accepted contradicts itself.

mod adapter;
mod checkpoint;
mod name;
mod scratch;
mod tensor;

pub use adapter::AdapterCase;
pub use checkpoint::CheckpointCase;
pub use name::Name;
pub use scratch::Scratch;
pub use tensor::{Tensors, framed};

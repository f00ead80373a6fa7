//! What is done with adapters as files: what they hold, their effect on a weight, other formats, several into one.

mod delta;
mod linalg;

pub use delta::{apply_to_weight, delta};

//! Products with frozen weights: linear maps and 3×3 convolutions, forward and backward to the input.

pub(crate) mod conv;
pub(super) mod halves;
pub(crate) mod linear;
mod operand;
pub(crate) mod outer;
pub(super) mod packed;
mod packing;
mod picture;
mod scratch;
#[cfg(test)]
mod tests;
pub(super) mod tile;
mod turned;
mod units;
mod walk;
pub(super) mod whole;
mod winograd;

pub(crate) use conv::ConvSizes;
pub(crate) use operand::{HalfRows, Operand};
pub(crate) use packed::{Format, Packed};
pub use scratch::release_scratch;
pub(crate) use units::Line;

//! Golden tensors and tiny models for tests: reference values that the scripts in `golden/` wrote with diffusers.
//!
//! Only tests use this crate, so its functions panic with a full message in place of returning errors.

mod close;
mod golden;
#[cfg(feature = "vulkan")]
mod graphics;
pub mod parity;
#[cfg(all(test, feature = "tensors"))]
mod tests;

pub use close::{assert_case_close, assert_close, assert_near, relative_error};
pub use golden::{Golden, checkout, golden, golden_folder, tiny_sd15, tiny_sdxl};
#[cfg(feature = "vulkan")]
pub use graphics::{graphics, without_graphics};

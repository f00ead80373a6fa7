//! Golden tensors and tiny models for tests: reference values that the scripts in `golden/` wrote with diffusers.
//!
//! Only tests use this crate, so its functions panic with a full message in place of returning errors.

mod close;
mod golden;
#[cfg(test)]
mod tests;

pub use close::{assert_close, relative_error};
pub use golden::{Golden, golden, golden_folder, tiny_sd15, tiny_sdxl};

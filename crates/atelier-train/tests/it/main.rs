//! Whole runs on a tiny random base.

#![allow(clippy::unwrap_used, reason = "a failed fixture is a failed test")]

mod arithmetic;
mod bad_input;
mod fixture;
#[cfg(feature = "vulkan")]
mod gpu;
mod notes;
mod previews;
mod resume;
mod runs;

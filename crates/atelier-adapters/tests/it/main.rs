//! The public face of the crate, on real files.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod adapter;
mod adapter_files;
mod bake;
mod dora;
mod kinds;
mod names;
mod norms_and_biases;
mod operations;
mod readers;
mod scales;

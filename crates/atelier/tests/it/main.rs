//! The real program on a tiny random model: what it writes, what it says, and how it ends.

#![allow(clippy::unwrap_used, reason = "a failed fixture is a failed test")]

mod accounts;
mod bases;
mod bench;
mod dataset;
mod devices;
mod disk_full;
mod doctor;
mod generate;
mod hostile;
#[cfg(feature = "hub")]
mod hub;
mod interrupt;
mod library;
mod model;
mod quickstart;
mod serve;
mod train;
mod usage;
mod workbench;

//! The server as its clients see it.

#![allow(clippy::unwrap_used, reason = "a failed fixture is a failed test")]

mod datasets;
mod drawings;
mod edits;
mod events;
mod export;
mod files;
mod jobs;
mod listening;
mod models;
mod openapi;
mod pages;
mod pictures;
#[path = "../../examples/pretend/mod.rs"]
mod pretend;
mod runs;
mod security;
mod studio;
mod trainings;
mod uploads;
mod zips;

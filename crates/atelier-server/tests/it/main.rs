//! The server as its clients see it.

#![allow(clippy::unwrap_used, reason = "a failed fixture is a failed test")]

mod accounts;
mod connections;
mod datasets;
mod door_mappings;
mod edits;
mod export;
mod files;
mod gate;
mod learning;
mod listening;
mod openapi;
mod pages;
#[path = "../../examples/pretend/mod.rs"]
mod pretend;
mod queue;
mod security;
mod studio;
mod uploads;
mod zips;

/// Doors for the studio: none, since they are tested where they are.
fn doors() -> axum::Router<atelier_server::door::App> {
    axum::Router::new()
}

//! The studio over HTTP: the API under `/api/v1`, and the web pages that are compiled in.
//!
//! It listens on this machine, where it trusts everybody, or elsewhere, where everybody has to log in. Nothing slow runs on the threads that answer: catalogue, decoding
//! and hashing have threads of their own, and so many of them that a flood of requests waits instead of taking all memory.

mod accounts;
mod app;
mod audit;
mod chores;
mod datasets;
pub mod door;
mod door_mappings;
mod drawings;
mod events;
mod extract;
mod jobs;
mod listen;
mod models;
mod openapi;
mod pictures;
mod routes;
mod runs;
mod security;
mod seed;
mod session;
mod sharing;
mod status;
mod thumbnails;
mod tokens;
mod trainings;
mod web;

pub use atelier_http::security::{Access, HostName};
pub use atelier_http::{Error, Limits, ListenAddress};

pub use app::{Note, Services, Settings, guarded_router, router};
pub use listen::Server;
pub use models::export::{AdapterDtype, AdapterWish, AdapterWriter};
pub use openapi::openapi_json;

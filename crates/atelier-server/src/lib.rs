//! The studio over HTTP: the API under `/api/v1`, and the web pages that are compiled in.
//!
//! It listens on this machine, where it trusts everybody, or elsewhere, where everybody has to log in. Nothing slow runs on the threads that answer: catalogue, decoding
//! and hashing have threads of their own, and so many of them that a flood of requests waits instead of taking all memory.

mod accounts;
mod answer;
mod app;
mod audit;
mod chores;
mod connection;
mod datasets;
pub mod door;
mod door_mappings;
mod drawings;
mod error;
mod events;
mod extract;
mod jobs;
mod limits;
mod listen;
mod models;
mod openapi;
mod patient;
mod pictures;
mod places;
mod routes;
mod runs;
mod security;
mod session;
mod sharing;
mod status;
mod thumbnails;
mod tokens;
mod trainings;
mod web;
mod work;

pub use app::{Note, Services, Settings, guarded_router, router};
pub use error::Error;
pub use limits::Limits;
pub use listen::{ListenAddress, Server};
pub use openapi::openapi_json;
pub use security::{Access, HostName};

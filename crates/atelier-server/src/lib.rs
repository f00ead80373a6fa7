//! The studio over HTTP: the API under `/api/v1`, and the web pages that are compiled in.
//!
//! It listens on this machine only and knows no accounts. Nothing slow runs on the threads that answer: catalogue, decoding
//! and hashing have threads of their own, and so many of them that a flood of requests waits instead of taking all memory.

mod answer;
mod app;
mod chores;
mod connection;
mod datasets;
pub mod door;
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
mod routes;
mod runs;
mod security;
mod session;
mod status;
mod thumbnails;
mod trainings;
mod web;
mod work;

pub use app::{Note, Services, Settings, router};
pub use error::Error;
pub use limits::Limits;
pub use listen::{ListenAddress, Server};
pub use openapi::openapi_json;

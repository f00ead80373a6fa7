//! Features and embeddings on drawn shapes and on the sample dataset.

#![allow(clippy::unwrap_used, reason = "a failed fixture is a failed test")]

mod blobs;
mod embeddings;
mod shapes;

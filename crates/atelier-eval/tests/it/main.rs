//! Features and embeddings on drawn shapes and on the sample dataset, measures against references.

#![allow(clippy::unwrap_used, reason = "a failed fixture is a failed test")]

mod blobs;
mod embeddings;
mod picture_quality;
mod shapes;

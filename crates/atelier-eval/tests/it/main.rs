//! The feature on drawn shapes and on the sample dataset.

mod blobs;
mod shapes;

//! A small software renderer: triangles with depth, smooth shading and soft edges, on a transparent ground.
//!
//! It makes the pictures of the sample object; nothing else in the corpus is three-dimensional.

pub(crate) mod mesh;
pub(crate) mod raster;
pub(crate) mod scene;
pub(crate) mod vector;

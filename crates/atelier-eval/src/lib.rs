//! Scores of pictures: how alike two pictures are, how alike drawings are to a character, and how far that scatters.
//!
//! Pictures are compared by a [`Feature`], which is where colours and edges lie, or by an [`Embedding`], which is what a network
//! sees in them. Nothing here draws or reads files.

mod color;
mod comparable;
mod edges;
mod embedding;
mod feature;
mod layout;
mod score;

pub use comparable::Comparable;
pub use embedding::{Embedder, Embedding, Pooled};
pub use feature::{COLOR_SHARE, Feature};
pub use score::{Spread, likeness, mutual_likeness, nearest, similarity};

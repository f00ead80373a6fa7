//! Scores of pictures: how alike two pictures are, how alike drawings are to a character, and how far that scatters.
//!
//! Pictures are compared by a [`Feature`], which is where colours and edges lie, by an [`Embedding`], which is what a network
//! sees in them, or pixel by pixel ([`psnr()`], [`ssim()`]); sets of pictures by [`kid()`]. Nothing here draws or reads files.

mod color;
mod comparable;
mod edges;
mod embedding;
mod error;
mod feature;
mod kid;
mod layout;
mod psnr;
mod score;
mod ssim;

pub use comparable::Comparable;
pub use embedding::{Embedder, Embedding, Pooled};
pub use error::Error;
pub use feature::{COLOR_SHARE, Feature};
pub use kid::{KidSpread, Subsets, kid, kid_subsets};
pub use psnr::psnr;
pub use score::{Spread, likeness, mutual_likeness, nearest, similarity};
pub use ssim::ssim;

//! Scores of pictures: how alike two pictures are, how alike drawings are to a character, and how far that scatters.
//!
//! [`Feature`] says what is compared, and what it cannot tell. Nothing here draws, reads files or knows a tensor.

mod color;
mod edges;
mod feature;
mod layout;
mod score;

pub use feature::{COLOR_SHARE, Feature};
pub use score::{Spread, likeness, mutual_likeness, nearest, similarity};

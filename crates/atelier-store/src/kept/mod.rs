//! What is kept beside the catalogue only to be quicker, and can be made anew.

mod hashes;
mod packed;
mod thumbnails;

pub use hashes::KeptHashes;
pub use packed::{KeptPacked, PackedContents, PackedRoom};
pub(crate) use thumbnails::sweep as sweep_thumbnails;
pub use thumbnails::{ThumbnailName, Thumbnails, thumbnails_folder};

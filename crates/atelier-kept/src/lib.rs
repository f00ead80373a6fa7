//! What is kept beside the library only to be quicker, and can be made anew: hashes of weights, packed weights, thumbnails.
//! Each has a folder of its own, whose files go when they are of no more use or there are too many.

mod hashes;
mod packed;
mod thumbnails;

pub use hashes::KeptHashes;
pub use packed::{KeptPacked, PackedContents, PackedRoom};
pub use thumbnails::sweep as sweep_thumbnails;
pub use thumbnails::{ThumbnailName, Thumbnails, thumbnails_folder};

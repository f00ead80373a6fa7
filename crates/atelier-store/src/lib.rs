//! What the program keeps on the disk between its commands: bases, the hashes of weights, packed weights.
//! `docs/reference/on-disk.md` describes the files. Where things lie is said by who calls.

pub mod bases_folder;
mod hashes;
mod packed;

pub use hashes::KeptHashes;
pub use packed::{KeptPacked, PackedContents, PackedRoom};

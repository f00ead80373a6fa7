//! What comes in: forms in small pieces, to a folder of their own, as long as the disk has room; archives unpacked, and captions
//! and crops paired with their pictures.

pub mod archive;
pub mod body;
pub mod disk;
pub mod folder;
pub mod metered;
pub mod pair;
pub mod part;
pub mod receive;
pub mod steady;

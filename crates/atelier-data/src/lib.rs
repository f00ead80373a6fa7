//! Pictures in, training samples out: decoding with limits, captions, crops, dataset folders, and PNG files with text.
//! Knows no tensor library; numbers leave as plain vectors.

pub mod caption;
mod color;
mod decode;
mod error;
mod file;
mod folder;
mod picture;
pub mod png;
mod resample;

pub use decode::{Limits, decode_picture};
pub use error::Error;
pub use folder::{FolderDataset, Sample, Skipped, read_folder};
pub use picture::{RgbPicture, chw_unit, crop_to, picture_from_chw_unit, sheet, square_crop};
pub use resample::{Kernel, resize};

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

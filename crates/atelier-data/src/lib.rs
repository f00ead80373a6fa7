//! Pictures in, training samples out: decoding with limits, captions, crops, dataset folders, and PNG files with text.
//! Knows no tensor library; numbers leave as plain vectors.

pub mod caption;
mod caption_gaps;
mod color;
mod crops;
mod decode;
mod error;
mod file;
mod folder;
mod listing;
mod picture;
pub mod png;
mod resample;
pub mod thumbnail;
mod trigger_word;
mod version;

pub use caption_gaps::CaptionGaps;
pub use crops::{CROPS_FILE, CROPS_MAX_BYTES, crops_from_json, crops_json};
pub use decode::{
    Limits, decode_bytes, decode_mask, decode_mask_or_alpha, decode_picture, pixels_of, read_file,
};
pub use error::Error;
pub use folder::{FolderDataset, Sample, Skipped, read_folder};
pub use listing::PICTURE_EXTENSIONS;
pub use picture::{
    RgbPicture, chw_unit, crop_to, picture_from_chw_unit, sheet, square_crop, training_square,
};
pub use resample::{Kernel, resize};
pub use trigger_word::{FindingLevel, TriggerContext, TriggerFinding, judge_trigger_word};
pub use version::dataset_version;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

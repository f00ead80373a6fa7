//! A picture to start drawing from: image to image, and inpainting with a mask.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The picture that drawing starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartImage {
    /// The picture's file.
    pub path: PathBuf,
    /// The share of the steps that are drawn, above 0 to 1 inclusive: little changes little, 1 keeps nothing.
    pub denoise: f64,
    /// A picture that is white where something new is drawn and black where the start stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<PathBuf>,
}

/// The pixels of a [`StartImage`], in the size of the picture that is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartPixels {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width * height * 3` bytes, sRGB, rows from the top.
    pub rgb: Vec<u8>,
    /// `width * height` bytes; from 128 on something new is drawn.
    pub mask: Option<Vec<u8>>,
}

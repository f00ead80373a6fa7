//! A picture to start drawing from: image to image, and inpainting with a mask.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::GenerateRequest;

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

impl StartImage {
    /// The share of the steps that is drawn where nothing else is said.
    pub const USUAL_DENOISE: f64 = 0.6;

    /// The width and height to draw over a picture of this width and height: what was asked for; a side that was not follows
    /// from the shape of the picture, in whole latents of `factor` pixels. Neither is stretched.
    #[must_use]
    pub fn size(
        (wide, high): (usize, usize),
        asked: (Option<usize>, Option<usize>),
        factor: usize,
    ) -> (usize, usize) {
        let most = GenerateRequest::MAX_SIDE / factor * factor;
        let whole = |side: usize| (side / factor * factor).clamp(factor, most);
        match asked {
            (Some(width), Some(height)) => (width, height),
            (Some(width), None) => (width, whole(width.min(most) * high / wide)),
            (None, Some(height)) => (whole(height.min(most) * wide / high), height),
            (None, None) => {
                let longest = wide.max(high);
                let fitted = |side: usize| side * longest.min(most) / longest;
                (whole(fitted(wide)), whole(fitted(high)))
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_were_not_asked_for_follow_the_shape_of_the_picture() {
        for (picture, asked, expected) in [
            ((515, 300), (None, None), (512, 296)),
            ((515, 300), (Some(64), Some(64)), (64, 64)),
            ((600, 300), (Some(64), None), (64, 32)),
            ((600, 300), (None, Some(64)), (128, 64)),
            ((16_384, 2048), (None, None), (4096, 512)),
            ((5, 16_384), (None, None), (8, 4096)),
            ((16, 16_384), (Some(8192), None), (8192, 4096)),
            ((600, 300), (Some(63), None), (63, 24)),
        ] {
            assert_eq!(StartImage::size(picture, asked, 8), expected, "{picture:?}");
        }
    }
}

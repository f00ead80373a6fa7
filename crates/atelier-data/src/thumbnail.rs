//! From a picture's file to a small JPEG.

use atelier_core::Crop;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use crate::{Kernel, Limits, RgbPicture, decode_bytes, resize, training_square};

/// Sides that are made. Others are rounded up, so that few are kept of each picture.
const SIDES: [u32; 7] = [64, 128, 256, 384, 512, 768, 1024];
/// Fine enough that faults do not show at these sizes.
const QUALITY: u8 = 85;

/// What of a picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The square that is trained on.
    Square(Option<Crop>),
}

/// The next side that is made; nothing beyond the largest.
pub fn rounded_up(side: u32) -> Option<u32> {
    SIDES.into_iter().find(|made| *made >= side)
}

/// A JPEG of the upright picture; its longer side is `side`, or that of the picture where that is less.
///
/// # Errors
/// What is wrong with the picture, in words.
pub fn draw(bytes: &[u8], part: Part, side: u32) -> Result<Vec<u8>, String> {
    let picture = decode_bytes(bytes, &Limits::default())?;
    let side = side as usize;
    let small = match part {
        Part::Whole => fitted(picture, side),
        Part::Square(crop) => {
            let (width, height) = (picture.width, picture.height);
            if let Some(problem) = crop.and_then(|crop| crop.problem(width, height)) {
                return Err(problem);
            }
            training_square(&picture, crop, side)
        }
    };
    let (width, height) = (small.width as u32, small.height as u32);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .write_image(&small.rgb, width, height, ExtendedColorType::Rgb8)
        .map_err(|error| error.to_string())?;
    Ok(jpeg)
}

fn fitted(picture: RgbPicture, side: usize) -> RgbPicture {
    let longer = picture.width.max(picture.height);
    if longer <= side {
        return picture;
    }
    let scaled = |length: usize| (length * side / longer).max(1);
    let (width, height) = (scaled(picture.width), scaled(picture.height));
    resize(picture, width, height, Kernel::Lanczos)
}

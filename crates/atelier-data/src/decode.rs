//! From a file to pixels: format sniffed from the content, size checked before decoding, orientation applied,
//! colours made sRGB, transparency laid on white.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader};

use crate::color::{convert_to_srgb, on_white};
use crate::file::read_limited;
use crate::{Error, Result, RgbPicture};

/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Memory that a decoder may take per allowed pixel: four channels of 16 bits.
const BYTES_PER_PIXEL: u64 = 8;
const FORMATS: [ImageFormat; 5] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Gif,
    ImageFormat::Bmp,
];

/// Which pictures are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Shortest side in pixels.
    pub min_side: usize,
    /// Longest side in pixels.
    pub max_side: usize,
    /// Most pixels.
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_side: 16,
            max_side: 16_384,
            max_pixels: 100_000_000,
        }
    }
}

impl Limits {
    fn check(&self, width: u64, height: u64) -> Result<(), String> {
        let (min, max) = (self.min_side as u64, self.max_side as u64);
        if width.min(height) < min {
            return Err(format!(
                "it is too small: {width}×{height} pixels, each side needs at least {min}"
            ));
        }
        if width.max(height) > max {
            return Err(format!(
                "it is too large: {width}×{height} pixels, a side may have at most {max}"
            ));
        }
        if width * height > self.max_pixels {
            return Err(format!(
                "it is too large: {width}×{height} pixels, at most {} altogether are allowed",
                self.max_pixels
            ));
        }
        Ok(())
    }
}

/// Decodes a picture of any supported format; of an animation the first frame.
pub fn decode_picture(path: impl AsRef<Path>, limits: &Limits) -> Result<RgbPicture> {
    let path = path.as_ref();
    let bytes = read_file(path)?;
    decode_bytes(&bytes, limits).map_err(|problem| bad(path, problem))
}

/// The content of a picture file of sane size, at most 1 GiB.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    read_limited(path, MAX_FILE_BYTES)
}

/// Decodes the content of a picture file as [`decode_picture`] does; an error says what is wrong with it.
pub fn decode_bytes(bytes: &[u8], limits: &Limits) -> Result<RgbPicture, String> {
    let format = sniff(bytes)?;
    if format == ImageFormat::Png
        && let Some((width, height)) = png_size(bytes)
    {
        limits.check(width, height)?;
    }
    let damaged = |error: image::ImageError| format!("it is damaged: {error}");
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut allowed = image::Limits::no_limits();
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(BYTES_PER_PIXEL));
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    limits.check(width.into(), height.into())?;
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err("it is damaged: the file ends before the picture does".to_owned());
    }
    let profile = decoder.icc_profile().unwrap_or_default();
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(rgb_from(picture, profile))
}

fn rgb_from(picture: DynamicImage, profile: Option<Vec<u8>>) -> RgbPicture {
    let rgba = picture.into_rgba8();
    let (width, height) = (rgba.width() as usize, rgba.height() as usize);
    let mut pixels = rgba.into_raw();
    if let Some(profile) = profile {
        convert_to_srgb(&mut pixels, &profile);
    }
    RgbPicture {
        width,
        height,
        rgb: on_white(&pixels),
    }
}

fn sniff(bytes: &[u8]) -> Result<ImageFormat, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let format = image::guess_format(bytes).ok();
    format
        .filter(|format| FORMATS.contains(format))
        .ok_or_else(|| "its content is not PNG, JPEG, WebP, GIF or BMP".to_owned())
}

/// Width and height from the first chunk, before any decoder sees the file.
fn png_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u64::from(u32::from_be_bytes(bytes.try_into().ok()?)))
    };
    Some((number(16)?, number(20)?))
}

/// Decoders fill up a JPEG that was cut off; the end marker tells. It is looked for behind the header, since a preview
/// picture in there has one of its own. Fill bytes may stand before each marker, and other data may follow the end.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xff, kind, high, low, ..] = *rest
        && kind != 0xda
    {
        let is_fill = kind == 0xff;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let skipped = if is_fill { 1 } else { 2 + length };
        rest = rest.get(skipped..).unwrap_or_default();
    }
    rest.windows(2).any(|pair| pair == [0xff, 0xd9])
}

fn bad(path: &Path, problem: String) -> Error {
    Error::BadPicture {
        path: path.to_owned(),
        problem,
    }
}

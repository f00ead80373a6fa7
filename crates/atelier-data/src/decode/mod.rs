//! From a file to pixels: format sniffed from the content, size checked before decoding, orientation applied,
//! colours made sRGB, transparency laid on white.

mod head;
mod orientation;

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader};

use crate::color::{convert_to_srgb, on_white};
use crate::file::read_limited;
use crate::{Error, Result, RgbPicture};

pub use head::pixels_of;
use orientation::orientation_of;

/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Memory that a decoder may take per pixel: four channels of 16 bits.
const BYTES_PER_PIXEL: u64 = 8;
/// And beside the pixels, such as for a colour profile, which is compressed in PNG: half a megabyte of that may be half a
/// gigabyte.
const BYTES_BESIDE: u64 = 1 << 24;
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

/// Decodes a mask: the values of its pixels as they stand in the file, whatever their transparency and the file's colour
/// profile, as Pillow has them after `convert("L")`.
///
/// # Errors
/// As [`decode_picture`].
pub fn decode_mask(path: impl AsRef<Path>, limits: &Limits) -> Result<RgbPicture> {
    let path = path.as_ref();
    let bytes = read_file(path)?;
    let (picture, _) = upright(&bytes, limits).map_err(|problem| bad(path, problem))?;
    Ok(as_it_stands(picture))
}

/// Decodes a mask that may be drawn in its transparency: what is opaque is white where a pixel is not, else as [`decode_mask`].
///
/// # Errors
/// As [`decode_bytes`].
pub fn decode_mask_or_alpha(bytes: &[u8], limits: &Limits) -> Result<RgbPicture, String> {
    let (picture, _) = upright(bytes, limits)?;
    let has_alpha = picture.color().has_alpha();
    let rgba = has_alpha.then(|| picture.to_rgba8());
    let clear = rgba.filter(|rgba| rgba.pixels().any(|pixel| pixel.0[3] < 255));
    Ok(clear.map_or_else(
        || as_it_stands(picture),
        |rgba| RgbPicture {
            width: rgba.width() as usize,
            height: rgba.height() as usize,
            rgb: rgba.pixels().flat_map(|pixel| [pixel.0[3]; 3]).collect(),
        },
    ))
}

fn as_it_stands(picture: DynamicImage) -> RgbPicture {
    let rgb = picture.into_rgb8();
    RgbPicture {
        width: rgb.width() as usize,
        height: rgb.height() as usize,
        rgb: rgb.into_raw(),
    }
}

/// The content of a picture file of sane size, at most 1 GiB.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    read_limited(path, MAX_FILE_BYTES)
}

/// Decodes the content of a picture file as [`decode_picture`] does; an error says what is wrong with it.
pub fn decode_bytes(bytes: &[u8], limits: &Limits) -> Result<RgbPicture, String> {
    let (picture, profile) = upright(bytes, limits)?;
    Ok(rgb_from(picture, profile))
}

/// The pixels, turned upright, and the colour profile that belongs to them.
fn upright(bytes: &[u8], limits: &Limits) -> Result<(DynamicImage, Option<Vec<u8>>), String> {
    let format = sniff(bytes)?;
    let mut pixels = limits.max_pixels;
    if format == ImageFormat::Png
        && let Some((width, height)) = head::png_size(bytes)
    {
        let (width, height) = (u64::from(width), u64::from(height));
        limits.check(width, height)?;
        pixels = width * height;
    }
    let damaged = |error: image::ImageError| format!("it is damaged: {error}");
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut allowed = image::Limits::no_limits();
    let most = pixels.saturating_mul(BYTES_PER_PIXEL);
    // texts lie in the file as long as they are, and are held more than once
    let beside = BYTES_BESIDE.saturating_add(4 * bytes.len() as u64);
    allowed.max_alloc = Some(most.saturating_add(beside));
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    limits.check(width.into(), height.into())?;
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err("it is damaged: the file ends before the picture does".to_owned());
    }
    let profile = decoder.icc_profile().unwrap_or_default();
    let orientation = orientation_of(&mut decoder, format, bytes).map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok((picture, profile))
}

fn rgb_from(picture: DynamicImage, profile: Option<Vec<u8>>) -> RgbPicture {
    let is_grey = !picture.color().has_color();
    let rgba = picture.into_rgba8();
    let (width, height) = (rgba.width() as usize, rgba.height() as usize);
    let mut pixels = rgba.into_raw();
    if let Some(profile) = profile {
        convert_to_srgb(&mut pixels, is_grey, &profile);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose colour profile is so many zeros, which take a thousandth of that in the file.
    fn with_profile(bytes: usize) -> Vec<u8> {
        let mut info = png::Info::with_size(16, 16);
        info.color_type = png::ColorType::Rgb;
        info.icc_profile = Some(vec![0; bytes].into());
        let mut file = Vec::new();
        let encoder = png::Encoder::with_info(&mut file, info).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[7; 3 * 16 * 16]).unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn a_profile_that_would_take_far_more_memory_than_its_picture_is_not_unpacked() {
        for (bytes, is_read) in [(1 << 20, true), (1 << 26, false)] {
            let file = with_profile(bytes);
            assert!(file.len() < bytes / 100);
            let (picture, profile) = upright(&file, &Limits::default()).unwrap();
            assert_eq!(profile.is_some_and(|p| p.len() == bytes), is_read);
            assert!(
                picture
                    .into_rgb8()
                    .into_raw()
                    .iter()
                    .all(|&value| value == 7)
            );
        }
    }

    #[test]
    fn a_small_picture_may_have_long_texts() {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 16, 16);
        encoder.set_color(png::ColorType::Rgb);
        let text = "a workflow ".repeat(1 << 20);
        encoder.add_text_chunk("workflow".to_owned(), text).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[7; 3 * 16 * 16]).unwrap();
        writer.finish().unwrap();
        let picture = decode_bytes(&file, &Limits::default()).unwrap();
        assert_eq!(picture.rgb, [7; 3 * 16 * 16]);
    }

    #[test]
    fn a_mask_is_its_transparency_where_it_has_some() {
        let png = |pixels: Vec<u8>| {
            let mut file = Cursor::new(Vec::new());
            let picture = image::RgbaImage::from_raw(16, 16, pixels).unwrap();
            picture.write_to(&mut file, ImageFormat::Png).unwrap();
            decode_mask_or_alpha(&file.into_inner(), &Limits::default())
                .unwrap()
                .rgb
        };
        let opaque: Vec<u8> = [[40, 40, 40, 255]; 256].concat();
        assert_eq!(png(opaque.clone()), [40; 3 * 256]);
        let mut half = opaque;
        half[4 * 128..].fill(0);
        assert_eq!(png(half), [[255; 3 * 128], [0; 3 * 128]].concat());
    }
}

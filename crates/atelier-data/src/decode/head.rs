//! How large pictures are, by their heads alone: what else they carry is neither read nor unpacked.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use fs_err::File;
use image::{ImageFormat, ImageReader};

/// As much as tells the format, and of a PNG the size.
const START_BYTES: u64 = 24;
/// Parts of a JPEG before its pixels that are looked at; cameras write a few dozen.
const MOST_PARTS: usize = 10_000;

/// What the head of a picture says of its size; nothing when it has none that is understood.
pub fn pixels_of(path: &Path) -> Option<u64> {
    let mut file = BufReader::new(File::open(path).ok()?);
    let mut start = Vec::new();
    let mut head = file.by_ref().take(START_BYTES);
    head.read_to_end(&mut start).ok()?;
    let (width, height) = match image::guess_format(&start).ok()? {
        ImageFormat::Png => png_size(&start)?,
        ImageFormat::Jpeg => jpeg_size(&mut file)?,
        format => {
            file.rewind().ok()?;
            let reader = ImageReader::with_format(file, format);
            reader.into_dimensions().ok()?
        }
    };
    Some(u64::from(width) * u64::from(height))
}

/// The first part of a PNG says it, before any decoder sees the file.
pub(super) fn png_size(start: &[u8]) -> Option<(u32, u32)> {
    let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
    let sizes = start.get(12..)?.strip_prefix(b"IHDR")?;
    Some((number(sizes.get(..4)?)?, number(sizes.get(4..8)?)?))
}

/// The largest size that stands before the pixels of a JPEG; damaged ones may name several.
fn jpeg_size(file: &mut (impl Read + Seek)) -> Option<(u32, u32)> {
    file.seek(SeekFrom::Start(2)).ok()?;
    let parts = std::iter::from_fn(|| match next_part(file) {
        Ok(Part::Other(size)) => Some(size),
        Ok(Part::Pixels) | Err(_) => None,
    });
    let sizes = parts.take(MOST_PARTS).flatten();
    sizes.max_by_key(|(width, height)| width * height)
}

/// A part of a JPEG.
enum Part {
    /// One before the pixels, with the size that it says where it is the part that does.
    Other(Option<(u32, u32)>),
    /// The pixels, or what is no part.
    Pixels,
}

/// Reads where the next part begins, and passes over the rest of it.
fn next_part(file: &mut (impl Read + Seek)) -> io::Result<Part> {
    let [mark, kind] = bytes(file)?;
    match (mark, kind) {
        // One of these may stand before each part, as often as one likes.
        (0xff, 0xff) => {
            file.seek_relative(-1)?;
            return Ok(Part::Other(None));
        }
        (0xff, 0x01 | 0xd0..=0xd8) => return Ok(Part::Other(None)),
        (0xff, 0xd9 | 0xda) => return Ok(Part::Pixels),
        (0xff, _) => {}
        _ => return Ok(Part::Pixels),
    }
    let length = i64::from(u16::from_be_bytes(bytes(file)?));
    let says_size = matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc);
    if !says_size {
        file.seek_relative((length - 2).max(0))?;
        return Ok(Part::Other(None));
    }
    let [_, high, low, wide, narrow] = bytes(file)?;
    file.seek_relative((length - 7).max(0))?;
    let [height, width] = [[high, low], [wide, narrow]].map(u16::from_be_bytes);
    Ok(Part::Other(Some((width.into(), height.into()))))
}

fn bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::FORMATS;
    use super::*;

    fn picture(format: ImageFormat) -> Vec<u8> {
        let mut bytes = io::Cursor::new(Vec::new());
        let picture = image::RgbImage::new(40, 24);
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn pixels(bytes: &[u8]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0");
        fs_err::write(&path, bytes).unwrap();
        pixels_of(&path)
    }

    #[test]
    fn the_size_of_a_picture_is_in_its_head() {
        for format in FORMATS {
            let whole = picture(format);
            assert_eq!(pixels(&whole), Some(40 * 24), "{format:?}");
        }
        assert_eq!(pixels(b"words"), None);
        assert_eq!(pixels(b""), None);
    }

    #[test]
    fn nothing_behind_the_size_is_read() {
        // Such as a colour profile, which would be unpacked.
        assert_eq!(pixels(&picture(ImageFormat::Png)[..24]), Some(40 * 24));
        let jpeg = picture(ImageFormat::Jpeg);
        let pixels_begin = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]);
        assert_eq!(pixels(&jpeg[..pixels_begin.unwrap()]), Some(40 * 24));
    }

    #[test]
    fn a_jpeg_that_names_two_sizes_has_the_larger_one_and_one_of_parts_alone_has_none() {
        let size = |high: u8| [0xff, 0xc0, 0, 11, 8, high, 0, 1, 0, 1, 1, 0x11, 0];
        let start = [0xff, 0xd8, 0xff, 0xff, 0xe1, 0, 4, 0xff, 0xc0];
        let two = [&start[..], &size(2), &size(1)].concat();
        assert_eq!(pixels(&two), Some(512 * 256));
        let parts = [0xff, 0xfe, 0, 2].repeat(MOST_PARTS);
        assert_eq!(pixels(&[&start[..], &parts, &size(2)].concat()), None);
    }
}

//! Which side of a picture is up: what EXIF says, wherever in the file that stands.

use image::metadata::Orientation;
use image::{ImageDecoder, ImageFormat, ImageResult};

/// Bytes of a PNG before its first chunk.
const SIGNATURE_BYTES: usize = 8;
/// What some programs put in front of EXIF.
const EXIF_PREFIX: &[u8] = b"Exif\0\0";

/// How a picture that is about to be decoded must be turned.
pub(crate) fn orientation_of(
    decoder: &mut impl ImageDecoder,
    format: ImageFormat,
    bytes: &[u8],
) -> ImageResult<Orientation> {
    let found = decoder.exif_metadata()?;
    let exif = match &found {
        Some(exif) => Some(exif.as_slice()),
        // The decoder knows what stands before the pixels alone.
        None if format == ImageFormat::Png => exif_of_png(bytes),
        None => None,
    };
    let exif = exif.map(|exif| exif.strip_prefix(EXIF_PREFIX).unwrap_or(exif));
    let orientation = exif.and_then(Orientation::from_exif_chunk);
    Ok(orientation.unwrap_or(Orientation::NoTransforms))
}

/// The first `eXIf` chunk of a PNG, before or behind its pixels.
fn exif_of_png(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(SIGNATURE_BYTES..)?;
    loop {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (kind, behind) = behind.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        match kind {
            b"eXIf" => {
                return behind.get(..length);
            }
            b"IEND" => return None,
            // A checksum follows.
            _ => rest = behind.get(length.checked_add(4)?..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&length, &kind, content, &[0; 4]].concat()
    }

    #[test]
    fn the_chunk_is_found_behind_others_and_never_past_the_end() {
        let file = |chunks: &[Vec<u8>]| [vec![0; SIGNATURE_BYTES], chunks.concat()].concat();
        let (data, end) = (chunk(*b"IDAT", &[1, 2, 3]), chunk(*b"IEND", &[]));
        let exif = chunk(*b"eXIf", b"MM\0*");
        let whole = file(&[data.clone(), exif.clone(), end.clone()]);
        assert_eq!(exif_of_png(&whole), Some(&b"MM\0*"[..]));
        assert_eq!(exif_of_png(&file(&[data.clone(), end, exif])), None);
        let endless = [vec![0; SIGNATURE_BYTES], vec![0xff; 40]].concat();
        assert_eq!(exif_of_png(&endless), None);
        for kept in 0..whole.len() - 16 {
            assert_eq!(exif_of_png(&whole[..kept]), None, "{kept}");
        }
    }
}

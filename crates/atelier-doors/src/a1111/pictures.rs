//! Pictures inside requests: text in base64, which is measured before it is decoded.

use atelier_core::ErrorCode;
use atelier_data::{Limits, decode_mask_or_alpha};
use atelier_server::door::{App, Failure, StartWish, keep_start_picture};
use atelier_store::{Library, StartPictureId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ExtendedColorType, ImageEncoder as _};

use super::refusal::{Refusal, Result};
use super::said::Said;
use crate::whole::Whole;

/// How much is drawn anew where nobody says.
const DENOISE: f64 = 0.75;
/// Ways to bring a picture to another size: stretched, which this house never does, or cropped in the middle.
const RESIZE_MODES: (i64, i64) = (0, 1);
/// What lies under a mask before drawing: the picture's own colours.
const FILLS: (i64, i64) = (0, 1);

/// The bytes of a picture.
///
/// # Errors
/// When it is larger than pictures may be, an address, or no base64.
pub(super) fn bytes_of(text: &str, what: &str, most_bytes: u64) -> Result<Vec<u8>> {
    let text = text.trim();
    let text = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(',').map_or("", |(_, content)| content),
        None => text,
    };
    let size_bytes = text.len() as u64 / 4 * 3;
    if size_bytes > most_bytes {
        let message = format!("{what} has more than {most_bytes} bytes");
        return Err(Failure::new(ErrorCode::TooLarge, message).into());
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        let message =
            format!("{what} is an address; this studio fetches nothing, send the picture");
        return Err(Refusal::invalid(message));
    }
    let decoded = STANDARD.decode(text);
    decoded.map_err(|error| Refusal::invalid(format!("{what} is no base64: {error}")))
}

/// The pictures of a request, taken out of it.
#[derive(Debug)]
pub(super) struct Sent {
    picture: String,
    mask: Option<String>,
}

impl Sent {
    /// Takes them out; the request says nothing of them any more.
    pub(super) fn take(said: &mut Said) -> Result<Self> {
        let pictures = said.init_images.take("init_images")?.unwrap_or_default();
        let mask = said.mask.take("mask")?;
        match (pictures.first, pictures.count) {
            (Some(picture), 1) => Ok(Self {
                picture,
                mask: mask.filter(|mask| !mask.is_empty()),
            }),
            (None, _) => Err(Refusal::invalid("`init_images` has no picture")),
            (Some(_), _) => Err(Refusal::not_supported(
                "drawing over several pictures at once (`init_images`); send one request for each",
            )),
        }
    }

    /// Keeps them in the library, so that the drawing can start from them.
    pub(super) async fn keep(self, app: &App, how: How) -> Result<StartWish> {
        app.check_disk()?;
        let (library, most_bytes) = (app.library(), app.limits().picture_bytes);
        // Of an unknown number of pixels: the largest that may be.
        let keep = move || self.keep_now(&library, &how, most_bytes);
        app.work().decode(None, keep).await?
    }

    fn keep_now(self, library: &Library, how: &How, most_bytes: u64) -> Result<StartWish> {
        let picture = bytes_of(&self.picture, "the picture of `init_images`", most_bytes)?;
        drop(self.picture);
        let picture = keep_start_picture(library, "img2img.png", &picture)?.id;
        let mask = match self.mask {
            Some(mask) => Some(keep_mask(library, &mask, how, most_bytes)?),
            None => None,
        };
        Ok(StartWish {
            picture,
            mask,
            denoise: how.denoise,
        })
    }
}

fn keep_mask(library: &Library, mask: &str, how: &How, most_bytes: u64) -> Result<StartPictureId> {
    let bytes = bytes_of(mask, "`mask`", most_bytes)?;
    let bytes = mask_of(&bytes, how.is_mask_inverted)?;
    Ok(keep_start_picture(library, "mask.png", &bytes)?.id)
}

/// What is to be drawn anew in white, as a PNG: what is opaque where there is transparency, as that web interface has it, else
/// what is white.
fn mask_of(bytes: &[u8], is_inverted: bool) -> Result<Vec<u8>> {
    let bad = |problem: &dyn std::fmt::Display| {
        Failure::new(ErrorCode::BadPicture, format!("`mask`: {problem}"))
    };
    let decoded = decode_mask_or_alpha(bytes, &Limits::default());
    let mut picture = decoded.map_err(|problem| bad(&problem))?;
    if is_inverted {
        for byte in &mut picture.rgb {
            *byte = !*byte;
        }
    }
    let [width, height] = [picture.width, picture.height].map(|side| side as u32);
    let mut png = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    let written = encoder.write_image(&picture.rgb, width, height, ExtendedColorType::Rgb8);
    written.map_err(|error| bad(&error))?;
    Ok(png)
}

/// How a picture is drawn over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct How {
    denoise: f64,
    is_mask_inverted: bool,
}

impl How {
    /// What a request says about it.
    pub(super) fn of(said: &Said) -> Result<Self> {
        let denoise = said.denoising_strength.get("denoising_strength")?;
        let denoise = *denoise.unwrap_or(&DENOISE);
        if !(denoise > 0.0 && denoise <= 1.0) {
            let message = "`denoising_strength` must lie above 0 and at most at 1";
            return Err(Refusal::invalid(message));
        }
        for (key, name, (least, most), what) in [
            (
                &said.resize_mode,
                "resize_mode",
                RESIZE_MODES,
                "filling of what a picture lacks",
            ),
            (
                &said.inpainting_fill,
                "inpainting_fill",
                FILLS,
                "noise under masks",
            ),
        ] {
            let value = *key.get(name)?.unwrap_or(&Whole(least));
            if !(least..=most).contains(&value.0) {
                return Err(Refusal::not_supported(&format!("{what} (`{name}`)")));
            }
        }
        Ok(Self {
            denoise,
            is_mask_inverted: said.inpainting_mask_invert.is_wanted(),
        })
    }
}

#[cfg(test)]
mod tests {
    use atelier_data::decode_bytes;

    use super::*;

    #[test]
    fn pictures_are_measured_before_they_are_decoded() {
        let read = |text: &str, most| bytes_of(text, "it", most).ok();
        assert_eq!(read("AQID", 3), Some(vec![1, 2, 3]));
        assert_eq!(
            read(" data:image/png;base64,AQID\n", 3),
            Some(vec![1, 2, 3])
        );
        assert_eq!(read("AQID", 2), None);
        for text in ["data:image/png", "https://example.org/a.png", "????", "AQI"] {
            assert!(
                read(text, 1_000).is_none_or(|bytes| bytes.is_empty()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_mask_is_what_is_opaque_and_its_negative_is_a_mask_too() {
        // black on nothing, as it is drawn there
        let mut sketch = image::RgbaImage::new(16, 16);
        for x in 0..16 {
            sketch.put_pixel(x, 0, image::Rgba([0, 0, 0, 255]));
        }
        let mut bytes = std::io::Cursor::new(Vec::new());
        sketch
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        for (is_inverted, first, other) in [(false, 255, 0), (true, 0, 255)] {
            let mask = mask_of(bytes.get_ref(), is_inverted).unwrap();
            let mask = decode_bytes(&mask, &Limits::default()).unwrap();
            let (row, rest) = mask.rgb.split_at(3 * 16);
            assert!(row.iter().all(|byte| *byte == first));
            assert!(rest.iter().all(|byte| *byte == other));
        }
        assert!(mask_of(b"x", true).is_err());
    }
}

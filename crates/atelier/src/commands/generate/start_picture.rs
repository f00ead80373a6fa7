//! The picture that drawing starts from, and its mask, in the size that is drawn.

use std::path::Path;

use anyhow::Result;
use atelier_core::{GenerateRequest, StartImage, StartPixels};
use atelier_data::{Limits, RgbPicture, crop_to, decode_mask, decode_picture};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::CodedResult as _;

/// Pixels, as a multiple of those that a base was trained on, from which on a size that was not asked for is remarked on.
const MUCH_LARGER: usize = 4;
/// Brightness from which on a mask means that something new is drawn.
const NEW: u8 = 128;

/// A start picture, decoded.
pub(super) struct Start {
    pub(super) pixels: StartPixels,
    /// What is worth telling about it.
    pub(super) notes: Vec<String>,
}

/// Decodes the start of a request; a request without a size gets that of the picture, rounded down to whole latents.
pub(super) fn load(request: &mut GenerateRequest, base: &Base) -> Result<Option<Start>> {
    let Some(start) = &request.start else {
        return Ok(None);
    };
    let picture = decode_picture(&start.path, &Limits::default()).coded()?;
    let mask = start.mask.as_deref().map(mask_of).transpose()?;
    let factor = base.vae_config.pixels_per_latent();
    let asked = (request.width, request.height);
    let (width, height) = StartImage::size((picture.width, picture.height), asked, factor);
    (request.width, request.height) = (Some(width), Some(height));
    // Sizes that cannot be drawn are refused later, with everything else.
    let most = GenerateRequest::MAX_SIDE;
    let (width, height) = (width.min(most), height.min(most));
    let mut notes = Vec::new();
    let native = base.native_size();
    if asked == (None, None) && width * height > MUCH_LARGER * native * native {
        notes.push(format!(
            "the start picture makes a drawing of {width}x{height} pixels, and this base was trained on {native}x{native}: \
             that takes long and may repeat things; `--width` or `--height` asks for less"
        ));
    }
    let pixels = StartPixels {
        width,
        height,
        rgb: crop_to(&picture, width, height).rgb,
        mask: mask
            .as_ref()
            .map(|mask| brightness(&crop_to(mask, width, height))),
    };
    notes.extend(mask.and_then(|mask| mask_note(&picture, &mask, &pixels)));
    Ok(Some(Start { pixels, notes }))
}

/// A mask: what is transparent in it counts as its colour says, as with diffusers.
fn mask_of(path: &Path) -> Result<RgbPicture> {
    decode_mask(path, &Limits::default()).coded()
}

/// What is odd about a mask, if anything is.
fn mask_note(picture: &RgbPicture, mask: &RgbPicture, pixels: &StartPixels) -> Option<String> {
    let bytes = pixels.mask.as_ref()?;
    if bytes.iter().all(|&byte| byte < NEW) {
        return Some("the mask is black everywhere, so that nothing new is drawn".to_owned());
    }
    if bytes.iter().all(|&byte| byte >= NEW) {
        let message = "the mask is white everywhere, so that nothing of the start picture is kept";
        return Some(message.to_owned());
    }
    if mask.width * picture.height != picture.width * mask.height {
        return Some(format!(
            "the mask has another shape than the start picture, {}x{} and {}x{}: each is cropped in the middle",
            mask.width, mask.height, picture.width, picture.height
        ));
    }
    None
}

/// The brightness of each pixel: the weights of ITU-R 601 in parts of 2^16, rounded, as Pillow has them.
fn brightness(picture: &RgbPicture) -> Vec<u8> {
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    let grey = |&[r, g, b]: &[u8; 3]| {
        let sum = 19_595 * u32::from(r) + 38_470 * u32::from(g) + 7471 * u32::from(b);
        u8::try_from((sum + 0x8000) >> 16).unwrap_or(u8::MAX)
    };
    pixels.iter().map(grey).collect()
}

#[cfg(test)]
mod tests {
    use atelier_testkit::{golden, tiny_sd15};

    use super::*;

    #[test]
    fn white_is_bright_and_black_is_not() {
        let picture = RgbPicture {
            width: 5,
            height: 1,
            rgb: [[255; 3], [0; 3], [255, 0, 0], [0, 218, 0], [0, 217, 0]].concat(),
        };
        assert_eq!(brightness(&picture), [255, 0, 76, 128, 127]);
    }

    #[test]
    fn files_of_other_sizes_become_the_pixels_and_the_mask_of_diffusers() {
        let (file, folder) = (golden("start_pixels"), tempfile::tempdir().unwrap());
        let bytes = |name: &str| -> Vec<u8> {
            let whole = file.ints(name).into_iter();
            whole.map(|value| u8::try_from(value).unwrap()).collect()
        };
        let save = |name: &str| {
            let path = folder.path().join(format!("{name}.png"));
            let [height, width, _] = file.shape(name).try_into().unwrap();
            let picture = RgbPicture {
                width,
                height,
                rgb: bytes(name),
            };
            atelier_data::png::write::<&str, &str>(&path, &picture, &[]).unwrap();
            path
        };
        let start = StartImage {
            path: save("picture"),
            denoise: 0.5,
            mask: Some(save("mask")),
        };
        let base = Base::open(&tiny_sd15()).unwrap();
        for (width, height) in [(24, 16), (36, 24), (48, 32), (72, 48), (96, 64), (30, 20)] {
            let mut request = GenerateRequest {
                width: Some(width),
                height: Some(height),
                start: Some(start.clone()),
                ..GenerateRequest::default()
            };
            let pixels = load(&mut request, &base).unwrap().unwrap().pixels;
            let size = format!("{width}x{height}");
            assert!(pixels.rgb == bytes(&format!("picture.{size}")), "{size}");
            let mask = pixels.mask.unwrap().into_iter();
            let mask: Vec<u8> = mask.map(|byte| u8::from(byte >= NEW)).collect();
            assert!(mask == bytes(&format!("mask.{size}")), "mask {size}");
        }
    }

    #[test]
    fn masks_that_cannot_be_meant_are_remarked_on() {
        let picture = RgbPicture::filled(20, 10, [0; 3]);
        let note = |mask: &RgbPicture, bytes: [u8; 2]| {
            let pixels = StartPixels {
                width: 2,
                height: 1,
                rgb: vec![0; 6],
                mask: Some(bytes.to_vec()),
            };
            mask_note(&picture, mask, &pixels)
        };
        let said = |bytes| note(&picture, bytes).unwrap();
        assert!(said([0, 127]).contains("black everywhere"));
        assert!(said([128, 255]).contains("white everywhere"));
        let square = RgbPicture::filled(10, 10, [255; 3]);
        assert!(note(&square, [0, 255]).unwrap().contains("10x10 and 20x10"));
        assert_eq!(note(&RgbPicture::filled(40, 20, [255; 3]), [0, 255]), None);
    }

    #[test]
    fn a_white_square_on_nothing_is_the_mask_of_the_square() {
        let folder = tempfile::tempdir().unwrap();
        let [picture, mask] = ["picture.png", "mask.png"].map(|name| folder.path().join(name));
        let grey = RgbPicture::filled(32, 32, [90; 3]);
        atelier_data::png::write::<&str, &str>(&picture, &grey, &[]).unwrap();
        let is_square = |x: u32, y: u32| (8..24).contains(&x) && (8..24).contains(&y);
        let rgba = |x, y| image::Rgba([if is_square(x, y) { 255 } else { 0 }; 4]);
        image::RgbaImage::from_fn(32, 32, rgba).save(&mask).unwrap();
        let mut request = GenerateRequest {
            start: Some(StartImage {
                path: picture,
                denoise: 0.5,
                mask: Some(mask),
            }),
            ..GenerateRequest::default()
        };
        let base = Base::open(&tiny_sd15()).unwrap();
        let start = load(&mut request, &base).unwrap().unwrap();
        let drawn = start.pixels.mask.unwrap();
        let drawn: Vec<_> = drawn.iter().map(|&byte| byte >= NEW).collect();
        let square = (0..32 * 32).map(|at| is_square(at % 32, at / 32));
        assert_eq!(drawn, square.collect::<Vec<_>>());
        assert_eq!(start.notes, [""; 0]);
    }
}

//! The picture that drawing starts from, and its mask, in the size that is drawn.

use std::path::Path;

use anyhow::Result;
use atelier_core::{GenerateRequest, StartPixels};
use atelier_data::{Limits, RgbPicture, crop_to, decode_picture};
use atelier_diffusion::stable_diffusion::Base;

use crate::failure::CodedResult as _;

/// Decodes the start of a request; a request without a size gets that of the picture, rounded down to whole latents.
pub(super) fn load(request: &mut GenerateRequest, base: &Base) -> Result<Option<StartPixels>> {
    let Some(start) = &request.start else {
        return Ok(None);
    };
    let picture = decode(&start.path)?;
    let mask = start.mask.as_deref().map(decode).transpose()?;
    let factor = base.vae_config.pixels_per_latent();
    let whole = |side: usize| (side / factor * factor).clamp(factor, 4096 / factor * factor);
    let width = request.width.unwrap_or_else(|| whole(picture.width));
    let height = request.height.unwrap_or_else(|| whole(picture.height));
    (request.width, request.height) = (Some(width), Some(height));
    // Sizes that cannot be drawn are refused later, with everything else.
    let (width, height) = (width.min(4096), height.min(4096));
    Ok(Some(StartPixels {
        width,
        height,
        rgb: crop_to(&picture, width, height).rgb,
        mask: mask.map(|mask| brightness(&crop_to(&mask, width, height))),
    }))
}

fn decode(path: &Path) -> Result<RgbPicture> {
    decode_picture(path, &Limits::default()).coded()
}

/// The brightness of each pixel, with the weights of ITU-R 601 that other programs use.
fn brightness(picture: &RgbPicture) -> Vec<u8> {
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    let grey = |&[r, g, b]: &[u8; 3]| {
        let sum = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
        u8::try_from(sum / 1000).unwrap_or(u8::MAX)
    };
    pixels.iter().map(grey).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_bright_and_black_is_not() {
        let picture = RgbPicture {
            width: 3,
            height: 1,
            rgb: vec![255, 255, 255, 0, 0, 0, 255, 0, 0],
        };
        assert_eq!(brightness(&picture), [255, 0, 76]);
    }
}

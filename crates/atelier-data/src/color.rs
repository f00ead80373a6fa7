//! Colours as the training wants them: sRGB, without transparency.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Converts from the embedded profile to sRGB; `is_grey` when all channels of the file were one. A profile for other inks than
/// the picture has, or that cannot be read, is ignored: the numbers are then taken as sRGB, as most programs do.
pub(crate) fn convert_to_srgb(rgba: &mut Vec<u8>, is_grey: bool, profile: &[u8]) {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else {
        return;
    };
    let converted = match profile.color_space {
        DataColorSpace::Rgb => converted(rgba, Layout::Rgba, &profile),
        DataColorSpace::Gray if is_grey => {
            let (pixels, _) = rgba.as_chunks::<4>();
            let grey: Vec<u8> = pixels
                .iter()
                .flat_map(|&[grey, _, _, alpha]| [grey, alpha])
                .collect();
            converted(&grey, Layout::GrayAlpha, &profile)
        }
        _ => return,
    };
    if let Some(converted) = converted {
        *rgba = converted;
    }
}

/// Pixels of a profile in sRGB with their alpha; `None` when the profile does not allow it.
fn converted(pixels: &[u8], layout: Layout, profile: &ColorProfile) -> Option<Vec<u8>> {
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let transform = profile
        .create_transform_8bit(layout, &srgb, Layout::Rgba, options)
        .ok()?;
    let mut rgba = vec![0; pixels.len() / layout.channels() * 4];
    transform.transform(pixels, &mut rgba).ok()?;
    Some(rgba)
}

/// Lays the picture on white paper.
pub(crate) fn on_white(rgba: &[u8]) -> Vec<u8> {
    let (pixels, _) = rgba.as_chunks::<4>();
    pixels
        .iter()
        .flat_map(|&[r, g, b, alpha]| {
            [r, g, b].map(|value| {
                let (value, alpha) = (u32::from(value), u32::from(alpha));
                ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_is_white_and_opaque_stays() {
        assert_eq!(
            on_white(&[9, 9, 9, 0, 1, 2, 3, 255, 0, 0, 0, 128]),
            [255, 255, 255, 1, 2, 3, 127, 127, 127]
        );
    }

    #[test]
    fn srgb_stays_and_a_wider_gamut_gains_saturation() {
        let pixels = vec![200, 60, 40, 255, 128, 128, 128, 77];
        let mut same = pixels.clone();
        convert_to_srgb(
            &mut same,
            false,
            &ColorProfile::new_srgb().encode().unwrap(),
        );
        assert!(
            same.iter().zip(&pixels).all(|(a, b)| a.abs_diff(*b) <= 1),
            "{same:?}"
        );
        let mut wide = pixels.clone();
        convert_to_srgb(
            &mut wide,
            false,
            &ColorProfile::new_display_p3().encode().unwrap(),
        );
        assert!(wide[0] > 210 && wide[1] < 60, "{wide:?}");
        assert_eq!(wide[7], 77);
    }

    #[test]
    fn a_grey_profile_is_for_grey_pictures_alone() {
        let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
        let pixels = vec![53, 53, 53, 200, 255, 255, 255, 255, 0, 0, 0, 0];
        let mut grey = pixels.clone();
        convert_to_srgb(&mut grey, true, &profile);
        // As lcms has it.
        assert_eq!(grey[..4], [126, 126, 126, 200]);
        assert_eq!(grey[4..], [255, 255, 255, 255, 0, 0, 0, 0]);
        let mut colour = pixels.clone();
        convert_to_srgb(&mut colour, false, &profile);
        assert_eq!(colour, pixels);
    }

    #[test]
    fn a_damaged_profile_changes_nothing() {
        let mut pixels = vec![1, 2, 3, 4];
        convert_to_srgb(&mut pixels, false, b"no profile");
        assert_eq!(pixels, [1, 2, 3, 4]);
    }
}

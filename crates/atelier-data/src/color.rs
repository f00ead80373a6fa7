//! Colours as the training wants them: sRGB, without transparency.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Converts from the embedded profile to sRGB. A profile that is not for RGB, or that cannot be read, is ignored: the
/// numbers are then taken as sRGB, as most programs do.
pub(crate) fn convert_to_srgb(rgba: &mut Vec<u8>, profile: &[u8]) {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else {
        return;
    };
    if profile.color_space != DataColorSpace::Rgb {
        return;
    }
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(
        Layout::Rgba,
        &srgb,
        Layout::Rgba,
        TransformOptions::default(),
    );
    let mut converted = vec![0; rgba.len()];
    if let Ok(transform) = transform
        && transform.transform(rgba, &mut converted).is_ok()
    {
        *rgba = converted;
    }
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
        convert_to_srgb(&mut same, &ColorProfile::new_srgb().encode().unwrap());
        assert!(
            same.iter().zip(&pixels).all(|(a, b)| a.abs_diff(*b) <= 1),
            "{same:?}"
        );
        let mut wide = pixels.clone();
        convert_to_srgb(&mut wide, &ColorProfile::new_display_p3().encode().unwrap());
        assert!(wide[0] > 210 && wide[1] < 60, "{wide:?}");
        assert_eq!(wide[7], 77);
    }

    #[test]
    fn a_damaged_profile_changes_nothing() {
        let mut pixels = vec![1, 2, 3, 4];
        convert_to_srgb(&mut pixels, b"no profile");
        assert_eq!(pixels, [1, 2, 3, 4]);
    }
}

//! Drawings and encoded pictures become square RGBA pixels with straight alpha.

use anyhow::{Context as _, Result};
use image::{Rgba, Rgba32FImage, imageops};
use resvg::{tiny_skia, usvg};

use crate::compose;

/// Draws an SVG document, fitted and centred, on a transparent `side` x `side` square.
pub fn rgba_from_svg(svg: &str, side: usize) -> Result<Vec<u8>> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default()).context("cannot parse SVG")?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let mut pixmap =
        tiny_skia::Pixmap::new(side as u32, side as u32).context("cannot hold an empty picture")?;
    let scale = side as f32 / width.max(height);
    let margin = |length: f32| (side as f32 - length * scale) / 2.0;
    let transform = tiny_skia::Transform::from_scale(scale, scale)
        .post_translate(margin(width), margin(height));
    resvg::render(&tree, transform, &mut pixmap.as_mut());
    Ok(pixmap
        .pixels()
        .iter()
        .flat_map(|pixel| straight(pixel.demultiply()))
        .collect())
}

/// Whether more than one fiftieth of the picture is covered.
pub(crate) fn is_visible(rgba: &[u8]) -> bool {
    let covered = rgba.chunks(4).filter(|pixel| pixel[3] > 127).count();
    covered * 50 > rgba.len() / 4
}

fn straight(pixel: tiny_skia::ColorU8) -> [u8; 4] {
    [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]
}

/// Decodes a WebP picture and fits it, centred, into a `side` x `side` square, with Lanczos in premultiplied colour.
pub fn rgba_from_webp(bytes: &[u8], side: usize) -> Result<Vec<u8>> {
    let picture =
        image::load_from_memory_with_format(bytes, image::ImageFormat::WebP)?.to_rgba32f();
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    let (left, top) = ((longer - width) / 2, (longer - height) / 2);
    let mut square = Rgba32FImage::new(longer, longer);
    for (x, y, &Rgba([r, g, b, alpha])) in picture.enumerate_pixels() {
        square.put_pixel(
            x + left,
            y + top,
            Rgba([r * alpha, g * alpha, b * alpha, alpha]),
        );
    }
    let small = imageops::resize(
        &square,
        side as u32,
        side as u32,
        imageops::FilterType::Lanczos3,
    );
    let byte = |value: f32| compose::byte(value * 255.0);
    Ok(small
        .pixels()
        .flat_map(|&Rgba([r, g, b, alpha])| {
            if byte(alpha) == 0 {
                return [0; 4];
            }
            [
                byte(r / alpha),
                byte(g / alpha),
                byte(b / alpha),
                byte(alpha),
            ]
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tiny_drawing_becomes_straight_alpha_pixels() {
        let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2">
            <rect width="1" height="2" fill="#ff8000" fill-opacity="0.5"/></svg>"##;
        let rgba = rgba_from_svg(svg, 4).unwrap();
        assert_eq!(rgba.len(), 64);
        let [r, g, b, a] = rgba[..4] else {
            panic!("four bytes")
        };
        assert!(
            r > 250 && (126..=130).contains(&g) && b < 4 && (127..=128).contains(&a),
            "{r} {g} {b} {a}"
        );
        assert_eq!(&rgba[12..16], &[0, 0, 0, 0]);
    }

    #[test]
    fn a_wide_drawing_is_centred_and_not_stretched() {
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2"><rect width="4" height="2"/></svg>"#;
        let rgba = rgba_from_svg(svg, 4).unwrap();
        let alpha: Vec<u8> = rgba.chunks(4).map(|p| p[3]).collect();
        assert_eq!(
            alpha,
            [
                0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0
            ]
        );
    }

    #[test]
    fn a_picture_is_visible_when_more_than_a_fiftieth_of_it_is_covered() {
        let mut rgba = vec![0; 100 * 4];
        assert!(!is_visible(&rgba));
        rgba[..2 * 4].fill(255);
        assert!(!is_visible(&rgba));
        rgba[..3 * 4].fill(255);
        assert!(is_visible(&rgba));
    }

    #[test]
    fn what_is_not_svg_is_an_error() {
        assert!(rgba_from_svg("not a drawing", 4).is_err());
    }

    #[test]
    fn webp_is_resized_without_dark_edges() {
        let source = image::RgbaImage::from_fn(16, 8, |x, _| {
            Rgba(if x < 8 { [255, 255, 255, 255] } else { [0; 4] })
        });
        let mut bytes = Vec::new();
        image::codecs::webp::WebPEncoder::new_lossless(&mut bytes)
            .encode(&source, 16, 8, image::ExtendedColorType::Rgba8)
            .unwrap();
        let rgba = rgba_from_webp(&bytes, 5).unwrap();
        assert_eq!(rgba.len(), 100);
        assert_eq!(rgba[(2 * 5) * 4 + 3], 255, "the left side is opaque");
        assert!(rgba[3] < 128, "the margin above is empty");
        assert!(
            rgba.chunks(4).filter(|p| p[3] > 8).all(|p| p[0] > 250),
            "{rgba:?}"
        );
    }
}

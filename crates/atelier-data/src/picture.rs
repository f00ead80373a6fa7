//! Pixels in memory: crops, numbers for the model and back, contact sheets.

use atelier_core::Crop;
use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::resample::{Kernel, resize};

/// A picture of 8-bit sRGB pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbPicture {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width * height * 3` bytes, rows from the top.
    pub rgb: Vec<u8>,
}

impl RgbPicture {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, color: [u8; 3]) -> Self {
        Self {
            width,
            height,
            rgb: color.repeat(width * height),
        }
    }

    /// The part that begins at `(left, top)`. It must lie inside.
    #[must_use]
    pub fn part(&self, [left, top]: [usize; 2], [width, height]: [usize; 2]) -> Self {
        let rows = (top..top + height).flat_map(|y| self.row(y, left, left + width));
        Self {
            width,
            height,
            rgb: rows.copied().collect(),
        }
    }

    fn row(&self, y: usize, from: usize, to: usize) -> &[u8] {
        &self.rgb[(y * self.width + from) * 3..(y * self.width + to) * 3]
    }

    /// Copies another picture onto this one, with its upper left corner at `(x, y)`. It must lie inside.
    fn paste(&mut self, other: &Self, x: usize, y: usize) {
        for row in 0..other.height {
            let start = ((y + row) * self.width + x) * 3;
            self.rgb[start..start + other.width * 3].copy_from_slice(other.row(
                row,
                0,
                other.width,
            ));
        }
    }
}

/// The largest square in the middle of the picture, resampled to `side` pixels; nothing is stretched.
pub fn square_crop(picture: &RgbPicture, side: usize) -> RgbPicture {
    let part = middle_part(picture, side, side);
    if part.width == side || part.rgb.is_empty() {
        return part;
    }
    let filter = if side < part.width {
        FilterType::Lanczos3
    } else {
        FilterType::Triangle
    };
    let (wide, high) = (part.width as u32, part.height as u32);
    let source = RgbImage::from_raw(wide, high, part.rgb).unwrap_or_default();
    RgbPicture {
        width: side,
        height: side,
        rgb: imageops::resize(&source, side as u32, side as u32, filter).into_raw(),
    }
}

/// The square that is trained on, resampled to `side` pixels: the crop, which must lie inside, or the largest in the middle.
pub fn training_square(picture: &RgbPicture, crop: Option<Crop>, side: usize) -> RgbPicture {
    let Some(crop) = crop else {
        return square_crop(picture, side);
    };
    let length = crop.side as usize;
    let part = picture.part([crop.left as usize, crop.top as usize], [length, length]);
    square_crop(&part, side)
}

/// The largest part in the middle of the picture with the shape of `width` × `height`, in that size; nothing is stretched by
/// more than the rounding of a pixel. Resampled as Pillow does it with Lanczos' kernel.
pub fn crop_to(picture: &RgbPicture, width: usize, height: usize) -> RgbPicture {
    let part = middle_part(picture, width, height);
    if part.rgb.is_empty() {
        return part;
    }
    resize(part, width, height, Kernel::Lanczos)
}

/// The largest part in the middle of the picture with the shape of `width` × `height`.
fn middle_part(picture: &RgbPicture, width: usize, height: usize) -> RgbPicture {
    let (wide, high) = middle(picture.width, picture.height, width, height);
    let (x, y) = ((picture.width - wide) / 2, (picture.height - high) / 2);
    picture.part([x, y], [wide, high])
}

/// Width and height of the largest part of a picture that has the shape of `width` × `height`.
fn middle(
    picture_width: usize,
    picture_height: usize,
    width: usize,
    height: usize,
) -> (usize, usize) {
    if width * height == 0 {
        return (0, 0);
    }
    if picture_width * height > picture_height * width {
        let wide = (picture_height * width).div_ceil(height);
        (wide.min(picture_width), picture_height)
    } else {
        let high = (picture_width * height).div_ceil(width);
        (picture_width, high.min(picture_height))
    }
}

/// The picture as the model wants it: all red values, then green, then blue, each in -1 to 1 inclusive.
pub fn chw_unit(picture: &RgbPicture) -> Vec<f32> {
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    (0..3)
        .flat_map(|channel| pixels.iter().map(move |pixel| pixel[channel]))
        .map(|value| 2.0 * (f32::from(value) / 255.0) - 1.0)
        .collect()
}

/// The picture for what the model gives: the inverse of [`chw_unit`], rounded to even and clamped as diffusers does.
///
/// # Panics
/// When `chw` does not hold `3 * width * height` numbers.
pub fn picture_from_chw_unit(chw: &[f32], width: usize, height: usize) -> RgbPicture {
    let area = width * height;
    assert_eq!(chw.len(), 3 * area, "numbers of a {width}x{height} picture");
    #[expect(clippy::cast_sign_loss, reason = "clamped to 0 or more")]
    let byte = |value: f32| ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
    RgbPicture {
        width,
        height,
        rgb: (0..area)
            .flat_map(|i| [chw[i], chw[area + i], chw[2 * area + i]])
            .map(byte)
            .collect(),
    }
}

/// Pictures in rows on white, `gap` pixels apart and from the edge. Columns are as wide as their widest picture.
pub fn sheet(rows: &[Vec<RgbPicture>], gap: usize) -> RgbPicture {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width).max().unwrap_or_default()
        })
        .collect();
    let heights: Vec<_> = rows
        .iter()
        .map(|row| row.iter().map(|cell| cell.height).max().unwrap_or_default())
        .collect();
    let total = |lengths: &[usize]| gap + lengths.iter().map(|length| length + gap).sum::<usize>();
    let mut sheet = RgbPicture::filled(total(&widths), total(&heights), [255; 3]);
    let mut y = gap;
    for (row, height) in rows.iter().zip(heights) {
        let mut x = gap;
        for (cell, width) in row.iter().zip(&widths) {
            sheet.paste(cell, x, y);
            x += width + gap;
        }
        y += height + gap;
    }
    sheet
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_survives_the_way_to_the_model_and_back() {
        let picture = RgbPicture {
            width: 16,
            height: 16,
            rgb: (0..=255u8).flat_map(|i| [i, 255 - i, i / 2]).collect(),
        };
        let numbers = chw_unit(&picture);
        assert!(numbers.iter().all(|x| (-1.0..=1.0).contains(x)));
        assert_eq!(numbers[..2], [-1.0, 2.0 / 255.0 - 1.0]);
        assert_eq!(numbers[256..257], [1.0]);
        assert_eq!(picture_from_chw_unit(&numbers, 16, 16), picture);
    }

    #[test]
    fn values_outside_are_clamped_and_ties_go_to_even() {
        let middle = picture_from_chw_unit(&[0.0, -9.0, f32::NAN], 1, 1);
        assert_eq!(middle.rgb, [128, 0, 0]);
        assert_eq!(
            picture_from_chw_unit(&[9.0, f32::INFINITY, -1.0], 1, 1).rgb,
            [255, 255, 0]
        );
    }

    #[test]
    fn the_crop_keeps_the_middle() {
        let mut picture = RgbPicture::filled(90, 30, [0; 3]);
        picture.paste(&RgbPicture::filled(30, 30, [200, 100, 50]), 30, 0);
        assert_eq!(
            square_crop(&picture, 30),
            RgbPicture::filled(30, 30, [200, 100, 50])
        );
        assert_eq!(
            square_crop(&picture, 12),
            RgbPicture::filled(12, 12, [200, 100, 50])
        );
        assert_eq!(
            square_crop(&picture, 64),
            RgbPicture::filled(64, 64, [200, 100, 50])
        );
    }

    #[test]
    fn a_crop_takes_the_place_of_the_middle() {
        let mut picture = RgbPicture::filled(90, 30, [0; 3]);
        picture.paste(&RgbPicture::filled(20, 20, [200, 100, 50]), 65, 5);
        let crop = Crop {
            left: 65,
            top: 5,
            side: 20,
        };
        for side in [20, 7, 48] {
            assert_eq!(
                training_square(&picture, Some(crop), side),
                RgbPicture::filled(side, side, [200, 100, 50])
            );
            assert_eq!(
                training_square(&picture, None, side),
                square_crop(&picture, side)
            );
        }
    }

    #[test]
    fn a_sheet_holds_every_cell() {
        let cell = |size, value| RgbPicture::filled(size, size, [value; 3]);
        let sheet = sheet(&[vec![cell(2, 1), cell(3, 2)], vec![cell(1, 3)]], 1);
        assert_eq!((sheet.width, sheet.height), (8, 7));
        let at = |x: usize, y: usize| sheet.rgb[(y * 8 + x) * 3];
        assert_eq!(
            [at(1, 1), at(4, 1), at(6, 3), at(1, 5), at(0, 0), at(3, 1)],
            [1, 2, 2, 3, 255, 255]
        );
        let empty = super::sheet(&[], 0);
        assert!(empty.rgb.is_empty());
    }

    proptest! {
        #[test]
        fn the_square_lies_inside_and_in_the_middle(width in 0usize..20_000, height in 0usize..20_000) {
            let side = width.min(height);
            prop_assert_eq!(middle(width, height, 64, 64), (side, side));
            let (wide, high) = middle(width, height, 48, 64);
            prop_assert!(wide <= width && high <= height && (wide == width || high == height));
        }

        #[test]
        fn crops_to_any_shape_have_that_size(width in 1usize..40, height in 1usize..40, wide in 1usize..40, high in 1usize..40) {
            let crop = crop_to(&RgbPicture::filled(width, height, [7, 8, 9]), wide, high);
            prop_assert_eq!(crop, RgbPicture::filled(wide, high, [7, 8, 9]));
        }

        #[test]
        fn crops_of_any_shape_have_the_size_asked_for(width in 1usize..40, height in 1usize..40, side in 1usize..40) {
            let crop = square_crop(&RgbPicture::filled(width, height, [7, 8, 9]), side);
            prop_assert_eq!(crop, RgbPicture::filled(side, side, [7, 8, 9]));
        }
    }
}

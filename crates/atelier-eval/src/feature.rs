//! What of a picture is compared.

use atelier_data::{RgbPicture, square_crop};

use crate::color::oklab;
use crate::comparable::{Comparable, scaled};
use crate::edges::oriented_gradients;
use crate::layout::color_layout;

/// Side of the square in which pictures are compared, in pixels.
pub(crate) const SIDE: usize = 64;
/// Cells per side, of colours and of edges.
pub(crate) const GRID: usize = 8;
/// The colour layout's share of a similarity, 0 to 1; the edges have the rest.
pub const COLOR_SHARE: f32 = 0.5;

/// A picture as numbers that can be compared: where which colour lies, and which way the edges run where.
///
/// The middle square of the picture, at 64×64 pixels, gives two parts of unit length: the mean Oklab colours of an 8×8
/// grid less their mean, and histograms of oriented gradients (8×8 cells, 9 orientations, blocks of 2×2). Their similarities
/// weigh [`COLOR_SHARE`] and the rest.
///
/// It tells whether two pictures have the same outline, the same colours in the same places and details alike. It does
/// not know what a picture shows: the same thing moved, turned or drawn small is another picture to it, and a blurred
/// drawing of the right outline scores nearly as well as a crisp one. Since the mean colour is taken off, a picture of
/// a single colour has nothing to compare, and similarity 0 with everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature(pub(crate) Vec<f32>);

impl Feature {
    /// The feature of a picture, which must not be empty.
    pub fn of(picture: &RgbPicture) -> Self {
        let square = square_crop(picture, SIDE);
        let (bytes, _) = square.rgb.as_chunks::<3>();
        let pixels: Vec<[f32; 3]> = bytes.iter().copied().map(oklab).collect();
        let lightness: Vec<f32> = pixels.iter().map(|pixel| pixel[0]).collect();
        let mut numbers = scaled(color_layout(&pixels), COLOR_SHARE.sqrt());
        numbers.extend(scaled(
            oriented_gradients(&lightness),
            (1.0 - COLOR_SHARE).sqrt(),
        ));
        Self(scaled(numbers, 1.0))
    }
}

impl Comparable for Feature {
    fn numbers(&self) -> &[f32] {
        &self.0
    }
}

//! Where the tiles of a convolution lie in its pictures.

use super::super::conv::ConvSizes;
use super::transforms::{FREQUENCIES, PATCH, Patch, TILE};

/// Tiles of pictures, row by row. Those at the right and the lower border may reach beyond it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    batch: usize,
    height: usize,
    width: usize,
}

impl Grid {
    pub(super) fn new(sizes: &ConvSizes) -> Self {
        Self {
            batch: sizes.batch,
            height: sizes.height,
            width: sizes.width,
        }
    }

    pub(super) fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    pub(super) fn tiles(&self) -> usize {
        self.batch * self.height.div_ceil(TILE) * self.width.div_ceil(TILE)
    }

    /// Pixels of a row of a picture.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The picture of a tile, and its first row and column of pixels.
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = [self.height, self.width].map(|side| side.div_ceil(TILE));
        let row = tile / across;
        [row / down, row % down * TILE, tile % across * TILE]
    }

    fn pixel(&self, [b, y, x]: [usize; 3]) -> usize {
        (b * self.height + y) * self.width + x
    }

    /// The first pixel of a tile, and how many rows and columns of pixels lie between it and the border.
    pub(super) fn tile(&self, tile: usize) -> (usize, [usize; 2]) {
        let [b, y, x] = self.place(tile);
        (self.pixel([b, y, x]), [self.height - y, self.width - x])
    }

    /// The pixels of `from [pixels, channels]` that a tile depends on, from a channel on. Outside the picture they are
    /// `zeros`, of which there must be as many as channels are read.
    pub(super) fn patch(&self, from: &[f32], tile: usize, channel: usize, zeros: &[f32]) -> Patch {
        let channels = from.len() / self.pixels();
        let [b, top, left] = self.place(tile);
        let mut patch = [zeros.as_ptr(); FREQUENCIES];
        // a patch begins one pixel above its tile and to the left of it
        for y in top.max(1) - 1..self.height.min(top + PATCH - 1) {
            for x in left.max(1) - 1..self.width.min(left + PATCH - 1) {
                let value = self.pixel([b, y, x]) * channels + channel;
                patch[(y + 1 - top) * PATCH + x + 1 - left] = from[value..].as_ptr();
            }
        }
        patch
    }
}

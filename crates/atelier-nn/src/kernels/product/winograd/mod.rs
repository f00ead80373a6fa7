//! Convolutions by F(4×4, 3×3) (Lavin and Gray 2016): a quarter of the multiplications, in f32.
//!
//! Patches of 6×6 pixels become 36 frequencies, and so do the weights; a convolution is then one product for each
//! frequency, whose result is brought back to tiles of 4×4 pixels. Weights lie in memory only as they are packed:
//! panels are transformed a piece at a time, each piece once for all tiles of a block.

mod grid;
mod product;
mod source;
#[cfg(test)]
mod tests;
mod transforms;

use super::super::level::Level;
use super::super::memory::filled;
use super::conv::ConvSizes;
use super::packed::{Format, Packed};
use super::walk::Direction;
use grid::Grid;
use product::Convolution;
use transforms::TAPS;

/// Tiles whose products take about as long as the transform of the weights.
const SPARE_TILES: usize = 6;
/// Fewer channels leave too little to the products beside the transforms of pictures.
const LEAST_CHANNELS: usize = 16;

/// Pixels that a tile must have on average for tiles to be quicker. A whole tile has 16; those at the border have fewer.
///
/// With AVX2 both ways take the same time at six or seven, from pictures of 8×8 to 17×17.
fn least_pixels(level: Level) -> usize {
    match level {
        // i16 are multiplied and summed by one instruction, twice as quickly as f32
        #[cfg(target_arch = "x86_64")]
        Level::Amx | Level::Bf16512 | Level::Vnni512 => 11,
        _ => 8,
    }
}

/// Whether a convolution is quicker this way than tap by tap. Weights in f32 are always multiplied tap by tap.
pub(super) fn is_quicker(weights: &Packed, sizes: &ConvSizes) -> bool {
    let grid = Grid::new(sizes);
    fits(weights, sizes)
        && weights.depth.min(weights.columns) >= LEAST_CHANNELS
        && grid.pixels() >= least_pixels(weights.level) * (grid.tiles() + SPARE_TILES)
}

/// Whether a convolution can be computed this way: it leaves the sizes of pictures as they are.
fn fits(weights: &Packed, sizes: &ConvSizes) -> bool {
    weights.format == Format::I16 && weights.taps == TAPS && [sizes.stride, sizes.padding] == [1, 1]
}

/// `y [b, h, w, outputs]` of `x [b, h, w, inputs]`, or `dx` of `dy`.
pub(super) fn convolve(
    weights: &Packed,
    direction: Direction,
    sizes: &ConvSizes,
    from: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    assert!(fits(weights, sizes), "a convolution by tiles");
    let grid = Grid::new(sizes);
    let convolution = Convolution::new(weights, direction, grid, from, bias);
    // SAFETY: tiles cover all pixels, and every column of them is written.
    unsafe {
        filled(grid.pixels() * convolution.columns, |to| {
            convolution.run(to);
        })
    }
}

//! The autoencoder tile by tile, so that memory does not grow with the picture: overlapping tiles, their edges blended.
//!
//! Source: the tiling of diffusers' `AutoencoderKL`, tile for tile and number for number.

use burn::tensor::{Device, Tensor, TensorData};

use super::vae::{Posterior, Vae};

/// The share of a tile that the next one covers again.
const OVERLAP: f64 = 0.25;

/// Sizes of one pass over tiles: what goes in, and what comes out.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    side_in: usize,
    step_in: usize,
    blended_out: usize,
    kept_out: usize,
}

#[expect(clippy::cast_sign_loss, reason = "shares of sizes are not negative")]
fn share(size: usize, factor: f64) -> usize {
    (size as f64 * factor) as usize
}

impl Tiles {
    fn new(side_in: usize, side_out: usize) -> Self {
        let blended_out = share(side_out, OVERLAP);
        Self {
            side_in,
            step_in: share(side_in, 1.0 - OVERLAP),
            blended_out,
            kept_out: side_out - blended_out,
        }
    }

    /// Applies `network` to each tile of `x_bchw` and joins what comes out.
    fn run(self, x_bchw: &Tensor<4>, network: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x_bchw.dims();
        let mut rows = Vec::new();
        let mut above: Vec<Tensor<4>> = Vec::new();
        for top in (0..height).step_by(self.step_in) {
            let mut row: Vec<Tensor<4>> = Vec::new();
            for left in (0..width).step_by(self.step_in) {
                let high = self.side_in.min(height - top);
                let wide = self.side_in.min(width - left);
                let tile = x_bchw.clone().narrow(2, top, high).narrow(3, left, wide);
                let mut tile = network(tile);
                if let Some(upper) = above.get(row.len()) {
                    tile = blend(upper, tile, 2, self.blended_out);
                }
                if let Some(before) = row.last() {
                    tile = blend(before, tile, 3, self.blended_out);
                }
                row.push(tile);
            }
            let kept = row.iter().map(|tile| {
                let [_, _, high, wide] = tile.dims();
                let cut = tile.clone().narrow(2, 0, high.min(self.kept_out));
                cut.narrow(3, 0, wide.min(self.kept_out))
            });
            rows.push(Tensor::cat(kept.collect(), 3));
            above = row;
        }
        Tensor::cat(rows, 2)
    }
}

/// `tile`, whose first `extent` rows (or columns, along `axis`) fade in from the last ones of `before`.
fn blend(before: &Tensor<4>, tile: Tensor<4>, axis: usize, extent: usize) -> Tensor<4> {
    let (old, new) = (before.dims()[axis], tile.dims()[axis]);
    let extent = extent.min(old).min(new);
    if extent == 0 {
        return tile;
    }
    let fading_in = ramp(extent, axis, &tile.device());
    let first = tile.clone().narrow(axis, 0, extent);
    let last = before.clone().narrow(axis, old - extent, extent);
    let mixed = last * (fading_in.clone() * -1.0 + 1.0) + first * fading_in;
    if extent == new {
        return mixed;
    }
    Tensor::cat(vec![mixed, tile.narrow(axis, extent, new - extent)], axis)
}

/// 0, 1/extent, … along one axis.
fn ramp(extent: usize, axis: usize, device: &Device) -> Tensor<4> {
    let values: Vec<f32> = (0..extent)
        .map(|index| (index as f64 / extent as f64) as f32)
        .collect();
    let mut shape = [1; 4];
    shape[axis] = extent;
    Tensor::from_data(TensorData::new(values, shape), device)
}

impl Vae {
    /// [`Vae::decode`], tile by tile where there is more than one.
    pub fn decode_tiled(&self, latents_bchw: &Tensor<4>) -> Tensor<4> {
        let side = self.tile_latents;
        if fits(latents_bchw, side) {
            return self.decode(latents_bchw.clone());
        }
        let tiles = Tiles::new(side, side * self.pixels_per_latent);
        tiles.run(latents_bchw, |tile| self.decode(tile))
    }

    /// [`Vae::encode`], tile by tile where there is more than one.
    pub fn encode_tiled(&self, pixels_bchw: &Tensor<4>) -> Posterior {
        let side = self.tile_latents;
        let pixels = side * self.pixels_per_latent;
        if fits(pixels_bchw, pixels) {
            return self.encode(pixels_bchw.clone());
        }
        let tiles = Tiles::new(pixels, side);
        Posterior::from_moments(tiles.run(pixels_bchw, |tile| self.moments(tile)))
    }
}

fn fits(x_bchw: &Tensor<4>, side: usize) -> bool {
    let [_, _, height, width] = x_bchw.dims();
    height.max(width) <= side
}

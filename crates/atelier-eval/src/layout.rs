//! Where which colour lies: the mean colours of a coarse grid.

use crate::feature::{GRID, SIDE};

/// Mean Oklab colour of every grid cell, each channel less its mean over the picture: `GRID * GRID * 3` numbers.
pub(crate) fn color_layout(pixels: &[[f32; 3]]) -> Vec<f32> {
    let cell = SIDE / GRID;
    let mut sums = vec![[0.0f32; 3]; GRID * GRID];
    for (index, pixel) in pixels.iter().enumerate() {
        let (x, y) = (index % SIDE / cell, index / SIDE / cell);
        for channel in 0..3 {
            sums[y * GRID + x][channel] += pixel[channel] / (cell * cell) as f32;
        }
    }
    let mean = |channel: usize| {
        sums.iter().map(|color| color[channel]).sum::<f32>() / (GRID * GRID) as f32
    };
    let means = [mean(0), mean(1), mean(2)];
    sums.iter()
        .flat_map(|color| [0, 1, 2].map(|channel| color[channel] - means[channel]))
        .collect()
}

//! Which way the edges run where: histograms of oriented gradients (Dalal and Triggs, 2005).

use std::f32::consts::PI;

use crate::feature::{GRID, SIDE};

/// Orientations, 20 degrees each; an edge and its reverse count alike.
const BINS: usize = 9;
/// Added to the norm of a block, in lightness units, so that faint noise on a plain ground stays faint.
const FLOOR: f32 = 1.0;

/// Histograms of every grid cell, normalised in overlapping blocks of 2×2 cells.
pub(crate) fn oriented_gradients(lightness: &[f32]) -> Vec<f32> {
    let cells = histograms(lightness);
    let mut blocks = Vec::with_capacity((GRID - 1) * (GRID - 1) * 4 * BINS);
    for y in 0..GRID - 1 {
        for x in 0..GRID - 1 {
            let corner = y * GRID + x;
            let block = [corner, corner + 1, corner + GRID, corner + GRID + 1];
            let squares = block.iter().flat_map(|&cell| cells[cell]).map(|v| v * v);
            let norm = (squares.sum::<f32>() + FLOOR * FLOOR).sqrt();
            blocks.extend(block.iter().flat_map(|&cell| cells[cell]).map(|v| v / norm));
        }
    }
    blocks
}

/// One histogram per cell; a gradient is shared between the two nearest orientations.
fn histograms(lightness: &[f32]) -> Vec<[f32; BINS]> {
    let at = |x: usize, y: usize| lightness[y * SIDE + x];
    let cell = SIDE / GRID;
    let mut cells = vec![[0.0; BINS]; GRID * GRID];
    for y in 0..SIDE {
        for x in 0..SIDE {
            let dx = at((x + 1).min(SIDE - 1), y) - at(x.saturating_sub(1), y);
            let dy = at(x, (y + 1).min(SIDE - 1)) - at(x, y.saturating_sub(1));
            let strength = dx.hypot(dy);
            let place = dy.atan2(dx).rem_euclid(PI) / PI * BINS as f32;
            #[expect(clippy::cast_sign_loss, reason = "the remainder is not negative")]
            let (bin, share) = (place as usize, place.fract());
            let histogram = &mut cells[y / cell * GRID + x / cell];
            histogram[bin % BINS] += strength * (1.0 - share);
            histogram[(bin + 1) % BINS] += strength * share;
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strongest_bin(lightness: impl Fn(usize, usize) -> f32) -> usize {
        let pixels: Vec<f32> = (0..SIDE * SIDE)
            .map(|i| lightness(i % SIDE, i / SIDE))
            .collect();
        let middle = histograms(&pixels)[GRID * GRID / 2 + GRID / 2];
        (0..BINS)
            .max_by(|&a, &b| middle[a].total_cmp(&middle[b]))
            .unwrap()
    }

    #[test]
    fn orientations_fall_into_their_bins() {
        assert_eq!(strongest_bin(|x, _| x as f32 / 64.0), 0);
        assert_eq!(strongest_bin(|x, y| (x + y) as f32 / 64.0), 2);
        assert!(matches!(strongest_bin(|_, y| y as f32 / 64.0), 4 | 5));
    }
}

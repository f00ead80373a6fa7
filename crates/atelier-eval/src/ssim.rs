//! How alike the patches of two pictures are in light, contrast and pattern: structural similarity.
//!
//! # Source
//! Wang et al. 2004, section III, whose symbols are used here; `golden/picture_quality.py` compares with scikit-image.

use atelier_data::RgbPicture;
use rayon::prelude::*;

use crate::Error;
use crate::error::same_size;

/// Side of the window, in pixels.
const SIDE: usize = 11;
/// Standard deviation of the window's weights, in pixels.
const SIGMA: f64 = 1.5;
/// `(K1 L)²` and `(K2 L)²` with the largest value `L` of a channel.
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// Weighted means in a window: of `x`, `y`, `x²`, `y²` and `xy`.
type Moments = [f64; 5];

/// Structural similarity of two pictures of one size, -1 to 1: 1 for equal pictures, about 0 where nothing is in the same place.
///
/// The mean over the channels red, green and blue, and over all windows of 11×11 pixels that lie wholly inside. Programs that
/// compare grey pictures, or pictures that were shrunk first, get other numbers.
pub fn ssim(a: &RgbPicture, b: &RgbPicture) -> Result<f64, Error> {
    same_size(a, b)?;
    let size = [a.width, a.height];
    if size.iter().any(|&length| length < SIDE) {
        return Err(Error::PicturesTooSmall {
            size,
            required: SIDE,
        });
    }
    let weights = weights();
    let (columns, rows) = (a.width - SIDE + 1, a.height - SIDE + 1);
    let of_row = |top| -> f64 {
        let of_channel = |channel| similarities(&weights, [a, b], channel, top);
        (0..3).map(of_channel).sum()
    };
    // Rows are summed in their order, so that the sum does not depend on the number of threads.
    let sums: Vec<f64> = (0..rows).into_par_iter().map(of_row).collect();
    Ok(sums.iter().sum::<f64>() / (3 * columns * rows) as f64)
}

/// Weights along one axis, whose sum is 1.
fn weights() -> [f64; SIDE] {
    let middle = (SIDE / 2) as f64;
    let bell = |i: usize| (-0.5 * ((i as f64 - middle) / SIGMA).powi(2)).exp();
    let bell: [f64; SIDE] = std::array::from_fn(bell);
    let sum: f64 = bell.iter().sum();
    bell.map(|value| value / sum)
}

/// The sum over all windows whose upper edge is at `top`: columns are weighed first, each of them once.
fn similarities(
    weights: &[f64; SIDE],
    pictures: [&RgbPicture; 2],
    channel: usize,
    top: usize,
) -> f64 {
    let width = pictures[0].width;
    let column = |x: usize| {
        let values = weights.iter().enumerate().map(|(row, &weight)| {
            let place = ((top + row) * width + x) * 3 + channel;
            let [x, y] = pictures.map(|picture| f64::from(picture.rgb[place]));
            (weight, [x, y, x * x, y * y, x * y])
        });
        weighted(values)
    };
    let columns: Vec<Moments> = (0..width).map(column).collect();
    let windows = columns.windows(SIDE).map(|window| {
        let values = weights.iter().copied().zip(window.iter().copied());
        similarity(weighted(values))
    });
    windows.sum()
}

fn weighted(values: impl Iterator<Item = (f64, Moments)>) -> Moments {
    let mut sums = [0.0; 5];
    for (weight, moments) in values {
        for (sum, moment) in sums.iter_mut().zip(moments) {
            *sum += weight * moment;
        }
    }
    sums
}

/// Equation 13.
fn similarity([mean_x, mean_y, xx, yy, xy]: Moments) -> f64 {
    let (variance_x, variance_y) = (xx - mean_x * mean_x, yy - mean_y * mean_y);
    let covariance = xy - mean_x * mean_y;
    let above = (2.0 * mean_x * mean_y + C1) * (2.0 * covariance + C2);
    let below = (mean_x * mean_x + mean_y * mean_y + C1) * (variance_x + variance_y + C2);
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stripes of single pixels in one channel.
    fn striped(width: usize, height: usize, channel: usize, first: usize) -> RgbPicture {
        let mut picture = RgbPicture::filled(width, height, [0; 3]);
        for place in 0..width * height {
            if (place % width + first).is_multiple_of(2) {
                picture.rgb[place * 3 + channel] = 255;
            }
        }
        picture
    }

    #[test]
    fn a_picture_is_wholly_similar_to_itself() {
        let picture = striped(19, 12, 0, 0);
        assert_eq!(ssim(&picture, &picture), Ok(1.0));
    }

    #[test]
    fn the_opposite_pattern_counts_against_its_channel_alone() {
        for channel in 0..3 {
            let [a, b] = [0, 1].map(|first| striped(16, 16, channel, first));
            let found = ssim(&a, &b).unwrap();
            // Two channels have 1, the third all but -1.
            assert!((found - 1.0 / 3.0).abs() < 0.01, "{found}");
            assert_eq!(ssim(&b, &a), Ok(found));
        }
    }

    #[test]
    fn plain_pictures_differ_in_light_alone() {
        let [a, b] = [0, 255].map(|value| RgbPicture::filled(11, 11, [value; 3]));
        let expected = C1 / (255.0 * 255.0 + C1);
        assert!((ssim(&a, &b).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn pictures_without_room_for_a_window_are_refused() {
        for [width, height] in [[10, 30], [30, 10], [0, 0]] {
            let picture = RgbPicture::filled(width, height, [1; 3]);
            let (size, required) = ([width, height], 11);
            assert_eq!(
                ssim(&picture, &picture),
                Err(Error::PicturesTooSmall { size, required })
            );
        }
    }

    #[test]
    fn pictures_of_two_sizes_are_refused() {
        let [a, b] = [20, 21].map(|width| RgbPicture::filled(width, 20, [1; 3]));
        let (a_size, b_size) = ([20, 20], [21, 20]);
        let expected = Error::SizesDiffer {
            a: a_size,
            b: b_size,
        };
        assert_eq!(ssim(&a, &b), Err(expected));
    }
}

//! How far the pixels of two pictures lie apart: the peak signal-to-noise ratio.

use atelier_data::RgbPicture;

use crate::Error;
use crate::error::same_size;

/// The largest value of a channel.
const PEAK: f64 = 255.0;

/// Peak signal-to-noise ratio of two pictures of one size, over all channels: more is more alike, infinite for equal pictures.
///
/// It knows nothing of what is seen: a picture moved by a pixel is far from itself.
///
/// # Units
/// Decibels: `10 log10(255² / mean squared difference)`.
pub fn psnr(a: &RgbPicture, b: &RgbPicture) -> Result<f64, Error> {
    same_size(a, b)?;
    let pairs = a.rgb.iter().zip(&b.rgb);
    let squares: u64 = pairs.map(|(&x, &y)| u64::from(x.abs_diff(y)).pow(2)).sum();
    if squares == 0 {
        return Ok(f64::INFINITY);
    }
    let mean = squares as f64 / a.rgb.len() as f64;
    Ok(10.0 * (PEAK * PEAK / mean).log10())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: usize, height: usize, value: u8) -> RgbPicture {
        RgbPicture::filled(width, height, [value; 3])
    }

    #[test]
    fn equal_pictures_are_infinitely_near_and_black_and_white_are_at_zero() {
        let (black, white) = (plain(5, 3, 0), plain(5, 3, 255));
        assert_eq!(psnr(&white, &white), Ok(f64::INFINITY));
        assert_eq!(psnr(&black, &white), Ok(0.0));
    }

    #[test]
    fn every_channel_counts() {
        let black = plain(4, 4, 0);
        let red = RgbPicture::filled(4, 4, [255, 0, 0]);
        assert_eq!(psnr(&black, &red), Ok(10.0 * 3.0f64.log10()));
    }

    #[test]
    fn pictures_of_two_sizes_are_refused() {
        let error = psnr(&plain(5, 3, 0), &plain(3, 5, 0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot compare a picture of 5x3 pixels with one of 3x5"
        );
    }
}

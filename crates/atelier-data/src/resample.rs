//! Resampling byte for byte as Pillow does it, so that drawing starts from the pixels that diffusers starts from, and networks
//! see what they see in Python.
//!
//! Source: `ImagingResample` of Pillow 13.0.0, `src/libImaging/Resample.c`, the path of 8-bit channels.

use std::f64::consts::PI;

use crate::RgbPicture;

/// Binary digits of a weight behind the point.
const DIGITS: u32 = 32 - 8 - 2;

/// How near pixels are weighed, with the names and formulas that Pillow has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// A sinc under a sinc that reaches three pixels.
    Lanczos,
    /// Keys' cubic with -1/2, which reaches two pixels.
    Bicubic,
}

impl Kernel {
    /// How far it reaches to either side, in pixels of the coarser picture.
    fn reach(self) -> f64 {
        match self {
            Self::Lanczos => 3.0,
            Self::Bicubic => 2.0,
        }
    }

    fn at(self, x: f64) -> f64 {
        match self {
            Self::Lanczos => lanczos(x, self.reach()),
            Self::Bicubic => bicubic(x.abs()),
        }
    }
}

/// The picture in another size. Rows are resampled first, and rounded to bytes before columns are. (Pillow 13 does it the
/// other way round where the height shrinks much more than the width, which a crop of the right shape never asks for.)
pub fn resize(picture: RgbPicture, width: usize, height: usize, kernel: Kernel) -> RgbPicture {
    let mut rgb = picture.rgb;
    if width != picture.width {
        rgb = resample(&rgb, 3, [picture.width, width], kernel);
    }
    if height != picture.height {
        rgb = resample(&rgb, 3 * width, [picture.height, height], kernel);
    }
    RgbPicture { width, height, rgb }
}

/// Groups of `from` cells of `cell` bytes each become groups of `to` cells.
fn resample(bytes: &[u8], cell: usize, [from, to]: [usize; 2], kernel: Kernel) -> Vec<u8> {
    let taps = (0..to).map(|place| Taps::at(place, from, to, kernel));
    let taps: Vec<Taps> = taps.collect();
    let mut out = Vec::with_capacity(bytes.len() / from.max(1) * to);
    let mut sums = vec![0_i32; cell];
    for group in bytes.chunks_exact(cell * from) {
        for Taps { first, weights } in &taps {
            // A half, so that cutting rounds.
            sums.fill(1 << (DIGITS - 1));
            for (weight, bytes) in weights.iter().zip(group[first * cell..].chunks_exact(cell)) {
                for (sum, &byte) in sums.iter_mut().zip(bytes) {
                    *sum += weight * i32::from(byte);
                }
            }
            out.extend(sums.iter().map(|&sum| byte(sum)));
        }
    }
    out
}

#[expect(clippy::cast_sign_loss, reason = "clamped to 0 or more")]
fn byte(sum: i32) -> u8 {
    (sum >> DIGITS).clamp(0, 255) as u8
}

/// What one pixel is made of: neighbouring pixels, from the first on.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Taps {
    #[expect(clippy::cast_sign_loss, reason = "both ends are at least 0")]
    fn at(place: usize, from: usize, to: usize, kernel: Kernel) -> Self {
        let scale = from as f64 / to as f64;
        let coarse = scale.max(1.0);
        let center = (place as f64 + 0.5) * scale;
        let reach = kernel.reach() * coarse;
        let first = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(from);
        // Pillow multiplies by the inverse, which rounds otherwise than a division.
        let inverse = 1.0 / coarse;
        let share = |pixel: usize| kernel.at((pixel as f64 - center + 0.5) * inverse);
        let shares: Vec<f64> = (first..end).map(share).collect();
        let sum: f64 = shares.iter().sum();
        let weight = |share: &f64| {
            let scaled = share / sum * f64::from(1_i32 << DIGITS);
            (scaled + 0.5_f64.copysign(scaled)) as i32
        };
        Self {
            first,
            weights: shares.iter().map(weight).collect(),
        }
    }
}

fn lanczos(x: f64, reach: f64) -> f64 {
    if (-reach..reach).contains(&x) {
        sinc(x) * sinc(x / reach)
    } else {
        0.0
    }
}

/// The cubic at a distance. Pillow's order of operations, since weights are rounded after it.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let angle = x * PI;
    angle.sin() / angle
}

#[cfg(test)]
mod tests {
    use atelier_testkit::{Golden, golden};

    use super::*;

    fn picture(file: &Golden, name: &str) -> RgbPicture {
        let (width, height, rgb) = file.rgb(name);
        RgbPicture { width, height, rgb }
    }

    #[test]
    fn every_byte_is_pillows_in_either_direction() {
        let file = golden("start_pixels");
        let source = picture(&file, "picture");
        let config = file.config();
        for (kind, name, count) in [("sizes", "picture", 6), ("stretched", "stretched", 4)] {
            let sizes = config[kind].as_array().unwrap();
            assert_eq!(sizes.len(), count);
            for size in sizes {
                let side = |axis: usize| usize::try_from(size[axis].as_u64().unwrap()).unwrap();
                let name = format!("{name}.{}x{}", side(0), side(1));
                let found = resize(source.clone(), side(0), side(1), Kernel::Lanczos);
                assert!(found == picture(&file, &name), "{name}");
            }
        }
    }
}

//! Puts a picture with transparency on a plain background, moved and scaled a little.

use crate::rng::Rng;

/// Background colours and the words that captions use for them.
pub const COLOURS: &[(&str, [u8; 3])] = &[
    ("white", [255, 255, 255]),
    ("black", [18, 18, 20]),
    ("grey", [150, 152, 156]),
    ("red", [205, 64, 60]),
    ("orange", [240, 150, 62]),
    ("yellow", [246, 214, 92]),
    ("green", [96, 168, 92]),
    ("teal", [58, 158, 156]),
    ("blue", [76, 124, 208]),
    ("purple", [136, 92, 184]),
    ("pink", [240, 160, 188]),
    ("brown", [134, 96, 68]),
];

/// A small change of pose that leaves the caption true.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augment {
    /// Mirrors left and right.
    pub flip: bool,
    /// Size relative to the source picture, at most 1.
    pub scale: f32,
    /// Movement to the right and down, in pixels.
    pub shift: [f32; 2],
}

impl Augment {
    /// Draws a change: scale 0.85 to 1, moved by at most the margin that scaling frees, mirrored half the time if allowed.
    pub fn random(side: usize, may_flip: bool, rng: &mut Rng) -> Self {
        let scale = rng.between(0.85, 1.0);
        let margin = (1.0 - scale) * side as f32 / 2.0;
        let shift = [rng.between(-margin, margin), rng.between(-margin, margin)];
        Self {
            flip: may_flip && rng.unit() < 0.5,
            scale,
            shift,
        }
    }
}

/// Draws `rgba` (`side` x `side`, straight alpha) on a plain `colour`; returns `side` x `side` RGB bytes.
///
/// Sampling is bilinear in premultiplied colour, so that transparent pixels do not bleed.
///
/// # Panics
/// When `rgba` does not hold `side * side` pixels.
pub fn compose(rgba: &[u8], side: usize, colour: [u8; 3], augment: Option<&Augment>) -> Vec<u8> {
    assert_eq!(rgba.len(), side * side * 4, "one RGBA pixel per position");
    let ground = colour.map(f32::from);
    let mut rgb = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        for x in 0..side {
            let [r, g, b, alpha] = match augment {
                None => premultiplied(rgba, side, Some(x), Some(y)),
                Some(augment) => sampled(rgba, side, augment.source(side, x, y)),
            };
            for (value, below) in [r, g, b].into_iter().zip(ground) {
                rgb.push(byte(value + below * (1.0 - alpha)));
            }
        }
    }
    rgb
}

impl Augment {
    /// The place in the source picture, counted from pixel centres, that lands on pixel (`x`, `y`).
    fn source(&self, side: usize, x: usize, y: usize) -> [f32; 2] {
        let centre = (side as f32 - 1.0) / 2.0;
        let back = |at: usize, shift: f32| (at as f32 - shift - centre) / self.scale + centre;
        let across = back(x, self.shift[0]);
        [
            if self.flip {
                2.0 * centre - across
            } else {
                across
            },
            back(y, self.shift[1]),
        ]
    }
}

fn sampled(rgba: &[u8], side: usize, [x, y]: [f32; 2]) -> [f32; 4] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let mut sum = [0.0; 4];
    for (column, x_share) in [(left, 1.0 - right_share), (left + 1.0, right_share)] {
        for (row, y_share) in [(top, 1.0 - bottom_share), (top + 1.0, bottom_share)] {
            let pixel = premultiplied(rgba, side, position(column), position(row));
            for (total, value) in sum.iter_mut().zip(pixel) {
                *total += value * x_share * y_share;
            }
        }
    }
    sum
}

/// A whole, non-negative number as an index.
#[expect(
    clippy::cast_sign_loss,
    reason = "negative numbers have gone the other way"
)]
fn position(at: f32) -> Option<usize> {
    (at >= 0.0).then_some(at as usize)
}

/// Rounds to the nearest byte.
#[expect(clippy::cast_sign_loss, reason = "clamped to the range of a byte")]
pub(crate) fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// Colour times alpha (0 to 255) and alpha (0 to 1); outside the picture everything is transparent.
fn premultiplied(rgba: &[u8], side: usize, x: Option<usize>, y: Option<usize>) -> [f32; 4] {
    let inside = |at: &usize| *at < side;
    let (Some(x), Some(y)) = (x.filter(inside), y.filter(inside)) else {
        return [0.0; 4];
    };
    let at = (y * side + x) * 4;
    let alpha = f32::from(rgba[at + 3]) / 255.0;
    let [r, g, b] = [rgba[at], rgba[at + 1], rgba[at + 2]].map(|value| f32::from(value) * alpha);
    [r, g, b, alpha]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4x4, transparent but for the left column, which is opaque red.
    fn left_bar() -> Vec<u8> {
        (0..16)
            .flat_map(|i| {
                if i % 4 == 0 {
                    [255, 0, 0, 255]
                } else {
                    [0, 0, 0, 0]
                }
            })
            .collect()
    }

    #[test]
    fn transparent_pixels_show_the_background_and_opaque_ones_the_picture() {
        let rgb = compose(&left_bar(), 4, [10, 20, 30], None);
        assert_eq!(&rgb[..6], &[255, 0, 0, 10, 20, 30]);
        assert_eq!(rgb.len(), 48);
    }

    #[test]
    fn half_alpha_mixes_evenly() {
        assert_eq!(
            compose(&[200, 100, 0, 128], 1, [0, 0, 0], None),
            [100, 50, 0]
        );
    }

    #[test]
    fn flip_moves_the_left_column_to_the_right() {
        let flip = Augment {
            flip: true,
            scale: 1.0,
            shift: [0.0, 0.0],
        };
        let rgb = compose(&left_bar(), 4, [10, 20, 30], Some(&flip));
        assert_eq!(&rgb[9..12], &[255, 0, 0]);
        assert_eq!(&rgb[..3], &[10, 20, 30]);
    }

    #[test]
    fn shift_moves_by_whole_and_half_pixels() {
        let one = Augment {
            flip: false,
            scale: 1.0,
            shift: [1.0, 0.0],
        };
        assert_eq!(
            &compose(&left_bar(), 4, [0, 0, 0], Some(&one))[..9],
            &[0, 0, 0, 255, 0, 0, 0, 0, 0]
        );
        let half = Augment {
            shift: [0.5, 0.0],
            ..one
        };
        assert_eq!(
            &compose(&left_bar(), 4, [0, 0, 0], Some(&half))[..9],
            &[128, 0, 0, 128, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn a_smaller_opaque_picture_leaves_a_margin_and_loses_nothing() {
        let side = 32;
        let opaque = vec![255; side * side * 4];
        let mut rng = Rng::new(5);
        for _ in 0..50 {
            let augment = Augment::random(side, true, &mut rng);
            assert!((0.85..1.0).contains(&augment.scale));
            let rgb = compose(&opaque, side, [0, 0, 0], Some(&augment));
            let lit = rgb.iter().map(|&v| f32::from(v) / 255.0).sum::<f32>() / 3.0;
            let expected = (side as f32 * augment.scale).powi(2);
            assert!((lit - expected).abs() / expected < 0.1, "{lit} {expected}");
        }
    }
}

//! Fills triangles, the nearest on top, and averages samples into pixels.

use super::mesh::SurfacePoint;
use super::vector::{Vector, blend, normalised};
use crate::compose::byte;

/// Samples across and down one pixel.
pub(crate) const SAMPLES: usize = 4;

/// A corner of a triangle on the screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corner {
    /// Samples to the right and down.
    pub(crate) at: [f32; 2],
    /// Distance from the eye's plane, positive in front of it.
    pub(crate) depth: f32,
    /// What is seen there.
    pub(crate) point: SurfacePoint,
}

/// The light that `shade` gives for the nearest surface at each of `side * side` samples; `None` where nothing is.
pub(crate) fn samples(
    triangles: &[[Corner; 3]],
    side: usize,
    shade: impl Fn(&SurfacePoint) -> Vector,
) -> Vec<Option<Vector>> {
    let mut lights = vec![None; side * side];
    let mut depths = vec![f32::INFINITY; side * side];
    for corners in triangles {
        let area = twice_area(corners[0].at, corners[1].at, corners[2].at);
        if area == 0.0 {
            continue;
        }
        let [columns, rows] = [0, 1].map(|axis| covered(corners, axis, side));
        for y in rows {
            for x in columns.clone() {
                let Some((depth, shares)) = hit(corners, area, [x as f32 + 0.5, y as f32 + 0.5])
                else {
                    continue;
                };
                let index = y * side + x;
                if depth < depths[index] {
                    depths[index] = depth;
                    lights[index] = Some(shade(&SurfacePoint {
                        place: blend(corners.map(|corner| corner.point.place), shares),
                        normal: normalised(blend(
                            corners.map(|corner| corner.point.normal),
                            shares,
                        )),
                    }));
                }
            }
        }
    }
    lights
}

/// Whether a sample is inside; then its depth and the corners' shares of it, as perspective has them.
fn hit(corners: &[Corner; 3], area: f32, at: [f32; 2]) -> Option<(f32, Vector)> {
    let [a, b, c] = corners.map(|corner| corner.at);
    let flat = [
        twice_area(b, c, at),
        twice_area(c, a, at),
        twice_area(a, b, at),
    ]
    .map(|part| part / area);
    if flat.iter().any(|&share| share < 0.0) {
        return None;
    }
    let near = [0, 1, 2].map(|i| flat[i] / corners[i].depth);
    let depth = 1.0 / near.iter().sum::<f32>();
    Some((depth, near.map(|share| share * depth)))
}

fn twice_area(a: [f32; 2], b: [f32; 2], c: [f32; 2]) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// The columns (axis 0) or rows (axis 1) that a triangle can touch.
#[expect(clippy::cast_sign_loss, reason = "negative numbers are cut off first")]
fn covered(corners: &[Corner; 3], axis: usize, side: usize) -> std::ops::Range<usize> {
    let along = corners.map(|corner| corner.at[axis]);
    let first = along.into_iter().fold(f32::INFINITY, f32::min).max(0.0);
    let last = along.into_iter().fold(0.0, f32::max).ceil();
    first as usize..(last as usize).min(side)
}

/// Averages `SAMPLES * SAMPLES` samples a pixel; returns `side * side` RGBA pixels with straight alpha.
///
/// # Panics
/// When there are not as many samples.
pub(crate) fn rgba_from_samples(lights: &[Option<Vector>], side: usize) -> Vec<u8> {
    let wide = side * SAMPLES;
    assert_eq!(lights.len(), wide * wide, "samples of every pixel");
    let mut rgba = Vec::with_capacity(side * side * 4);
    for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
        let seen: Vec<Vector> = (0..SAMPLES * SAMPLES)
            .filter_map(|i| lights[(y * SAMPLES + i / SAMPLES) * wide + x * SAMPLES + i % SAMPLES])
            .collect();
        let count = seen.len() as f32;
        for channel in 0..3 {
            let sum: f32 = seen
                .iter()
                .map(|light| light[channel].clamp(0.0, 1.0))
                .sum();
            rgba.push(byte(encoded(sum / count.max(1.0)) * 255.0));
        }
        rgba.push(byte(count / (SAMPLES * SAMPLES) as f32 * 255.0));
    }
    rgba
}

/// The exponent that stands for the curve of sRGB.
const GAMMA: f32 = 2.2;

/// Amount of light as a picture's number, both 0 to 1.
fn encoded(light: f32) -> f32 {
    light.powf(1.0 / GAMMA)
}

/// Amount of light of a palette colour.
pub(crate) fn light_from_rgb(colour: [u8; 3]) -> Vector {
    colour.map(|value| (f32::from(value) / 255.0).powf(GAMMA))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle(at: [[f32; 2]; 3], depth: f32, mark: f32) -> [Corner; 3] {
        at.map(|at| Corner {
            at,
            depth,
            point: SurfacePoint {
                place: [mark; 3],
                normal: [0.0, 0.0, 1.0],
            },
        })
    }

    const HALF: [[f32; 2]; 3] = [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]];

    fn marks(triangles: &[[Corner; 3]]) -> Vec<f32> {
        let seen = samples(triangles, 4, |point| point.place);
        seen.iter()
            .map(|light| light.map_or(0.0, |light| light[0]))
            .collect()
    }

    #[test]
    fn a_triangle_covers_the_samples_inside_it_in_either_sense() {
        let expected = [
            1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0,
        ];
        assert_eq!(marks(&[triangle(HALF, 1.0, 1.0)]), expected);
        let [a, b, c] = HALF;
        assert_eq!(marks(&[triangle([c, b, a], 1.0, 1.0)]), expected);
    }

    #[test]
    fn what_is_nearer_hides_what_is_farther_in_any_order() {
        let near = triangle(HALF, 2.0, 1.0);
        let far = triangle([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 3.0, 0.5);
        for order in [[near, far], [far, near]] {
            let seen = marks(&order);
            assert!((seen[0] - 1.0).abs() < 1e-6 && (seen[15] - 0.5).abs() < 1e-6);
        }
    }

    #[test]
    fn triangles_outside_or_without_area_draw_nothing() {
        let outside = triangle([[-9.0, -9.0], [-5.0, -9.0], [-9.0, -5.0]], 1.0, 1.0);
        let line = triangle([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]], 1.0, 1.0);
        assert_eq!(marks(&[outside, line]), [0.0; 16]);
    }

    #[test]
    fn perspective_gives_the_nearer_corner_the_larger_share() {
        let mut corners = triangle(HALF, 1.0, 0.0);
        corners[1].depth = 3.0;
        corners[1].point.place = [1.0; 3];
        let (_, shares) = hit(&corners, 16.0, [2.0, 0.0]).unwrap();
        assert!((shares[1] - 0.25).abs() < 1e-6, "{shares:?}");
    }

    #[test]
    fn partly_covered_pixels_are_partly_transparent_and_not_darker() {
        let mut lights = vec![None; SAMPLES * SAMPLES];
        lights[..4].fill(Some([1.0, 0.0, 2.0]));
        assert_eq!(rgba_from_samples(&lights, 1), [255, 0, 255, 64]);
        assert_eq!(rgba_from_samples(&[None; SAMPLES * SAMPLES], 1), [0; 4]);
    }

    #[test]
    fn a_palette_colour_comes_back_after_averaging() {
        let lights = vec![Some(light_from_rgb([28, 63, 170])); SAMPLES * SAMPLES];
        assert_eq!(rgba_from_samples(&lights, 1), [28, 63, 170, 255]);
    }
}

//! Where the eye and the lamp are, and what a glossy surface looks like between them.

use super::mesh::SurfacePoint;
use super::raster::{Corner, SAMPLES, light_from_rgb, rgba_from_samples, samples};
use super::vector::{Vector, add, cross, dot, normalised, scale};

/// Distance of the eye from the object's middle, in widths of the object: a long lens, which bends shapes little.
const EYE_DISTANCE: f32 = 3.0;
/// Share of the picture that stays empty on each side.
const MARGIN: f32 = 0.06;

/// A direction to look from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Camera {
    /// Degrees around the object: 0 is its front (+x), 90 its left side (-z).
    pub(crate) around: f32,
    /// Degrees above its horizon.
    pub(crate) above: f32,
}

impl Camera {
    /// The directions to the right, up and towards the eye.
    fn axes(self) -> [Vector; 3] {
        let (around, above) = (self.around.to_radians(), self.above.to_radians());
        let eye = [
            around.cos() * above.cos(),
            above.sin(),
            -around.sin() * above.cos(),
        ];
        let right = normalised(cross([0.0, 1.0, 0.0], eye));
        [right, cross(eye, right), eye]
    }
}

/// Draws the surface as large as fits; `lamp` points to the light: right, up and towards the eye.
pub(crate) fn picture(
    surface: &[[SurfacePoint; 3]],
    camera: Camera,
    lamp: Vector,
    colour: impl Fn(Vector) -> [u8; 3],
    side: usize,
) -> Vec<u8> {
    let (axes, lamp) = (camera.axes(), normalised(lamp));
    let mut triangles = projected(surface, axes);
    fit(&mut triangles, (side * SAMPLES) as f32);
    let lights = samples(&triangles, side * SAMPLES, |point| {
        let normal = axes.map(|axis| dot(point.normal, axis));
        shaded(light_from_rgb(colour(point.place)), normal, lamp)
    });
    rgba_from_samples(&lights, side)
}

/// The triangles in the eye's plane, in no particular size.
fn projected(surface: &[[SurfacePoint; 3]], [right, up, eye]: [Vector; 3]) -> Vec<[Corner; 3]> {
    let widest = surface.iter().flatten().fold(0.0_f32, |widest, point| {
        widest.max(dot(point.place, point.place).sqrt())
    });
    let distance = 2.0 * widest * EYE_DISTANCE;
    let corner = |point: SurfacePoint| {
        let depth = distance - dot(point.place, eye);
        Corner {
            at: [right, up].map(|axis| dot(point.place, axis) / depth),
            depth,
            point,
        }
    };
    surface.iter().map(|corners| corners.map(corner)).collect()
}

/// Centres the triangles on a square of this size, with the margin around them, and turns up into fewer rows.
fn fit(triangles: &mut [[Corner; 3]], size: f32) {
    let bounds = [0, 1].map(|axis| {
        let along = || triangles.iter().flatten().map(|corner| corner.at[axis]);
        [
            along().fold(f32::INFINITY, f32::min),
            along().fold(f32::NEG_INFINITY, f32::max),
        ]
    });
    let longer = bounds
        .iter()
        .fold(0.0_f32, |longer, [low, high]| longer.max(high - low));
    let factor = size * (1.0 - 2.0 * MARGIN) / longer;
    let [middle_x, middle_y] = bounds.map(|[low, high]| f32::midpoint(low, high));
    for corner in triangles.iter_mut().flatten() {
        let [x, y] = corner.at;
        corner.at = [
            size / 2.0 + (x - middle_x) * factor,
            size / 2.0 - (y - middle_y) * factor,
        ];
    }
}

/// The light that comes from a glazed surface of this colour. Directions are right, up and towards the eye.
///
/// # Source
/// Lambert's cosine, and the highlight of Blinn 1977, "Models of light reflection for computer synthesized pictures".
fn shaded(colour: Vector, normal: Vector, lamp: Vector) -> Vector {
    let towards_eye = [0.0, 0.0, 1.0];
    // seen from its back: the inside of the object, which hardly any light reaches
    if normal[2] < -0.2 {
        return scale(colour, 0.03);
    }
    // light from the room, a little more of it from above
    let room = 0.26 + 0.10 * normal[1];
    let diffuse = room + 0.85 * dot(normal, lamp).max(0.0);
    let halfway = normalised(add(lamp, towards_eye));
    let highlight = 0.55 * dot(normal, halfway).max(0.0).powi(60);
    add(scale(colour, diffuse), [highlight; 3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::mesh::Mesh;

    const FRONT: Camera = Camera {
        around: 0.0,
        above: 0.0,
    };

    /// A square that faces +x, twice as wide (along z) as high.
    fn board() -> Vec<[SurfacePoint; 3]> {
        let places = [
            [0.0, -1.0, 2.0],
            [0.0, -1.0, -2.0],
            [0.0, 1.0, -2.0],
            [0.0, 1.0, 2.0],
        ];
        Mesh::new(&places, &[[0, 1, 2], [0, 2, 3]]).rounded(1)
    }

    fn brightness(lamp: Vector) -> u32 {
        let rgba = picture(&board(), FRONT, lamp, |_| [120, 120, 120], 16);
        let middle = (8 * 16 + 8) * 4;
        rgba[middle..middle + 3].iter().map(|&v| u32::from(v)).sum()
    }

    #[test]
    fn a_lamp_on_the_viewers_side_brightens_what_faces_the_viewer() {
        let (front, beside, behind) = (
            brightness([0.0, 0.0, 1.0]),
            brightness([1.0, 0.0, 0.5]),
            brightness([0.0, 0.0, -1.0]),
        );
        assert!(
            front > beside && beside > behind,
            "{front} {beside} {behind}"
        );
        assert!(behind > 0, "the room's light remains");
    }

    #[test]
    fn the_inside_is_dark_even_when_the_lamp_is_behind_it() {
        let colour = [0.5; 3];
        let inside = shaded(colour, [0.0, 0.0, -1.0], [0.0, 0.0, -1.0]);
        let outside = shaded(colour, [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]);
        assert!(inside[0] < outside[0] / 4.0, "{inside:?} {outside:?}");
    }

    #[test]
    fn the_picture_is_centred_with_a_margin() {
        let rgba = picture(&board(), FRONT, [0.0, 0.0, 1.0], |_| [9, 9, 9], 32);
        let alpha = |x: usize, y: usize| rgba[(y * 32 + x) * 4 + 3];
        assert_eq!((alpha(16, 16), alpha(0, 16), alpha(31, 16)), (255, 0, 0));
        assert_eq!((alpha(3, 16), alpha(28, 16)), (255, 255));
        assert_eq!((alpha(16, 7), alpha(16, 24)), (0, 0));
    }

    #[test]
    fn from_the_left_the_front_is_on_the_left_of_the_picture() {
        let left = Camera {
            around: 90.0,
            above: 0.0,
        };
        let [right, up, eye] = left.axes();
        assert!(dot([1.0, 0.0, 0.0], right) < -0.999);
        assert!(up[1] > 0.999 && eye[2] < -0.999);
    }

    #[test]
    fn colours_depend_on_the_place_on_the_object() {
        let two = |place: Vector| {
            if place[1] > 0.0 {
                [200, 0, 0]
            } else {
                [0, 0, 200]
            }
        };
        let rgba = picture(&board(), FRONT, [0.0, 1.0, 0.2], two, 32);
        let (above, below) = ((11 * 32 + 16) * 4, (20 * 32 + 16) * 4);
        assert!(rgba[above] > rgba[above + 2] && rgba[below] < rgba[below + 2]);
    }
}

//! A surface of triangles, smooth across their edges.

use std::collections::HashMap;

use super::vector::{Vector, add, blend, cross, dot, normalised, scale, subtract};

/// How far new corners move from the flat triangle towards the curved surface: 0 not at all, 1 all the way.
///
/// # Source
/// Boubekeur and Alexa 2008, "Phong Tessellation", who found three quarters to look right.
const CURVATURE: f32 = 0.75;

/// A place on the surface and the direction that the surface faces there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SurfacePoint {
    pub(crate) place: Vector,
    pub(crate) normal: Vector,
}

/// Triangles by the numbers of their corners, which go counter-clockwise when seen from outside.
#[derive(Debug)]
pub(crate) struct Mesh {
    places: Vec<Vector>,
    triangles: Vec<[usize; 3]>,
}

impl Mesh {
    /// Makes one corner of those that lie on the same place, so that the surface has no seams.
    ///
    /// # Panics
    /// When a triangle names a corner that is not in `places`.
    pub(crate) fn new(places: &[Vector], triangles: &[[usize; 3]]) -> Self {
        let (mut found, mut unique) = (HashMap::new(), Vec::new());
        let joined: Vec<usize> = places
            .iter()
            .map(|&place| {
                *found.entry(place.map(f32::to_bits)).or_insert_with(|| {
                    unique.push(place);
                    unique.len() - 1
                })
            })
            .collect();
        let triangles = triangles
            .iter()
            .map(|corners| corners.map(|corner| joined[corner]))
            .collect();
        Self {
            places: unique,
            triangles,
        }
    }

    /// The surface with every triangle cut into `pieces * pieces`, rounded where the triangles around it bend.
    pub(crate) fn rounded(&self, pieces: usize) -> Vec<[SurfacePoint; 3]> {
        let normals = self.normals();
        let mut surface = Vec::with_capacity(self.triangles.len() * pieces * pieces);
        for corners in &self.triangles {
            let corners = corners.map(|corner| SurfacePoint {
                place: self.places[corner],
                normal: normals[corner],
            });
            let point = |right: usize, up: usize| {
                let (b, c) = (right as f32 / pieces as f32, up as f32 / pieces as f32);
                curved(corners, [1.0 - b - c, b, c])
            };
            for up in 0..pieces {
                for right in 0..pieces - up {
                    let (b, c) = (point(right + 1, up), point(right, up + 1));
                    surface.push([point(right, up), b, c]);
                    if right + up + 2 <= pieces {
                        surface.push([b, point(right + 1, up + 1), c]);
                    }
                }
            }
        }
        surface
    }

    /// The mean direction of the triangles around each corner, larger triangles counting more.
    fn normals(&self) -> Vec<Vector> {
        let mut sums = vec![[0.0; 3]; self.places.len()];
        for corners in &self.triangles {
            let [a, b, c] = corners.map(|corner| self.places[corner]);
            let facing = cross(subtract(b, a), subtract(c, a));
            for &corner in corners {
                sums[corner] = add(sums[corner], facing);
            }
        }
        sums.into_iter().map(normalised).collect()
    }
}

/// The point of the curved surface above the flat triangle's point with these shares of its corners.
fn curved(corners: [SurfacePoint; 3], shares: Vector) -> SurfacePoint {
    let flat = blend(corners.map(|corner| corner.place), shares);
    // the flat point as each corner's tangent plane has it
    let touched = corners.map(|corner| {
        let above = dot(subtract(flat, corner.place), corner.normal);
        subtract(flat, scale(corner.normal, above))
    });
    let round = blend(touched, shares);
    SurfacePoint {
        place: add(scale(flat, 1.0 - CURVATURE), scale(round, CURVATURE)),
        normal: normalised(blend(corners.map(|corner| corner.normal), shares)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCTAHEDRON: [Vector; 6] = [
        [1.0, 0.0, 0.0],
        [-1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, -1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 0.0, -1.0],
    ];
    const FACES: [[usize; 3]; 8] = [
        [0, 2, 4],
        [2, 1, 4],
        [1, 3, 4],
        [3, 0, 4],
        [2, 0, 5],
        [1, 2, 5],
        [3, 1, 5],
        [0, 3, 5],
    ];

    #[test]
    fn normals_of_a_closed_surface_point_outwards() {
        let mesh = Mesh::new(&OCTAHEDRON, &FACES);
        for (place, normal) in OCTAHEDRON.iter().zip(mesh.normals()) {
            assert!(dot(*place, normal) > 0.999, "{place:?} {normal:?}");
        }
    }

    #[test]
    fn cutting_rounds_the_middle_and_keeps_the_corners() {
        let surface = Mesh::new(&OCTAHEDRON, &FACES).rounded(3);
        assert_eq!(surface.len(), FACES.len() * 9);
        let points = || surface.iter().flatten();
        let radius = |point: &SurfacePoint| dot(point.place, point.place).sqrt();
        // the flat octahedron comes as near to the middle as 0.577
        assert!(points().all(|point| (0.75..1.001).contains(&radius(point))));
        assert!(points().any(|point| point.place[2] > 0.9999));
        for [a, b, c] in &surface {
            let facing = cross(subtract(b.place, a.place), subtract(c.place, a.place));
            assert!(dot(facing, a.place) > 0.0, "pieces keep their sense");
        }
    }

    #[test]
    fn a_flat_surface_stays_flat() {
        let square = [
            [0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [1.0, 1.0, 0.0],
            [0.0, 1.0, 0.0],
        ];
        let surface = Mesh::new(&square, &[[0, 1, 2], [0, 2, 3]]).rounded(2);
        assert!(surface.iter().flatten().all(|point| point.place[2] == 0.0));
    }

    #[test]
    fn corners_on_one_place_become_one() {
        let twice = [
            [0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [1.0, 0.0, 0.0],
        ];
        let mesh = Mesh::new(&twice, &[[0, 1, 2], [0, 3, 2]]);
        assert_eq!(mesh.places.len(), 3);
        assert_eq!(mesh.triangles, [[0, 1, 2], [0, 1, 2]]);
    }
}

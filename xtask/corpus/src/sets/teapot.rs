//! The sample object: the Utah teapot with a finish of our own, photographed from many sides.

use std::path::Path;

use anyhow::{Context as _, Result};
use rayon::prelude::*;
use serde::de::DeserializeOwned;

use crate::packages::{self, TEAPOT};
use crate::render::mesh::{Mesh, SurfacePoint};
use crate::render::scene::{self, Camera};
use crate::render::vector::Vector;

/// A view and its words: `seen from ...`.
type View = (&'static str, Camera);
/// A direction to the lamp (right, up, towards the eye) and its words: `lit from ...`.
type Light = (&'static str, Vector);

/// Degrees above the horizon of a level view: a table's edge is looked at like this.
const LEVEL: f32 = 14.0;
/// Degrees above the horizon of a view from a side and above.
const RAISED: f32 = 42.0;

/// Views that the sample dataset trains on.
const TRAINING_VIEWS: [View; 14] = [
    view("the front", 0.0, LEVEL),
    view("the front left", 45.0, LEVEL),
    view("the left", 90.0, LEVEL),
    view("the back left", 135.0, LEVEL),
    view("behind", 180.0, LEVEL),
    view("the back right", 225.0, LEVEL),
    view("the right", 270.0, LEVEL),
    view("the front right", 315.0, LEVEL),
    view("the front and above", 0.0, RAISED),
    view("the front left and above", 45.0, RAISED),
    view("the left and above", 90.0, RAISED),
    view("the back right and above", 225.0, RAISED),
    view("the right and above", 270.0, RAISED),
    view("above", 90.0, 80.0),
];

/// Views that training never shows.
const HELD_OUT_VIEWS: [View; 3] = [
    view("the front right and above", 315.0, RAISED),
    view("the back left and above", 135.0, RAISED),
    view("behind and above", 180.0, RAISED),
];

const LIGHTS: [Light; 4] = [
    ("above", [0.1, 1.0, 0.35]),
    ("the left", [-1.0, 0.35, 0.5]),
    ("the front", [0.1, 0.3, 1.0]),
    ("the right", [1.0, 0.35, 0.5]),
];

/// Held-out pictures from [`HELD_OUT_VIEWS`]; the others are from views that training shows.
const HELD_OUT_FROM_NEW_VIEWS: usize = 10;

const fn view(words: &'static str, around: f32, above: f32) -> View {
    (words, Camera { around, above })
}

/// One picture to take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shot {
    view: View,
    light: Light,
}

impl Shot {
    /// The words of the caption, without the background.
    pub(crate) fn caption(&self) -> String {
        format!(
            "teapot seen from {}, lit from {}",
            self.view.0, self.light.0
        )
    }

    /// A file name without extension: `front-left-lit-from-above`.
    pub(crate) fn name(&self) -> String {
        let words = format!("{} lit from {}", self.view.0, self.light.0);
        words.replace("the ", "").replace(' ', "-")
    }
}

/// The pictures to train on: every view twice in a row, in opposite lights.
pub(crate) fn training_shots() -> Vec<Shot> {
    let shots = TRAINING_VIEWS.iter().enumerate();
    shots
        .flat_map(|(i, &view)| [i, i + 2].map(|light| shot(view, light)))
        .collect()
}

/// The pictures that nothing trains on: new views in several lights, then known views in a light that they lacked.
pub(crate) fn held_out_shots() -> Vec<Shot> {
    let new = (0..HELD_OUT_FROM_NEW_VIEWS).map(|i| {
        let views = HELD_OUT_VIEWS.len();
        shot(HELD_OUT_VIEWS[i % views], i / views)
    });
    let known = TRAINING_VIEWS.iter().enumerate();
    new.chain(known.map(|(i, &view)| shot(view, i + 1)))
        .collect()
}

fn shot(view: View, light: usize) -> Shot {
    Shot {
        view,
        light: LIGHTS[light % LIGHTS.len()],
    }
}

/// Fetches the mesh and takes the pictures, RGBA of `side * side` pixels each.
pub(crate) fn teapot(cache: &Path, shots: &[Shot], side: usize) -> Result<Vec<Vec<u8>>> {
    packages::fetch(cache, &[TEAPOT])?;
    let path = TEAPOT.folder(cache).join("teapot.js");
    let script = fs_err::read_to_string(&path)?;
    let surface =
        surface(&script).with_context(|| format!("cannot read mesh `{}`", path.display()))?;
    Ok(shots
        .par_iter()
        .map(|shot| scene::picture(&surface, shot.view.1, shot.light.1, finish, side))
        .collect())
}

/// Pieces that each edge of the mesh is cut into, enough for round outlines at 256 pixels.
const PIECES: usize = 4;

/// The surface in a `CommonJS` module that exports `positions` and `cells`.
fn surface(script: &str) -> Result<Vec<[SurfacePoint; 3]>> {
    let places: Vec<Vector> = exported(script, "positions")?;
    let triangles: Vec<[usize; 3]> = exported(script, "cells")?;
    let corners = triangles.iter().flatten();
    anyhow::ensure!(
        corners.max().is_some_and(|&last| last < places.len()),
        "the cells name corners beyond the {} positions",
        places.len()
    );
    Ok(Mesh::new(&places, &triangles).rounded(PIECES))
}

/// The value of `exports.<name>=`, which has to be JSON.
fn exported<T: DeserializeOwned>(script: &str, name: &str) -> Result<T> {
    let (_, value) = script
        .split_once(&format!("exports.{name}="))
        .with_context(|| format!("no export `{name}`"))?;
    serde_json::Deserializer::from_str(value)
        .into_iter()
        .next()
        .with_context(|| format!("export `{name}` is empty"))?
        .with_context(|| format!("export `{name}` is not JSON"))
}

const COBALT: [u8; 3] = [24, 62, 176];
const CREAM: [u8; 3] = [244, 222, 172];
const ORANGE: [u8; 3] = [240, 118, 28];

/// Height above which only the lid's knob is, in the mesh's units.
const KNOB_FROM: f32 = 5.2;
/// Heights that the cream band lies between; the body is widest there.
const BAND: std::ops::Range<f32> = -3.7..0.3;
/// The body's axis.
const AXIS_X: f32 = -1.070_312;

/// The colour of the glaze at a place of the mesh.
fn finish([x, y, z]: Vector) -> [u8; 3] {
    if y > KNOB_FROM {
        ORANGE
    } else if BAND.contains(&y) && (x - AXIS_X).hypot(z) < body_radius(y) {
        CREAM
    } else {
        COBALT
    }
}

/// A radius that the handle and the spout go beyond but the body, within the band, does not.
fn body_radius(y: f32) -> f32 {
    10.15 - 0.06 * (y + 3.0).powi(2)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_is_trained_on_and_what_is_held_out_are_disjoint() {
        let (train, held_out) = (training_shots(), held_out_shots());
        assert_eq!((train.len(), held_out.len()), (28, 24));
        let names: HashSet<String> = train.iter().chain(&held_out).map(Shot::name).collect();
        assert_eq!(names.len(), 52, "no view is shown twice in one light");
        for (words, _) in HELD_OUT_VIEWS {
            assert!(train.iter().all(|shot| shot.view.0 != words), "{words}");
            assert!(held_out.iter().any(|shot| shot.view.0 == words), "{words}");
        }
    }

    #[test]
    fn every_light_is_trained_on_equally_often() {
        for light in LIGHTS {
            let lit = training_shots().iter().filter(|s| s.light == light).count();
            assert_eq!(lit, 7, "{}", light.0);
        }
    }

    #[test]
    fn captions_say_view_and_light_in_plain_words() {
        let first = training_shots()[2];
        assert_eq!(
            first.caption(),
            "teapot seen from the front left, lit from the left"
        );
        assert_eq!(first.name(), "front-left-lit-from-left");
    }

    #[test]
    fn knob_band_and_body_have_their_colours() {
        assert_eq!(finish([AXIS_X, 7.0, 0.0]), ORANGE);
        assert_eq!(finish([AXIS_X, -2.0, 9.5]), CREAM);
        assert_eq!(finish([AXIS_X, 3.0, 7.5]), COBALT);
        assert_eq!(finish([13.0, -1.0, 0.0]), COBALT, "the spout has no band");
    }

    #[test]
    fn a_mesh_is_read_from_its_module() {
        let script = "exports.positions=[[0,0,0],[1,0,0],[0,1.5,0]];\nexports.cells=[[0,1,2]];";
        assert_eq!(surface(script).unwrap().len(), PIECES * PIECES);
        let beyond = script.replace("[[0,1,2]]", "[[0,1,3]]");
        assert!(surface(&beyond).is_err());
        let missing = surface("exports.positions=[];").unwrap_err();
        assert!(missing.to_string().contains("cells"), "{missing}");
    }
}

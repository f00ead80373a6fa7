//! Shapes drawn here: what the feature reacts to, and what not.

use atelier_data::{RgbPicture, square_crop};
use atelier_eval::{Feature, similarity};

pub(crate) const YELLOW: [u8; 3] = [252, 194, 27];
pub(crate) const BLUE: [u8; 3] = [60, 110, 200];

/// A shape on white; `inside` takes coordinates from -1 to 1.
pub(crate) fn shape(side: usize, color: [u8; 3], inside: impl Fn(f32, f32) -> bool) -> RgbPicture {
    let place = |i: usize| (i as f32 + 0.5) / side as f32 * 2.0 - 1.0;
    let pixel = |i: usize| {
        if inside(place(i % side), place(i / side)) {
            color
        } else {
            [255; 3]
        }
    };
    RgbPicture {
        width: side,
        height: side,
        rgb: (0..side * side).flat_map(pixel).collect(),
    }
}

pub(crate) fn disc(x: f32, y: f32) -> bool {
    x.hypot(y) < 0.7
}

pub(crate) fn diamond(x: f32, y: f32) -> bool {
    x.abs() + y.abs() < 0.8
}

pub(crate) fn cross(x: f32, y: f32) -> bool {
    (x.abs() < 0.2 || y.abs() < 0.2) && x.abs().max(y.abs()) < 0.9
}

fn alike(a: &RgbPicture, b: &RgbPicture) -> f32 {
    similarity(&Feature::of(a), &Feature::of(b))
}

#[test]
fn a_picture_is_like_itself_and_likeness_goes_both_ways() {
    let (a, b) = (shape(96, YELLOW, disc), shape(96, BLUE, cross));
    assert!((alike(&a, &a) - 1.0).abs() < 1e-5);
    assert!((alike(&a, &b) - alike(&b, &a)).abs() < 1e-6);
}

#[test]
fn another_shape_of_the_same_colour_is_less_alike() {
    let yellow_disc = shape(96, YELLOW, disc);
    let to_diamond = alike(&yellow_disc, &shape(96, YELLOW, diamond));
    let to_cross = alike(&yellow_disc, &shape(96, YELLOW, cross));
    assert!(
        to_diamond < 0.95 && to_cross < to_diamond,
        "{to_diamond} {to_cross}"
    );
}

#[test]
fn another_colour_of_the_same_shape_is_less_alike() {
    let score = alike(&shape(96, YELLOW, disc), &shape(96, BLUE, disc));
    assert!(score < 0.9, "{score}");
}

#[test]
fn the_size_of_the_picture_hardly_matters() {
    let large = shape(256, YELLOW, disc);
    for side in [48, 64, 100, 128] {
        let score = alike(&large, &square_crop(&large, side));
        assert!(score > 0.97, "{side}: {score}");
    }
}

#[test]
fn a_plain_picture_has_nothing_in_common_with_any() {
    let plain = RgbPicture::filled(64, 64, YELLOW);
    assert!(alike(&plain, &plain).abs() < f32::EPSILON);
    assert!(alike(&plain, &shape(64, YELLOW, disc)).abs() < f32::EPSILON);
}

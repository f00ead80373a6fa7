//! Embeddings on pictures that lie in the repository, as the data crate reads them.

use atelier_data::{Limits, RgbPicture, crop_to, decode_picture};
use atelier_eval::{Embedder, Embedding, likeness, mutual_likeness, similarity};

use crate::blobs::blobs;
use crate::shapes::{BLUE, YELLOW, cross, disc, shape};

fn embeddings(embedder: &Embedder, pictures: &[(String, RgbPicture)]) -> Vec<Embedding> {
    let pictures: Vec<_> = pictures.iter().map(|(_, one)| one.clone()).collect();
    embedder.embed_all(&pictures)
}

/// Cuts a sixteenth off either axis, at opposite ends for the two crops.
fn two_crops(picture: &RgbPicture) -> [RgbPicture; 2] {
    let (width, height) = (picture.width * 15 / 16, picture.height * 15 / 16);
    let far = [picture.width - width, picture.height - height];
    [[0, 0], far].map(|corner| picture.part(corner, [width, height]))
}

#[test]
fn two_crops_of_any_picture_are_more_alike_than_any_two_pictures() {
    let embedder = Embedder::new();
    let pictures = blobs("train");
    let crops = pictures.iter().map(|(_, picture)| two_crops(picture));
    let (first, second): (Vec<_>, Vec<_>) = crops.map(|[a, b]| (a, b)).unzip();
    let (first, second) = (embedder.embed_all(&first), embedder.embed_all(&second));
    let (mut least_of_same, mut most_of_others) = (1.0f32, 0.0f32);
    for (a, one) in first.iter().enumerate() {
        for (b, other) in second.iter().enumerate() {
            let score = similarity(one, other);
            if a == b {
                least_of_same = least_of_same.min(score);
            } else {
                most_of_others = most_of_others.max(score);
            }
        }
    }
    assert!(
        least_of_same > most_of_others,
        "{least_of_same} {most_of_others}"
    );
}

#[test]
fn blobs_are_more_like_blobs_than_other_shapes_are() {
    let embedder = Embedder::new();
    let held_out = embeddings(&embedder, &blobs("held-out"));
    let among_themselves = mutual_likeness(&held_out);
    let shapes = [
        shape(128, YELLOW, disc),
        shape(128, YELLOW, cross),
        shape(128, BLUE, disc),
    ];
    for shape in embedder.embed_all(&shapes) {
        let other = likeness(&[shape], &held_out);
        assert!(other + 0.1 < among_themselves, "{other} {among_themselves}");
    }
}

#[test]
fn greys_and_transparency_are_what_the_data_crate_makes_of_them() {
    let embedder = Embedder::new();
    let folder = tempfile::tempdir().unwrap();
    let side = 40u32;
    let light = |x: u32, y: u32| if disc_at(x, y, side) { 60 } else { 255 };
    let grey = image::GrayImage::from_fn(side, side, |x, y| image::Luma([light(x, y)]));
    let rgb = image::RgbImage::from_fn(side, side, |x, y| image::Rgb([light(x, y); 3]));
    let cut = image::RgbaImage::from_fn(side, side, |x, y| {
        let alpha = if disc_at(x, y, side) { 255 } else { 0 };
        image::Rgba([60, 60, 60, alpha])
    });
    let read = |name: &str| decode_picture(folder.path().join(name), &Limits::default()).unwrap();
    let path = |name: &str| folder.path().join(name);
    grey.save(path("grey.png")).unwrap();
    rgb.save(path("rgb.png")).unwrap();
    cut.save(path("cut.png")).unwrap();
    let expected = embedder.embed(&read("rgb.png"));
    assert_eq!(embedder.embed(&read("grey.png")), expected);
    assert_eq!(embedder.embed(&read("cut.png")), expected);
}

fn disc_at(x: u32, y: u32, side: u32) -> bool {
    let place = |i: u32| (i as f32 + 0.5) / side as f32 * 2.0 - 1.0;
    disc(place(x), place(y))
}

#[test]
fn a_picture_in_another_size_is_more_like_itself_than_others_are() {
    let embedder = Embedder::new();
    let pictures = blobs("train");
    let all = embeddings(&embedder, &pictures);
    let others = mutual_likeness(&all);
    for side in [101, 160, 333] {
        let resized = crop_to(&pictures[0].1, side, side);
        let score = similarity(&all[0], &embedder.embed(&resized));
        assert!(score > others + 0.05, "{side}: {score} {others}");
    }
}

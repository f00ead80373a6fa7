//! The sample dataset: its character is more like itself than like anything else.

use std::path::Path;

use atelier_data::{Limits, RgbPicture, decode_picture, read_folder};
use atelier_eval::{Feature, likeness, mutual_likeness, nearest};

use crate::shapes::{BLUE, YELLOW, cross, diamond, disc, shape};

pub(crate) fn blobs(part: &str) -> Vec<(String, RgbPicture)> {
    let folder = atelier_testkit::checkout().join("assets/blob-faces");
    let dataset = read_folder(folder.join(part), false, &Limits::default()).unwrap();
    let read = |path: &Path| decode_picture(path, &Limits::default()).unwrap();
    dataset
        .samples
        .into_iter()
        .map(|sample| (sample.caption, read(&sample.path)))
        .collect()
}

fn features(pictures: &[(String, RgbPicture)]) -> Vec<Feature> {
    pictures
        .iter()
        .map(|(_, picture)| Feature::of(picture))
        .collect()
}

#[test]
fn the_sample_dataset_is_whole() {
    let (train, held_out) = (blobs("train"), blobs("held-out"));
    assert_eq!((train.len(), held_out.len()), (28, 48));
    assert!(train.iter().all(|(_, picture)| picture.width == 256));
    assert!(held_out.iter().all(|(_, picture)| picture.width == 128));
    let shown = |caption: &str| caption.split(", ").next().unwrap_or_default().to_owned();
    let known: Vec<_> = train.iter().map(|(caption, _)| shown(caption)).collect();
    assert!(
        held_out
            .iter()
            .all(|(caption, _)| !known.contains(&shown(caption)))
    );
}

#[test]
fn blobs_are_more_like_blobs_than_other_shapes_are() {
    let held_out = features(&blobs("held-out"));
    let among_themselves = mutual_likeness(&held_out);
    let of = |color, inside: fn(f32, f32) -> bool| {
        likeness(&[Feature::of(&shape(128, color, inside))], &held_out)
    };
    let others = [
        of(YELLOW, disc),
        of(YELLOW, diamond),
        of(YELLOW, cross),
        of(BLUE, disc),
        of([0; 3], cross),
    ];
    assert!(
        others.iter().all(|&other| other + 0.1 < among_themselves),
        "{among_themselves} against {others:?}"
    );
}

#[test]
fn a_shrunken_blob_is_nearest_to_its_own_picture() {
    let pictures = blobs("held-out");
    let all = features(&pictures);
    let found = pictures.iter().enumerate().filter(|(index, (_, picture))| {
        let small = atelier_data::square_crop(picture, 48);
        nearest(&Feature::of(&small), &all).is_some_and(|(nearest, _)| nearest == *index)
    });
    assert_eq!(found.count(), pictures.len());
}

//! The network against PyTorch with the published network, from pixels to the last means.

use atelier_data::{Limits, RgbPicture, decode_picture};
use atelier_testkit::{Golden, assert_case_close, golden, parity};

use super::*;
use crate::comparable::scaled;

/// PyTorch's f32 differs from its f64 by up to 1e-6 there, and so may ours.
const ROUNDED: f64 = 2e-5;
/// What the kernels in f16 change: 1.4e-2 in a picture with grain, 3e-3 in a drawing, by PyTorch itself.
const ORIGINAL: f64 = 2e-2;

const DRAWN: [&str; 3] = ["shrunk", "enlarged", "grey"];

fn picture(file: &Golden, name: &str) -> RgbPicture {
    let (width, height, rgb) = file.rgb(name);
    RgbPicture { width, height, rgb }
}

fn pictures(file: &Golden) -> Vec<(String, RgbPicture)> {
    let drawn = DRAWN.map(|name| (name.to_owned(), picture(file, &format!("{name}.pixels"))));
    let blobs = atelier_testkit::checkout().join("assets/blob-faces/held-out");
    let blob = blobs.join(file.config()["blob"].as_str().unwrap());
    let blob = decode_picture(&blob, &Limits::default()).unwrap();
    drawn
        .into_iter()
        .chain([("blob".to_owned(), blob)])
        .collect()
}

#[test]
fn every_pixel_that_the_network_sees_is_pillows() {
    let file = golden("efficientnet_lite0");
    for name in ["shrunk", "enlarged"] {
        let expected = picture(&file, &format!("{name}.crop"));
        let found = crop::middle(&picture(&file, &format!("{name}.pixels")));
        assert!(found == expected, "{name}");
        parity::exact(&format!("{name} pixels"), expected.rgb.len());
    }
}

#[test]
fn activations_of_every_block_are_pytorchs() {
    let file = golden("efficientnet_lite0");
    let embedder = Embedder::new();
    let values = network_input(&picture(&file, "shrunk.pixels"));
    let shape = [1, PADDED_SIDE, PADDED_SIDE, 3];
    let x_bhwc = Tensor::from_data(TensorData::new(values, shape), &embedder.device);
    let mut stage = 0;
    embedder.network.forward_watched(x_bhwc, |y_bhwc| {
        let [_, side, _, channels] = y_bhwc.dims();
        let values = atelier_nn::gradients::values_of(y_bhwc.clone());
        let end = side - 1;
        let places = [(0, 0), (0, end), (side / 2, side / 3), (end, 0), (end, end)];
        let pixel = |(row, column)| {
            let start = (row * side + column) * channels;
            values[start..start + channels].to_vec()
        };
        let pixels: Vec<f32> = places.into_iter().flat_map(pixel).collect();
        let name = format!("stage.{stage}.pixels");
        assert_case_close(&name, &pixels, &file.vec(&name), ROUNDED);
        let area = (side * side) as f64;
        let mean = |channel: usize| {
            let values = values[channel..].iter().step_by(channels);
            (values.map(|&value| f64::from(value)).sum::<f64>() / area) as f32
        };
        let means: Vec<f32> = (0..channels).map(mean).collect();
        let name = format!("stage.{stage}.mean");
        assert_case_close(&name, &means, &file.vec(&name), ROUNDED);
        stage += 1;
    });
    assert_eq!(stage, 18);
}

#[test]
fn embeddings_are_pytorchs() {
    let file = golden("efficientnet_lite0");
    let embedder = Embedder::new();
    for (name, picture) in pictures(&file) {
        let found = embedder.pooled(&picture);
        for (kind, limit) in [("rounded", ROUNDED), ("original", ORIGINAL)] {
            let case = format!("{name}.{kind}");
            assert_case_close(&case, found.numbers(), &file.vec(&case), limit);
        }
    }
}

/// Similarities are what is used: two pictures are as alike with the kernels in f16 as with the published ones.
#[test]
fn similarities_are_those_of_the_published_weights() {
    let file = golden("efficientnet_lite0");
    let embedder = Embedder::new();
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for (name, picture) in pictures(&file) {
        found.push(embedder.embed(&picture));
        let original = file.vec(&format!("{name}.original"));
        expected.push(Embedding(scaled(original, 1.0)));
    }
    for a in 0..found.len() {
        for b in 0..a {
            let here = crate::similarity(&found[a], &found[b]);
            let there = crate::similarity(&expected[a], &expected[b]);
            let case = format!("similarity of {a} and {b}");
            atelier_testkit::assert_near(&case, &[here], &[there], 2e-3);
        }
    }
}

#[test]
fn embeddings_have_length_one_and_come_again() {
    let file = golden("efficientnet_lite0");
    let embedder = Embedder::new();
    let pictures: Vec<_> = pictures(&file).into_iter().map(|(_, one)| one).collect();
    let many: Vec<_> = pictures
        .iter()
        .cycle()
        .take(2 * BATCH + 1)
        .cloned()
        .collect();
    let together = embedder.embed_all(&many);
    assert_eq!(together.len(), many.len());
    for (picture, embedding) in many.iter().zip(&together) {
        assert_eq!(embedder.embed(picture), *embedding);
        let numbers = embedding.numbers();
        assert_eq!(numbers.len(), FEATURES);
        let length = numbers.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    assert!(embedder.embed_all(&[]).is_empty());
}

#[test]
fn an_embedding_is_the_pooled_numbers_at_length_one() {
    let file = golden("efficientnet_lite0");
    let embedder = Embedder::new();
    let pictures = pictures(&file).into_iter().map(|(_, picture)| picture);
    let pictures: Vec<_> = pictures.cycle().take(BATCH + 1).collect();
    let together = embedder.pooled_all(&pictures);
    assert_eq!(together.len(), pictures.len());
    for (picture, pooled) in pictures.iter().zip(together) {
        assert_eq!(embedder.pooled(picture), pooled);
        let length = pooled.numbers().iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() > 0.1, "{length}");
        assert_eq!(embedder.embed(picture), pooled.into_embedding());
    }
    assert!(embedder.pooled_all(&[]).is_empty());
}

#[test]
fn pictures_of_any_shape_have_an_embedding() {
    let embedder = Embedder::new();
    for [width, height] in [[1, 1], [1, 300], [257, 2], [8, 9]] {
        let plain = RgbPicture::filled(width, height, [90, 20, 200]);
        let numbers = embedder.embed(&plain).0;
        assert!(
            numbers
                .iter()
                .all(|value| value.is_finite() && *value >= 0.0)
        );
        assert_eq!(
            numbers,
            embedder.embed(&RgbPicture::filled(64, 64, [90, 20, 200])).0
        );
    }
}

//! The sample LoRA datasets: a character, a style and an object that the corpus never shows.
//!
//! Each has large pictures to train on, half of them on white, and small ones that nothing trains on.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Error, Result, bail, ensure};

use crate::caption::background;
use crate::compose::{COLOURS, compose};
use crate::sets::blob::{TRAINING_EXPRESSIONS, blob_faces};
use crate::sets::ink::{TRAINING_CONCEPTS, ink_emoji};
use crate::sets::teapot::{Shot, held_out_shots, teapot, training_shots};

/// Size of the training pictures, in pixels.
const TRAIN_SIDE: usize = 256;
/// Size of the pictures kept for evaluation, in pixels.
const HELD_OUT_SIDE: usize = 128;

/// White first, then colours that stand far enough from the yellow and orange of the blob.
const BLOB_BACKGROUNDS: [&str; 6] = ["white", "blue", "grey", "green", "pink", "purple"];
/// White first, then colours that black ink reads well on.
const INK_BACKGROUNDS: [&str; 5] = ["white", "yellow", "pink", "orange", "grey"];
/// White first, then colours that stand far enough from the blue and orange of the teapot.
const TEAPOT_BACKGROUNDS: [&str; 6] = ["white", "yellow", "grey", "green", "pink", "teal"];

/// Which of the sample datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// The blob faces.
    Character,
    /// The emoji in black ink.
    Style,
    /// The cobalt teapot.
    Object,
}

impl FromStr for SampleKind {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        Ok(match word {
            "character" => Self::Character,
            "style" => Self::Style,
            "object" => Self::Object,
            _ => bail!("no sample dataset `{word}`, expected `character`, `style` or `object`"),
        })
    }
}

/// A drawing before it gets its background.
#[derive(Debug, Clone)]
pub struct Picture {
    /// File name without extension: `grinning-face`.
    pub name: String,
    /// What it shows: `grinning face`.
    pub caption: String,
    /// `side * side` pixels, RGBA with straight alpha.
    pub rgba: Vec<u8>,
}

/// One finished picture of a sample dataset.
#[derive(Debug, Clone)]
pub struct Sample {
    /// `train` or `held-out`.
    pub folder: &'static str,
    /// File name without extension.
    pub name: String,
    /// What it shows, and the background.
    pub caption: String,
    /// Pixels across and down.
    pub side: usize,
    /// `side * side` pixels, RGB.
    pub rgb: Vec<u8>,
}

/// Fetches, draws and captions a sample dataset.
pub fn samples(kind: SampleKind, cache: &Path) -> Result<Vec<Sample>> {
    match kind {
        SampleKind::Character => drawn(
            |side| blob_faces(cache, side),
            |picture| TRAINING_EXPRESSIONS.contains(&picture.name.as_str()),
            (TRAINING_EXPRESSIONS.len(), &BLOB_BACKGROUNDS),
        ),
        SampleKind::Style => drawn(
            |side| ink_emoji(cache, side),
            |picture| TRAINING_CONCEPTS.contains(&picture.caption.as_str()),
            (TRAINING_CONCEPTS.len(), &INK_BACKGROUNDS),
        ),
        SampleKind::Object => photographed(cache),
    }
}

/// The samples of a set of drawings; those that are not trained on are on white.
fn drawn(
    pictures: impl Fn(usize) -> Result<Vec<Picture>>,
    trained: impl Fn(&Picture) -> bool,
    (expected, backgrounds): (usize, &[&str]),
) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for picture in pictures(TRAIN_SIDE)?.into_iter().filter(&trained) {
        let colour = alternating(samples.len(), backgrounds);
        samples.push(sample("train", picture, TRAIN_SIDE, colour)?);
    }
    ensure!(
        samples.len() == expected,
        "found {} training pictures, expected {expected}",
        samples.len()
    );
    let held_out = pictures(HELD_OUT_SIDE)?.into_iter();
    for picture in held_out.filter(|picture| !trained(picture)) {
        samples.push(sample("held-out", picture, HELD_OUT_SIDE, "white")?);
    }
    Ok(samples)
}

/// The samples of the teapot; those that are not trained on are on white, as the drawings of the other sets are, so that
/// nothing but view and light tells them apart.
fn photographed(cache: &Path) -> Result<Vec<Sample>> {
    let parts = [
        ("train", training_shots(), TRAIN_SIDE),
        ("held-out", held_out_shots(), HELD_OUT_SIDE),
    ];
    let mut samples = Vec::new();
    for (folder, shots, side) in parts {
        let drawings = teapot(cache, &shots, side)?;
        for (index, (shot, rgba)) in shots.iter().zip(drawings).enumerate() {
            let colour = match folder {
                "train" => alternating(index, &TEAPOT_BACKGROUNDS),
                _ => "white",
            };
            samples.push(sample(folder, shot_picture(shot, rgba), side, colour)?);
        }
    }
    Ok(samples)
}

fn shot_picture(shot: &Shot, rgba: Vec<u8>) -> Picture {
    Picture {
        name: shot.name(),
        caption: shot.caption(),
        rgba,
    }
}

/// Every other picture is on the first background, the rest goes round the others.
fn alternating<'a>(index: usize, backgrounds: &[&'a str]) -> &'a str {
    if index.is_multiple_of(2) {
        backgrounds[0]
    } else {
        backgrounds[1 + index / 2 % (backgrounds.len() - 1)]
    }
}

fn sample(
    folder: &'static str,
    picture: Picture,
    side: usize,
    colour_name: &str,
) -> Result<Sample> {
    let (_, colour) = COLOURS
        .iter()
        .find(|(name, _)| *name == colour_name)
        .with_context(|| format!("no background colour `{colour_name}`"))?;
    Ok(Sample {
        folder,
        name: picture.name,
        caption: format!("{}, {}", picture.caption, background(colour_name)),
        side,
        rgb: compose(&picture.rgba, side, *colour, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(name: &str) -> [u8; 3] {
        COLOURS.iter().find(|(word, _)| *word == name).unwrap().1
    }

    /// Contrast of a colour with black, 1 to 21, as the guidelines for readable web pages define it.
    fn contrast_with_black(colour: [u8; 3]) -> f32 {
        let [r, g, b] = colour.map(|value| (f32::from(value) / 255.0).powf(2.2));
        (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) / 0.05
    }

    #[test]
    fn black_ink_reads_well_on_its_backgrounds() {
        for name in INK_BACKGROUNDS {
            assert!(contrast_with_black(colour(name)) > 7.0, "{name}");
        }
        assert!(contrast_with_black(colour("blue")) < 7.0);
    }

    #[test]
    fn backgrounds_of_the_teapot_are_far_from_its_blue() {
        for name in TEAPOT_BACKGROUNDS {
            let [r, g, _] = colour(name);
            assert!(u32::from(r) + u32::from(g) > 200, "{name}");
            assert!(!["blue", "purple", "orange"].contains(&name), "{name}");
        }
    }

    #[test]
    fn half_the_pictures_are_on_white_and_every_colour_is_used() {
        for backgrounds in [&BLOB_BACKGROUNDS[..], &INK_BACKGROUNDS, &TEAPOT_BACKGROUNDS] {
            let used: Vec<&str> = (0..28).map(|i| alternating(i, backgrounds)).collect();
            assert_eq!(used.iter().filter(|name| **name == "white").count(), 14);
            assert!(backgrounds.iter().all(|name| used.contains(name)));
        }
    }

    #[test]
    fn a_set_is_split_into_large_training_and_small_held_out_samples() {
        let pictures = |side: usize| {
            let picture = |name: &str| Picture {
                name: name.to_owned(),
                caption: name.to_owned(),
                rgba: vec![0; side * side * 4],
            };
            Ok(["fox", "bat", "owl"].map(picture).to_vec())
        };
        let trained = |picture: &Picture| picture.name != "bat";
        let found = drawn(pictures, trained, (2, &["white", "orange"])).unwrap();
        let captions: Vec<&str> = found.iter().map(|sample| sample.caption.as_str()).collect();
        assert_eq!(
            captions,
            [
                "fox, on a white background",
                "owl, on an orange background",
                "bat, on a white background"
            ]
        );
        assert_eq!((found[1].folder, found[1].side), ("train", 256));
        assert_eq!((found[2].folder, found[2].side), ("held-out", 128));
        assert_eq!(found[1].rgb[..3], colour("orange"));
        assert!(drawn(pictures, trained, (3, &["white", "orange"])).is_err());
    }

    #[test]
    fn an_unknown_kind_is_told_the_known_ones() {
        assert_eq!("style".parse::<SampleKind>().unwrap(), SampleKind::Style);
        let error = "out".parse::<SampleKind>().unwrap_err().to_string();
        assert_eq!(
            error,
            "no sample dataset `out`, expected `character`, `style` or `object`"
        );
    }
}

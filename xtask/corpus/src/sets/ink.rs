//! The sample style: Fluent's high-contrast emoji, black ink shapes that the corpus never shows.

use std::path::Path;

use anyhow::{Context as _, Result};
use rayon::prelude::*;

use crate::concepts;
use crate::packages::{self, EMOJIBASE, FLUENT_HIGH_CONTRAST};
use crate::raster::rgba_from_svg;
use crate::sample::Picture;
use crate::sets::iconify::{IconSet, names_by_code};

/// What the sample dataset trains on, worded as the corpus words it.
pub(crate) const TRAINING_CONCEPTS: [&str; 28] = [
    "grinning face",
    "winking face",
    "dog face",
    "fox",
    "cat face",
    "elephant",
    "rabbit face",
    "panda",
    "penguin",
    "owl",
    "frog",
    "turtle",
    "butterfly",
    "sunflower",
    "cactus",
    "mushroom",
    "watermelon",
    "strawberry",
    "avocado",
    "hamburger",
    "pizza",
    "doughnut",
    "cupcake",
    "hot beverage",
    "sun",
    "cloud with lightning",
    "umbrella",
    "snowman",
];

/// What nothing trains on.
pub(crate) const HELD_OUT_CONCEPTS: [&str; 48] = [
    "smiling face with sunglasses",
    "sleeping face",
    "crying face",
    "monkey face",
    "wolf",
    "raccoon",
    "lion",
    "tiger face",
    "cow face",
    "pig face",
    "mouse face",
    "hedgehog",
    "bat",
    "bear",
    "koala",
    "baby chick",
    "duck",
    "spouting whale",
    "fish",
    "giraffe",
    "crab",
    "snail",
    "rose",
    "tulip",
    "seedling",
    "palm tree",
    "four leaf clover",
    "maple leaf",
    "lemon",
    "pineapple",
    "pear",
    "cherries",
    "carrot",
    "broccoli",
    "bread",
    "cheese wedge",
    "french fries",
    "popcorn",
    "ice cream",
    "cookie",
    "birthday cake",
    "crescent moon",
    "star",
    "cloud",
    "rainbow",
    "snowflake",
    "fire",
    "droplet",
];

/// Units of 32 left empty on each side: some of the drawings touch the edge of their page.
const MARGIN: f32 = 1.5;

/// Fetches, draws and captions the pictures of both lists, those to train on first.
pub(crate) fn ink_emoji(cache: &Path, side: usize) -> Result<Vec<Picture>> {
    packages::fetch(cache, &[FLUENT_HIGH_CONTRAST, EMOJIBASE])?;
    let icons = IconSet::load(cache, FLUENT_HIGH_CONTRAST)?;
    let names = names_by_code(cache, FLUENT_HIGH_CONTRAST)?;
    let concepts = concepts::load(cache)?;
    let wanted: Vec<&str> = [&TRAINING_CONCEPTS[..], &HELD_OUT_CONCEPTS].concat();
    wanted
        .into_par_iter()
        .map(|wanted| {
            let svg = concepts
                .iter()
                .find(|concept| concept.name == wanted)
                .and_then(|concept| icons.svg_with_margin(names.get(&concept.code)?, MARGIN))
                .with_context(|| format!("no ink drawing of concept `{wanted}`"))?;
            Ok(Picture {
                name: wanted.replace(' ', "-"),
                caption: wanted.to_owned(),
                rgba: rgba_from_svg(&svg, side)
                    .with_context(|| format!("ink drawing `{wanted}`"))?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trained_on_and_what_is_held_out_are_disjoint() {
        let mut all = [&TRAINING_CONCEPTS[..], &HELD_OUT_CONCEPTS].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), TRAINING_CONCEPTS.len() + HELD_OUT_CONCEPTS.len());
    }

    #[test]
    fn every_concept_makes_a_plain_file_name() {
        for concept in TRAINING_CONCEPTS.iter().chain(&HELD_OUT_CONCEPTS) {
            let plain = |c: char| c.is_ascii_lowercase() || c == ' ';
            assert!(concept.chars().all(plain), "{concept}");
        }
    }
}

//! The sample character: the "blob" faces of Noto's first edition, a character that the corpus never shows.

use std::path::Path;

use anyhow::{Context as _, Result};
use rayon::prelude::*;

use crate::concepts;
use crate::packages::{self, EMOJIBASE, NOTO_V1};
use crate::raster::rgba_from_svg;
use crate::sample::Picture;
use crate::sets::iconify::IconSet;

/// Pictures that the sample dataset trains on, by name.
pub const TRAINING_EXPRESSIONS: [&str; 28] = [
    "grinning-face",
    "beaming-face-with-smiling-eyes",
    "grinning-squinting-face",
    "face-with-tears-of-joy",
    "slightly-smiling-face",
    "upside-down-face",
    "winking-face",
    "smiling-face-with-halo",
    "kissing-face",
    "face-savoring-food",
    "hugging-face",
    "thinking-face",
    "zipper-mouth-face",
    "neutral-face",
    "expressionless-face",
    "smirking-face",
    "face-with-rolling-eyes",
    "grimacing-face",
    "relieved-face",
    "pensive-face",
    "face-with-medical-mask",
    "nauseated-face",
    "cowboy-hat-face",
    "confused-face",
    "frowning-face",
    "astonished-face",
    "flushed-face",
    "weary-face",
];

/// Expressions that the finished adapter is asked to draw, never trained on: prompt words and the picture's name.
pub const HELD_OUT_EXPRESSIONS: [(&str, &str); 6] = [
    ("crying face", "crying-face"),
    ("angry face", "angry-face"),
    (
        "smiling face with heart-eyes",
        "smiling-face-with-heart-eyes",
    ),
    ("sleeping face", "sleeping-face"),
    (
        "smiling face with sunglasses",
        "smiling-face-with-sunglasses",
    ),
    ("face with tongue", "face-with-tongue"),
];

/// Icons that have another name than their concept has today, with the concept.
const RENAMED: [(&str, &str); 3] = [
    ("hugging-face", "smiling face with open hands"),
    ("dizzy-face", "face with spiral eyes"),
    ("pouting-face", "enraged face"),
];
/// Faces that are not the blob character.
const NOT_BLOBS: [&str; 2] = ["skull", "skull-and-crossbones"];

/// Fetches, draws and captions every blob face, in the order of the emoji list.
pub fn blob_faces(cache: &Path, side: usize) -> Result<Vec<Picture>> {
    packages::fetch(cache, &[NOTO_V1, EMOJIBASE])?;
    let icons = IconSet::load(cache, NOTO_V1)?;
    let faces: Vec<(String, String)> = concepts::load(cache)?
        .into_iter()
        .filter(|concept| concept.expression)
        .map(|concept| (icon_name(&concept.name), concept.name))
        .filter(|(name, _)| !NOT_BLOBS.contains(&name.as_str()))
        .collect();
    faces
        .into_par_iter()
        .filter_map(|(name, caption)| Some((icons.svg(&name)?, name, caption)))
        .map(|(svg, name, caption)| {
            let rgba = rgba_from_svg(&svg, side).with_context(|| format!("blob face `{name}`"))?;
            Ok(Picture {
                name,
                caption,
                rgba,
            })
        })
        .collect()
}

/// The icon that draws the concept.
fn icon_name(concept: &str) -> String {
    let renamed = RENAMED.iter().find(|(_, name)| *name == concept);
    renamed.map_or_else(
        || concept.replace([' ', ','], "-"),
        |(icon, _)| (*icon).to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trained_on_and_what_is_asked_for_are_disjoint() {
        for (_, name) in HELD_OUT_EXPRESSIONS {
            assert!(!TRAINING_EXPRESSIONS.contains(&name), "{name}");
        }
        let mut unique = TRAINING_EXPRESSIONS.to_vec();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), TRAINING_EXPRESSIONS.len());
    }

    #[test]
    fn held_out_prompts_are_the_concepts_of_their_icons() {
        for (prompt, name) in HELD_OUT_EXPRESSIONS {
            assert_eq!(icon_name(prompt), name);
        }
        assert_eq!(icon_name("enraged face"), "pouting-face");
    }
}

//! Captions of training samples: concept, some keywords, style, background colour.

use crate::compose::COLOURS;
use crate::entry::Entry;
use crate::rng::Rng;

/// Share of captions left empty, for guidance without a classifier.
const EMPTY_SHARE: f32 = 0.10;
/// Share of the other captions that do not name the style, so that a prompt without one still works.
const NO_STYLE_SHARE: f32 = 0.10;

/// A random caption of `entry`; every tenth one is empty, none to two keywords take part.
pub fn caption(entry: &Entry, colour_name: Option<&str>, rng: &mut Rng) -> String {
    if rng.unit() < EMPTY_SHARE {
        return String::new();
    }
    let mut parts = vec![entry.concept.clone()];
    let mut keywords: Vec<&String> = entry.keywords.iter().collect();
    for _ in 0..rng.below(3).min(keywords.len()) {
        parts.push(keywords.swap_remove(rng.below(keywords.len())).clone());
    }
    if rng.unit() >= NO_STYLE_SHARE {
        parts.push(entry.style.clone());
    }
    parts.extend(colour_name.map(background));
    parts.join(", ")
}

/// The caption with concept, style and background and no chance in it, for evaluation and sample sheets.
pub fn full_caption(entry: &Entry, colour_name: Option<&str>) -> String {
    let mut parts = vec![entry.concept.clone(), entry.style.clone()];
    parts.extend(colour_name.map(background));
    parts.join(", ")
}

/// Everything that a caption of `entry` may be joined from, with commas between.
pub fn caption_parts(entry: &Entry) -> impl Iterator<Item = String> {
    let own = [&entry.concept, &entry.style]
        .into_iter()
        .chain(&entry.keywords);
    let backgrounds = COLOURS.iter().map(|(name, _)| background(name));
    own.cloned().chain(backgrounds)
}

/// The words for a plain background.
pub(crate) fn background(colour_name: &str) -> String {
    let article = if colour_name.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("on {article} {colour_name} background")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::entry::Split;

    pub(crate) fn entry(concept: &str) -> Entry {
        Entry {
            id: format!("noto/{concept}"),
            concept: concept.to_owned(),
            keywords: ["happy", "cheerful", "smile"].map(str::to_owned).to_vec(),
            style: "noto emoji".to_owned(),
            group: "faces".to_owned(),
            source: "package@1".to_owned(),
            licence: "Apache-2.0".to_owned(),
            split: Split::Train,
        }
    }

    #[test]
    fn a_tenth_is_empty_and_the_rest_begins_with_the_concept() {
        let mut rng = Rng::new(7);
        let captions: Vec<String> = (0..2000)
            .map(|_| caption(&entry("grinning face"), Some("orange"), &mut rng))
            .collect();
        let empty = captions.iter().filter(|c| c.is_empty()).count();
        assert!((150..260).contains(&empty), "{empty}");
        for text in captions.iter().filter(|c| !c.is_empty()) {
            assert!(text.starts_with("grinning face, "), "{text}");
            assert!(text.ends_with("on an orange background"), "{text}");
            assert!(text.split(", ").count() <= 5, "{text}");
        }
        assert!(
            captions
                .iter()
                .any(|c| c.contains("happy") && c.contains("smile"))
        );
    }

    #[test]
    fn captions_are_joined_from_their_parts_alone() {
        let cat = entry("cat");
        let parts: Vec<_> = caption_parts(&cat).collect();
        let mut rng = Rng::new(9);
        let mut seen = std::collections::BTreeSet::new();
        for (name, _) in COLOURS.iter().cycle().take(2000) {
            let text = caption(&cat, Some(name), &mut rng);
            seen.extend(
                text.split(", ")
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned),
            );
        }
        assert_eq!(seen, parts.into_iter().collect());
    }

    #[test]
    fn the_same_seed_gives_the_same_caption() {
        let twice = [0, 1].map(|_| caption(&entry("cat"), Some("white"), &mut Rng::new(3)));
        assert_eq!(twice[0], twice[1]);
    }

    #[test]
    fn full_caption_names_concept_style_and_background() {
        assert_eq!(
            full_caption(&entry("cat"), Some("white")),
            "cat, noto emoji, on a white background"
        );
        assert_eq!(full_caption(&entry("cat"), None), "cat, noto emoji");
    }
}

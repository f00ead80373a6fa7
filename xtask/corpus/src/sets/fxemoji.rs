//! `FxEmoji` names its icons in its own way (`aubergine`, `coldsweat`); this finds the concept of each.

use std::collections::HashMap;

use crate::concepts::Concept;

/// Icons that no name table knows, with the concept that they draw.
const BY_HAND: &[(&str, &str)] = &[
    ("bouquetofflowers", "bouquet"),
    ("bunnyside", "rabbit"),
    ("chilipepper", "hot pepper"),
    ("dogside", "dog"),
    ("dragonhead", "dragon face"),
    ("dragonside", "dragon"),
    ("evergreen", "evergreen tree"),
    ("fallingleaf", "fallen leaf"),
    ("fishcakeswirl", "fish cake with swirl"),
    ("frontfacingchick", "front-facing baby chick"),
    ("leaffluttering", "leaf fluttering in wind"),
    ("leopardside", "leopard"),
    ("monkeyhear", "hear-no-evil monkey"),
    ("monkeysee", "see-no-evil monkey"),
    ("monkeyspeak", "speak-no-evil monkey"),
    ("mouseside", "mouse"),
    ("pigside", "pig"),
    ("pigsnout", "pig nose"),
    ("present", "wrapped gift"),
    ("spurtingwhale", "spouting whale"),
    ("stormcloud", "cloud with lightning"),
    ("sunraincloud", "sun behind rain cloud"),
    ("tennisball", "tennis"),
    ("tigerside", "tiger"),
    ("waningbibbousmoon", "waning gibbous moon"),
];

/// Icons whose name matches a concept that they do not draw.
const MISLEADING: &[&str] = &[
    "pouting",
    "pistol",
    "compression",
    "linksymbol",
    "hand",
    "grin",
    "kiss",
];

/// The concept of each of `icons` that has one, as (index of the concept, icon); one icon per concept.
pub(crate) fn join<'a>(concepts: &[Concept], icons: &[&'a str]) -> Vec<(usize, &'a str)> {
    let names = name_table(concepts);
    let by_hand: HashMap<&str, &str> = BY_HAND.iter().copied().collect();
    let mut found: HashMap<usize, &str> = HashMap::new();
    for &icon in icons.iter().filter(|icon| !MISLEADING.contains(icon)) {
        let name = by_hand.get(icon).copied().unwrap_or(icon);
        let Some(&index) = names.get(&letters(name)) else {
            continue;
        };
        let exact = letters(&concepts[index].name) == icon;
        if exact || !found.contains_key(&index) {
            found.insert(index, icon);
        }
    }
    let mut joined: Vec<(usize, &str)> = found.into_iter().collect();
    joined.sort_unstable();
    joined
}

/// Concept index by letters of a name; labels come before other names, and those before shortened ones.
fn name_table(concepts: &[Concept]) -> HashMap<String, usize> {
    let mut table = HashMap::new();
    let mut add = |name: &str, index: usize| {
        table.entry(letters(name)).or_insert(index);
    };
    for (index, concept) in concepts.iter().enumerate() {
        add(&concept.name, index);
    }
    for (index, concept) in concepts.iter().enumerate() {
        concept.other_names.iter().for_each(|name| add(name, index));
    }
    for (index, concept) in concepts.iter().enumerate() {
        if let Some(short) = concept.name.strip_suffix(" face") {
            add(short, index);
        }
    }
    for (index, concept) in concepts.iter().enumerate() {
        if let Some(name) = concept.other_names.first() {
            let dropped = ["face", "with", "sign", "symbol", "of", "and"];
            let words = name.to_lowercase();
            let short: Vec<&str> = words
                .split(' ')
                .filter(|word| !dropped.contains(word))
                .collect();
            add(&short.join(" "), index);
        }
    }
    table
}

fn letters(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concept(name: &str, other: &[&str]) -> Concept {
        Concept {
            code: String::new(),
            name: name.to_owned(),
            keywords: Vec::new(),
            group: "faces",
            other_names: other.iter().map(|&name| name.to_owned()).collect(),
            expression: true,
        }
    }

    #[test]
    fn icons_are_found_by_label_other_name_and_hand() {
        let concepts = [
            concept("eggplant", &["AUBERGINE"]),
            concept("crying face", &["CRYING FACE"]),
            concept("pig nose", &[]),
        ];
        let joined = join(
            &concepts,
            &["aubergine", "compression", "crying", "nothing", "pigsnout"],
        );
        assert_eq!(joined, [(0, "aubergine"), (1, "crying"), (2, "pigsnout")]);
    }

    #[test]
    fn the_exact_name_wins_over_a_nickname() {
        let concepts = [concept("sleepy face", &[])];
        assert_eq!(
            join(&concepts, &["sleepy", "sleepyface"]),
            [(0, "sleepyface")]
        );
        assert_eq!(
            join(&concepts, &["sleepyface", "sleepy"]),
            [(0, "sleepyface")]
        );
    }
}

//! The concepts that all styles share: name, keywords and group of each emoji, by code point.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::packages::EMOJIBASE;

/// One emoji without its skin-tone variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Concept {
    /// Code points in lower-case hexadecimal, joined by `-`, without variation selectors.
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) keywords: Vec<String>,
    pub(crate) group: &'static str,
    /// Further names that icon sets use for it: Unicode's own and short codes.
    pub(crate) other_names: Vec<String>,
    /// Whether it is an expression of a human-like face, without costumes.
    pub(crate) expression: bool,
}

#[derive(Deserialize)]
struct Record {
    label: String,
    hexcode: String,
    #[serde(default)]
    tags: Vec<String>,
    subgroup: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Reads all concepts in emojibase's order; flags, symbols and components are left out.
pub(crate) fn load(cache: &Path) -> Result<Vec<Concept>> {
    let folder = EMOJIBASE.folder(cache);
    let records: Vec<Record> = read_json(&folder.join("en/data.json"))?;
    let unicode: HashMap<String, String> = read_json(&folder.join("meta/unicode-names.json"))?;
    let unicode: HashMap<String, String> = unicode
        .into_iter()
        .map(|(code, name)| (plain_code(&code), name))
        .collect();
    let mut short_codes = Vec::new();
    for file in ["github", "joypixels", "iamcal", "emojibase"] {
        let path = folder
            .join("en/shortcodes")
            .join(file)
            .with_extension("json");
        short_codes.push(read_json::<HashMap<String, OneOrMany>>(&path)?);
    }
    let mut concepts = Vec::new();
    for record in records {
        let Some((subgroup, group)) = record.subgroup.and_then(|s| Some((s, group(s)?))) else {
            continue;
        };
        let code = plain_code(&record.hexcode);
        let mut other_names: Vec<String> = unicode.get(&code).cloned().into_iter().collect();
        for names in short_codes
            .iter()
            .filter_map(|codes| codes.get(&record.hexcode))
        {
            match names {
                OneOrMany::One(name) => other_names.push(name.clone()),
                OneOrMany::Many(names) => other_names.extend(names.iter().cloned()),
            }
        }
        let name = concept_name(&record.label);
        let keywords = keywords(&name, &record.tags);
        concepts.push(Concept {
            code,
            name,
            keywords,
            group,
            other_names,
            expression: subgroup <= 10,
        });
    }
    Ok(concepts)
}

/// Reads a JSON file; the error names it.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs_err::read(path)?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot read JSON `{}`", path.display()))
}

/// Code points in lower case without variation selectors, which icon sets write or omit as they like.
pub(crate) fn plain_code(code: &str) -> String {
    let code = code.to_ascii_lowercase();
    code.split(['-', '_'])
        .filter(|point| *point != "fe0f")
        .collect::<Vec<_>>()
        .join("-")
}

/// The coarse group of an emojibase subgroup; `None` for what no picture base needs (symbols, flags, components).
fn group(subgroup: u32) -> Option<&'static str> {
    Some(match subgroup {
        0..=11 => "faces",
        12 | 13 | 34..=39 => "animals",
        14 => "hearts",
        15 => "emotion",
        16..=22 => "hands",
        23..=31 => "people",
        40 | 41 => "plants",
        42..=48 => "food",
        49..=53 | 57 => "places",
        54..=56 => "transport",
        58 => "time",
        59 => "weather",
        60 | 61 | 63 | 64 => "activities",
        62 => "sports",
        65 => "clothing",
        66..=68 => "music",
        69..=82 => "objects",
        _ => return None,
    })
}

/// The label as captions write it: lower case, plain letters, no colon.
fn concept_name(label: &str) -> String {
    let label = label
        .to_lowercase()
        .replace('’', "'")
        .replace(['“', '”', '.'], "")
        .replace('ñ', "n");
    let of_hair = ["hair", "beard", "bald"]
        .iter()
        .any(|word| label.ends_with(word));
    label.replace(": ", if of_hair { " with " } else { ", " })
}

/// The tags that say more than the name: words of plain letters, none of them in the name already.
fn keywords(name: &str, tags: &[String]) -> Vec<String> {
    let named: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    tags.iter()
        .map(|tag| tag.to_lowercase().replace('’', "'"))
        .filter(|tag| tag.len() >= 3 && tag.chars().all(|c| c.is_ascii_alphabetic() || c == ' '))
        .filter(|tag| tag.split(' ').any(|word| !named.contains(&word)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_lower_case() {
        assert_eq!(concept_name("Santa Claus"), "santa claus");
        assert_eq!(concept_name("woman: red hair"), "woman with red hair");
        assert_eq!(concept_name("kiss: man, man"), "kiss, man, man");
        assert_eq!(concept_name("woman’s boot"), "woman's boot");
    }

    #[test]
    fn keywords_repeat_no_word_of_the_name() {
        let tags = ["face", "happy", "grin", ":D", "5", "lol"].map(str::to_owned);
        assert_eq!(keywords("grinning face", &tags), ["happy", "grin", "lol"]);
    }

    #[test]
    fn codes_ignore_case_and_variation_selectors() {
        assert_eq!(plain_code("2764-FE0F-200D-1F525"), "2764-200d-1f525");
        assert_eq!(plain_code("1f600"), "1f600");
    }

    #[test]
    fn symbols_and_flags_have_no_group() {
        assert_eq!(group(0), Some("faces"));
        assert_eq!(group(12), Some("animals"));
        assert_eq!(group(59), Some("weather"));
        assert_eq!((group(85), group(98), group(32)), (None, None, None));
    }
}

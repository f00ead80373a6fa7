//! The text that the other house writes into its pictures, read: the prompt, the negative prompt, and a line of settings.
//!
//! Source: the form is that of its `create_infotext`, the names of what is read those of its `parse_generation_parameters`.

use serde_json::{Map, Value};

/// The keyword of the text inside a PNG.
pub(super) const KEYWORD: &str = "parameters";
/// What stands before the negative prompt.
const NEGATIVE: &str = "Negative prompt:";
/// A last line with fewer settings belongs to the prompt.
const LEAST_SETTINGS: usize = 3;

/// The text among those of a picture; empty where there is none.
pub(super) fn in_texts(texts: &[(String, String)]) -> &str {
    let mut texts = texts.iter();
    let found = texts.find(|(keyword, _)| keyword == KEYWORD);
    found.map_or("", |(_, text)| text)
}

/// Its parts by their names.
pub(super) fn parse(text: &str) -> Map<String, Value> {
    let text = text.trim();
    let mut parts = Map::new();
    if text.is_empty() {
        return parts;
    }
    let (words, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let mut found = settings(last);
    let words = if found.len() < LEAST_SETTINGS {
        found.clear();
        text
    } else {
        words
    };
    let (prompt, negative) = match words.find(NEGATIVE) {
        Some(at) => (&words[..at], &words[at + NEGATIVE.len()..]),
        None => (words, ""),
    };
    parts.insert("Prompt".to_owned(), prompt.trim().into());
    parts.insert("Negative prompt".to_owned(), negative.trim().into());
    for (key, value) in found {
        if let Some((width, height)) = value.split_once('x').filter(|_| key == "Size") {
            parts.insert("Size-1".to_owned(), width.into());
            parts.insert("Size-2".to_owned(), height.into());
        } else {
            parts.insert(key, value.into());
        }
    }
    parts
}

/// The settings of a line: names and values, which stand as JSON where they have a character that separates settings.
fn settings(line: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), line.trim());
    while let Some((key, behind)) = rest.split_once(':') {
        let behind = behind.trim_start();
        let mut quoted = serde_json::Deserializer::from_str(behind).into_iter::<String>();
        let value = if behind.starts_with('"')
            && let Some(Ok(value)) = quoted.next()
        {
            rest = behind[quoted.byte_offset()..].trim_start_matches([',', ' ']);
            value
        } else {
            let (value, next) = behind.split_once(',').unwrap_or((behind, ""));
            rest = next.trim_start();
            value.trim_end().to_owned()
        };
        found.push((key.trim().to_owned(), value));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_of_a_text_are_found_by_their_names() {
        let text = "a cat: sitting, \n<lora:x:1>\nNegative prompt: dogs\nbirds\nSteps: 20, Sampler: Euler a, \
                    Seed: 5, Size: 64x128, Lora hashes: \"x: 1, y: 2\", Version: atelier";
        assert_eq!(
            Value::from(parse(text)),
            json!({
                "Prompt": "a cat: sitting, \n<lora:x:1>", "Negative prompt": "dogs\nbirds", "Steps": "20",
                "Sampler": "Euler a", "Seed": "5", "Size-1": "64", "Size-2": "128",
                "Lora hashes": "x: 1, y: 2", "Version": "atelier",
            })
        );
    }

    #[test]
    fn what_has_no_line_of_settings_is_a_prompt() {
        assert_eq!(
            Value::from(parse("a cat\nof: me")),
            json!({"Prompt": "a cat\nof: me", "Negative prompt": ""})
        );
        assert!(parse(" \n ").is_empty());
        for odd in [
            "x\na: \"b, c:, :d, \"e\": f,,g",
            ":",
            "a:\"",
            "é: \"é",
            "\n:,:,:,",
        ] {
            parse(odd);
        }
    }
}

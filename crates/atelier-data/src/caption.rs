//! The words of a picture: where they come from, and how the trigger word gets into them.

use std::path::Path;

use atelier_core::Category;

use crate::Error;
use crate::file::read_limited;

/// Longest caption file that is read.
const MAX_CAPTION_BYTES: u64 = 64 << 10;
/// Longest caption.
pub const MAX_CAPTION_CHARS: usize = 10_000;

/// Puts what the category [calls](Category::call) the training in front of a caption, unless the caption has the trigger as
/// a word already. Case is ignored, as the text encoder ignores it.
pub fn with_trigger(category: Category, trigger: &str, caption: &str) -> String {
    let (trigger, caption) = (trigger.trim(), caption.trim());
    if trigger.is_empty() || contains_word(caption, trigger) {
        caption.to_owned()
    } else {
        category.caption(trigger, caption)
    }
}

/// Whether a text has another as a word, whatever the case of either.
pub fn contains_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&word).any(|(start, _)| {
        !text[..start].ends_with(part_of_word)
            && !text[start + word.len()..].starts_with(part_of_word)
    })
}

/// The caption in the `.txt` file beside a picture, else in the one that is `listed` for it under another spelling of that
/// ending; nothing when there is neither.
pub(crate) fn beside(picture: &Path, listed: Option<&Path>) -> Result<Option<String>, String> {
    // The system may know names that differ in case, or in how accents are written, as one.
    match read(&picture.with_extension("txt"))? {
        None => listed.map_or(Ok(None), read),
        found => Ok(found),
    }
}

/// The caption in a file; nothing when there is no such file.
fn read(path: &Path) -> Result<Option<String>, String> {
    let name = path.file_name().unwrap_or_default().display();
    let bytes = match read_limited(path, MAX_CAPTION_BYTES) {
        Ok(bytes) => bytes,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => {
            let reason = error.into_reason();
            return Err(format!("its caption `{name}` cannot be read: {reason}"));
        }
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("its caption `{name}` is not UTF-8 text: byte {at} is invalid")
    })?;
    let text = one_line(text.trim_start_matches('\u{feff}'));
    match problem(&text) {
        None => Ok(Some(text)),
        Some(problem) => Err(format!("its caption `{name}` {problem}")),
    }
}

/// Why a caption cannot be trained on or kept.
pub(crate) fn problem(caption: &str) -> Option<String> {
    if caption.chars().nth(MAX_CAPTION_CHARS).is_some() {
        return Some(format!("has more than {MAX_CAPTION_CHARS} characters"));
    }
    let has_control = caption.contains(char::is_control);
    has_control
        .then(|| "has control characters: save it as UTF-8 text, without zero bytes".to_owned())
}

/// The caption of pictures that have none of their own: the folder's name without kohya's repeat count.
pub(crate) fn from_folder_name(name: &str) -> String {
    let words = repeats_and_words(name).map_or(name, |(_, words)| words);
    one_line(&words.replace(['_', '-'], " "))
}

/// The parts of a folder's name that says in kohya's way how often its pictures are repeated, such as `10_my-cat`.
pub(crate) fn repeats_and_words(name: &str) -> Option<(&str, &str)> {
    let (digits, words) = name.split_once('_')?;
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (are_digits && !words.is_empty()).then_some((digits, words))
}

/// A caption as it is trained on and hashed: words with one space between them.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_trigger_comes_first_once() {
        for (trigger, caption, expected) in [
            ("BlobCharV1", "a happy face", "BlobCharV1, a happy face"),
            ("BlobCharV1", "a BlobCharV1 face", "a BlobCharV1 face"),
            ("BlobCharV1", "blobcharv1", "blobcharv1"),
            ("cat", "a category", "cat, a category"),
            ("cat", "concat cat", "concat cat"),
            ("cat", "cat_ears", "cat, cat_ears"),
            ("größe", "eine Größe.", "eine Größe."),
            ("cat", "", "cat"),
            (" ", "a dog", "a dog"),
        ] {
            assert_eq!(
                with_trigger(Category::Character, trigger, caption),
                expected
            );
        }
        let style = |caption| with_trigger(Category::Style, "Ink", caption);
        assert_eq!(style("a cat"), "Ink style, a cat");
        assert_eq!(style("a cat in ink"), "a cat in ink");
    }

    #[test]
    fn folder_names_become_captions() {
        for (name, expected) in [
            ("10_blob-char", "blob char"),
            ("my_red__cat", "my red cat"),
            ("2024", "2024"),
            ("10_", "10"),
            ("3d-art", "3d art"),
            ("猫_写真", "猫 写真"),
        ] {
            assert_eq!(from_folder_name(name), expected);
        }
    }

    proptest! {
        #[test]
        fn with_trigger_never_panics_and_is_stable(trigger in "\\PC{0,8}", caption in "\\PC{0,20}") {
            for &category in Category::ALL {
                let once = with_trigger(category, &trigger, &caption);
                prop_assert_eq!(with_trigger(category, &trigger, &once), once);
            }
        }

        #[test]
        fn folder_names_never_panic(name in "\\PC{0,12}") {
            let _ = from_folder_name(&name);
        }
    }
}

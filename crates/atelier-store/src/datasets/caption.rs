//! What can be kept as a caption.

pub use atelier_data::caption::MAX_CAPTION_CHARS;
use atelier_data::caption::one_line;

use crate::error::{Error, Result};

/// As much of a value as an error repeats.
const REPEATED_CHARS: usize = 60;

/// The caption as it is kept.
pub(super) fn checked_caption(caption: &str) -> Result<String> {
    let caption = one_line(caption);
    match caption_problem(&caption) {
        None => Ok(caption),
        Some(problem) => Err(Error::invalid("caption", beginning(&caption), problem)),
    }
}

/// Why a caption cannot be kept.
pub(super) fn caption_problem(caption: &str) -> Option<String> {
    if is_longer(caption, MAX_CAPTION_CHARS) {
        return Some(too_long());
    }
    let has_control = caption.contains(char::is_control);
    has_control.then(|| "it has control characters".to_owned())
}

/// Whether a text has more characters than this. Those beyond are not counted.
pub(super) fn is_longer(text: &str, most_chars: usize) -> bool {
    text.chars().nth(most_chars).is_some()
}

/// What is said of a text that is longer than captions may be.
pub(super) fn too_long() -> String {
    format!("it has more than {MAX_CAPTION_CHARS} characters")
}

/// The beginning of a value that cannot be kept.
pub(super) fn beginning(text: &str) -> String {
    text.chars().take(REPEATED_CHARS).collect()
}

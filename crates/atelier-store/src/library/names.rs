//! When two names are the same, and which characters no name has.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use unicode_normalization::UnicodeNormalization as _;

/// Characters that show nothing by themselves and may change the order of others: the category `Cf` of Unicode 16.0
/// (`extracted/DerivedGeneralCategory.txt`).
const FORMAT: [(char, char); 21] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

/// Whether a character is one of format.
pub(crate) fn is_format(c: char) -> bool {
    c > '~'
        && FORMAT
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&c))
}

/// The name with its accents as most systems write them.
pub fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// What is equal for names that are the same: without case, and with accents written in one way.
pub(crate) fn name_key(name: &str) -> String {
    // There and back, since some letters have one case alone, such as ß, and some several, such as σ and ς.
    let upper = name.nfc().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfc().collect()
}

/// Lets the catalogue make keys when names are written.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("name_key", 1, flags, |arguments| {
        Ok(name_key(&arguments.get::<String>(0)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_the_same_have_the_same_key() {
        for (one, other) in [
            ("É1", "é1"),
            ("e\u{301}1", "é1"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("Faces", "FACES"),
        ] {
            assert_eq!(name_key(one), name_key(other));
        }
        assert_ne!(name_key("e1"), name_key("é1"));
        assert_ne!(name_key("猫"), name_key("犬"));
    }

    #[test]
    fn characters_of_format_are_known() {
        for c in ['\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{ad}'] {
            assert!(is_format(c), "{c:?}");
        }
        assert!(!"aé猫😀 -~\u{301}".contains(is_format));
    }
}

//! Names of files in answers.

use std::fmt::Write as _;

/// What a browser does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It shows it.
    Inline,
    /// It saves it.
    Attachment,
}

/// The value of `Content-Disposition`: the name in plain letters, and again with all its letters.
pub fn disposition(way: Disposition, name: &str) -> String {
    let way = match way {
        Disposition::Inline => "inline",
        Disposition::Attachment => "attachment",
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " ._-()".contains(c);
    let plain = name.chars().map(|c| if is_plain(c) { c } else { '_' });
    let plain: String = plain.collect();
    let mut all = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}");
        }
    }
    format!("{way}; filename=\"{plain}\"; filename*=UTF-8''{all}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_quotes_or_its_line() {
        let value = disposition(Disposition::Attachment, "a\"; x=\r\n猫 1.png");
        assert_eq!(
            value,
            "attachment; filename=\"a__ x____ 1.png\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A%E7%8C%AB%201.png"
        );
    }
}

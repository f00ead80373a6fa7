//! Names of picture files that can stand in any folder of any system, beside each other's captions.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use atelier_data::PICTURE_EXTENSIONS;

use crate::library::{composed, is_format, name_key};

/// Longest name without its ending and its number. Most systems take 255 bytes.
const MAX_STEM_BYTES: usize = 200;
/// Names that mean devices on Windows, with any number and whatever their ending.
const DEVICES: [&str; 9] = [
    "con", "prn", "aux", "nul", "com", "lpt", "conin$", "conout$", "clock$",
];

/// The stems that are taken, by what is equal for names that are the same: a caption lies beside its picture under the same stem.
#[derive(Debug, Default)]
pub(super) struct Stems {
    taken: HashSet<String>,
    /// The numbers that were not tried yet behind a stem, so that many of one name are as quick as many of different ones.
    untried: HashMap<String, u32>,
}

impl Stems {
    /// Those of these files.
    pub(super) fn of<'a>(file_names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = file_names.into_iter();
        Self {
            taken: names.map(|name| name_key(stem(name))).collect(),
            untried: HashMap::new(),
        }
    }

    /// A name like the wanted one that is free, and no longer is.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        // Paths of any system.
        let name = wanted.rsplit(['/', '\\']).next().unwrap_or_default();
        let ending = Path::new(name)
            .extension()
            .and_then(|ending| ending.to_str());
        let ending = ending.map(str::to_lowercase);
        let ending = ending.filter(|ending| PICTURE_EXTENSIONS.contains(&ending.as_str()));
        let (first, ending) = match &ending {
            Some(ending) => (stem(name), ending.as_str()),
            None => (name, "png"),
        };
        let first = harmless(first);
        let key = name_key(&first);
        if self.taken.insert(key.clone()) {
            return format!("{first}.{ending}");
        }
        let number = self.untried.entry(key).or_insert(2);
        loop {
            let stem = format!("{first}-{number}");
            *number += 1;
            if self.taken.insert(name_key(&stem)) {
                return format!("{stem}.{ending}");
            }
        }
    }

    /// Makes the stem of a file free again.
    pub(super) fn give_back(&mut self, file_name: &str) {
        self.taken.remove(&name_key(stem(file_name)));
    }
}

fn harmless(stem: &str) -> String {
    let is_harmless = |c: &char| !c.is_control() && !is_format(*c) && !r#"<>:"|?*"#.contains(*c);
    let mut bytes = 0;
    let fits = |c: &char| {
        bytes += c.len_utf8();
        bytes <= MAX_STEM_BYTES
    };
    let text = composed(stem);
    let text: String = text.chars().filter(is_harmless).take_while(fits).collect();
    let text = text.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let lower = text.to_lowercase();
    let word = lower.split('.').next().unwrap_or_default();
    // These systems pass over spaces, and take raised digits for digits.
    let is_digit = |c: char| c.is_ascii_digit() || "¹²³".contains(c);
    let word = word.trim_end().trim_end_matches(is_digit);
    match text {
        "" => "picture".to_owned(),
        _ if DEVICES.contains(&word) => format!("picture-{text}"),
        _ => text.to_owned(),
    }
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_stand_in_any_folder_and_leave_captions_room() {
        for (wanted, expected) in [
            ("dog.JPEG", "dog.jpeg"),
            ("cat.png", "cat-3.png"),
            ("Cat.webp", "Cat-3.webp"),
            ("cat.tar", "cat.tar.png"),
            ("../../etc/passwd", "passwd.png"),
            (r"C:\pictures\my cat.bmp", "my cat.bmp"),
            ("", "picture.png"),
            ("...png", "picture.png"),
            ("a\u{0}b?.png", "ab.png"),
            (" .hidden .gif", "hidden.gif"),
            ("猫.png", "猫.png"),
            ("CON.png", "picture-CON.png"),
            ("lpt1.jpg", "picture-lpt1.jpg"),
            ("com¹.bmp", "picture-com¹.bmp"),
            ("CONIN$.bmp", "picture-CONIN$.bmp"),
            ("nul .gif", "picture-nul.gif"),
            ("comic.jpg", "comic.jpg"),
            ("e\u{301}.png", "é.png"),
            ("a\u{200b}\u{202e}.png", "a.png"),
        ] {
            let mut stems = Stems::of(["cat.png", "cat-2.jpg"]);
            assert_eq!(stems.take(wanted), expected, "{wanted}");
        }
        for long in ["x".repeat(1000), "猫".repeat(300)] {
            let mut stems = Stems::default();
            for _ in 0..3 {
                assert!(stems.take(&long).len() < 220);
            }
        }
    }

    #[test]
    fn a_name_is_taken_once_until_it_is_given_back() {
        let mut stems = Stems::default();
        assert_eq!(stems.take("a.png"), "a.png");
        assert_eq!(stems.take("A.jpg"), "A-2.jpg");
        assert_eq!(stems.take("É.png"), "É.png");
        assert_eq!(stems.take("e\u{301}.png"), "é-2.png");
        stems.give_back("a.png");
        assert_eq!(stems.take("a.gif"), "a.gif");
    }

    #[test]
    fn ten_thousand_files_of_one_name_are_not_compared_with_each_other() {
        let mut stems = Stems::of(["image-3.png"]);
        for _ in 0..10_000 {
            stems.take("image.png");
        }
        assert_eq!(stems.untried["image"], 10_002);
        assert_eq!(stems.take("IMAGE.png"), "IMAGE-10002.png");
    }
}

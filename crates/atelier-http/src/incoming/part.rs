//! A file of an upload, from when it comes in until it is known what became of it.

use std::path::{Path, PathBuf};

use atelier_data::CROPS_FILE;
use atelier_store::AdditionOutcome;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadOutcome {
    /// It is a new image.
    Added,
    /// The dataset has an image with this very file already.
    Present,
    /// It is the caption of a new image.
    Caption,
    /// It has crops of new images.
    Crops,
    /// It was not needed.
    Ignored,
    /// It cannot be used.
    Refused,
}

/// Names are told in as many characters.
const NAME_CHARS: usize = 255;

/// A file that was sent.
#[derive(Debug)]
pub struct Part {
    /// Its name without folders.
    pub name: String,
    /// The folders before its name, which are only used to find out what belongs together.
    pub folder: String,
    /// The archive that it came in.
    pub archive: Option<String>,
    /// What became of it so far.
    pub fate: Fate,
}

/// What became of a file.
#[derive(Debug)]
pub enum Fate {
    /// It lies in the folder of the upload and waits.
    Lies(PathBuf),
    /// It helped others to what they are.
    Used(UploadOutcome),
    /// It is an image, or could not become one.
    Image(AdditionOutcome),
    /// It was not needed.
    Ignored(&'static str),
    /// It cannot be used.
    Refused(String),
}

/// What a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It may be a picture.
    Picture,
    /// It has the words of a picture.
    Caption,
    /// It has the squares of pictures.
    Crops,
}

impl Part {
    /// One of this name, which may have folders in the spelling of any system.
    pub fn new(path: &str, archive: Option<String>, fate: Fate) -> Self {
        let is_separator = |c: char| c == '/' || c == '\\';
        let (folder, name) = path.rsplit_once(is_separator).unwrap_or(("", path));
        Self {
            name: name.chars().take(NAME_CHARS).collect(),
            folder: folder.to_owned(),
            archive,
            fate,
        }
    }

    /// What it is by its name. Whether it is a picture is seen when it is decoded.
    pub fn kind(&self) -> Kind {
        let ending = Path::new(&self.name).extension();
        if self.name == CROPS_FILE {
            Kind::Crops
        } else if ending.is_some_and(|ending| ending.eq_ignore_ascii_case("txt")) {
            Kind::Caption
        } else {
            Kind::Picture
        }
    }

    /// Its name without the ending.
    pub fn stem(&self) -> &str {
        self.name
            .rsplit_once('.')
            .map_or(&self.name, |(stem, _)| stem)
    }

    /// Whether systems leave such files behind that nobody means to send.
    pub fn is_left_over(&self) -> bool {
        let name = self.name.as_str();
        let mut folders = self.folder.split(['/', '\\']);
        name.starts_with('.')
            || ["thumbs.db", "desktop.ini"].contains(&name.to_lowercase().as_str())
            || folders.any(|folder| folder == "__MACOSX")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_of_a_path_is_the_name() {
        for (path, name, folder) in [
            ("a.png", "a.png", ""),
            ("../../etc/passwd", "passwd", "../../etc"),
            (r"C:\x\a.txt", "a.txt", r"C:\x"),
            ("/a/b/", "", "/a/b"),
        ] {
            let part = Part::new(path, None, Fate::Ignored(""));
            assert_eq!((part.name.as_str(), part.folder.as_str()), (name, folder));
        }
        let long = Part::new(&"é".repeat(300), None, Fate::Ignored(""));
        assert_eq!(long.name.chars().count(), NAME_CHARS);
    }

    #[test]
    fn what_systems_leave_behind_is_known() {
        let part = |path| Part::new(path, None, Fate::Ignored(""));
        for path in [".DS_Store", "a/Thumbs.db", "__MACOSX/a/b.png", "x/._a.png"] {
            assert!(part(path).is_left_over(), "{path}");
        }
        assert!(!part("a/b.png").is_left_over());
        assert_eq!(part("a/b.TXT").kind(), Kind::Caption);
        assert_eq!(part("crops.json").kind(), Kind::Crops);
        assert_eq!(part("b").kind(), Kind::Picture);
    }
}

//! What lies in a folder of pictures, told by the endings of names, whatever their case.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// How the names of picture files end, in either case.
pub const PICTURE_EXTENSIONS: [&str; 8] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp"];
/// How those of pictures end whose format is not read.
const OTHER_EXTENSIONS: [&str; 26] = [
    "tif", "tiff", "avif", "heic", "heif", "hif", "jxl", "jp2", "svg", "psd", "xcf", "kra", "tga",
    "ico", "exr", "qoi", "ppm", "dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2", "pef",
];

/// How those of texts end in which other programs keep captions, and which are not read.
const UNREAD_TEXTS: [&str; 3] = ["caption", "captions", "jsonl"];

/// The files of a folder that mean something to a dataset, sorted.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Pictures, by their names.
    pub(crate) pictures: Vec<PathBuf>,
    /// Pictures in formats that are not read.
    pub(crate) others: Vec<PathBuf>,
    /// Caption files, by their names without the ending.
    captions: HashMap<OsString, PathBuf>,
    /// Texts in which captions may stand, and which are not read.
    unread: Vec<PathBuf>,
}

impl Listing {
    /// What lies directly in a folder. Hidden files are not looked at.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let failed = |source| Error::io("read", folder, source);
        let mut paths = Vec::new();
        for entry in fs_err::read_dir(folder).map_err(failed)? {
            paths.push(entry.map_err(failed)?.path());
        }
        paths.sort();
        let mut listing = Self::default();
        for path in paths {
            listing.take(path);
        }
        Ok(listing)
    }

    fn take(&mut self, path: PathBuf) {
        let name = path.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b".") {
            return;
        }
        if ends_in(&path, &["txt"]) {
            let stem = path.file_stem().map(OsStr::to_owned);
            self.captions
                .entry(stem.unwrap_or_default())
                .or_insert(path);
        } else if ends_in(&path, &UNREAD_TEXTS) && !path.is_dir() {
            self.unread.push(path);
        } else if ends_in(&path, &PICTURE_EXTENSIONS) && !path.is_dir() {
            self.pictures.push(path);
        } else if is_other_format(&path) && !path.is_dir() {
            self.others.push(path);
        }
    }

    /// The caption file of a picture.
    pub(crate) fn caption_of(&self, picture: &Path) -> Option<&Path> {
        self.captions
            .get(picture.file_stem()?)
            .map(PathBuf::as_path)
    }

    /// The names of texts that look like captions and are no picture's, sorted.
    pub(crate) fn stray_texts(&self) -> Vec<String> {
        let pictures = self.pictures.iter().chain(&self.others);
        let stems: HashSet<_> = pictures.filter_map(|path| path.file_stem()).collect();
        let captions = self.captions.iter();
        let lone = captions.filter(|(stem, _)| !stems.contains(stem.as_os_str()));
        let has_caption = |path: &&PathBuf| {
            let stem = path.file_stem().unwrap_or_default();
            stems.contains(stem) && self.captions.contains_key(stem)
        };
        let unread = self.unread.iter().filter(|path| !has_caption(path));
        let paths = lone.map(|(_, path)| path).chain(unread);
        let names = paths.filter_map(|path| path.file_name());
        let mut names: Vec<_> = names.map(|name| name.display().to_string()).collect();
        names.sort();
        names
    }
}

/// Whether a name is that of a picture whose format is not read.
pub(crate) fn is_other_format(path: &Path) -> bool {
    ends_in(path, &OTHER_EXTENSIONS)
}

fn ends_in(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|extension| {
        let mut endings = endings.iter();
        endings.any(|known| extension.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_count_in_either_case_and_folders_are_no_pictures() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b.PNG", "a.Jfif", "c.jpe", "d.HEIC", "e.tiff", "f.md", ".g.png", "b.TXT", "a.b.Txt",
        ] {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        for name in ["h.png", "i.tif"] {
            fs_err::create_dir(folder.path().join(name)).unwrap();
        }
        let listing = Listing::of(folder.path()).unwrap();
        let names = |paths: &[PathBuf]| -> Vec<_> {
            let names = paths.iter().map(|path| path.file_name().unwrap());
            names
                .map(|name| name.to_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&listing.pictures), ["a.Jfif", "b.PNG", "c.jpe"]);
        assert_eq!(names(&listing.others), ["d.HEIC", "e.tiff"]);
        let caption = |picture: &str| {
            let found = listing.caption_of(Path::new(picture))?;
            found.file_name()?.to_str().map(str::to_owned)
        };
        assert_eq!(caption("x/b.png").as_deref(), Some("b.TXT"));
        assert_eq!(caption("a.b.png").as_deref(), Some("a.b.Txt"));
        assert_eq!(caption("a.png"), None);
    }

    #[test]
    fn texts_that_are_no_pictures_caption_are_strays() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "a.png",
            "a.txt",
            "a.caption",
            "b.png",
            "b.caption",
            "c.jpg",
            "c.jpg.txt",
            "d.heic",
            "d.txt",
            "metadata.jsonl",
            "notes.md",
            ".hidden.txt",
        ] {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        let listing = Listing::of(folder.path()).unwrap();
        assert_eq!(
            listing.stray_texts(),
            ["b.caption", "c.jpg.txt", "metadata.jsonl"]
        );
    }
}

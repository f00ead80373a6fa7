//! `crops.json` in a folder of pictures: which square of each is trained on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use atelier_core::Crop;
use serde::{Deserialize, Serialize};

use crate::file::read_limited;
use crate::{Error, Result};

/// The file's name.
pub const CROPS_FILE: &str = "crops.json";
/// The version of its layout.
const FORMAT: u32 = 1;
/// Largest file of that name that is read.
pub const CROPS_MAX_BYTES: u64 = 4 << 20;

/// The crops of a folder, by the names of the picture files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Crops {
    format: u32,
    crops: BTreeMap<String, Crop>,
}

/// The content of a [`CROPS_FILE`] for these picture files.
///
/// # Panics
/// Never: names and whole numbers can be written as JSON.
pub fn crops_json(crops: impl IntoIterator<Item = (String, Crop)>) -> String {
    let crops = Crops {
        format: FORMAT,
        crops: crops.into_iter().collect(),
    };
    serde_json::to_string_pretty(&crops).expect("names and whole numbers can be written as JSON")
}

/// The crops in the content of a [`CROPS_FILE`], by the names of the picture files.
///
/// # Errors
/// What is wrong with it, in words.
pub fn crops_from_json(bytes: &[u8]) -> Result<BTreeMap<String, Crop>, String> {
    Crops::parse(bytes).map(|crops| crops.crops)
}

impl Crops {
    /// Those of a folder; none when it has no such file.
    ///
    /// # Errors
    /// When the file cannot be read, or names other pictures than those at `paths`.
    pub(crate) fn of(folder: &Path, paths: &[PathBuf]) -> Result<Self> {
        let path = folder.join(CROPS_FILE);
        let bytes = match read_limited(&path, CROPS_MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(Error::NotFound { .. }) => return Ok(Self::default()),
            // Too long, or no file.
            Err(Error::BadPicture { path, problem }) => {
                return Err(Error::BadCrops { path, problem });
            }
            Err(error) => return Err(error),
        };
        let bad = |problem: String| Error::BadCrops {
            path: path.clone(),
            problem,
        };
        let crops = Self::parse(&bytes).map_err(bad)?;
        let present: BTreeSet<_> = paths.iter().filter_map(|path| path.file_name()).collect();
        let is_absent = |name: &&String| !present.contains(std::ffi::OsStr::new(name));
        let absent: Vec<_> = crops.crops.keys().filter(is_absent).cloned().collect();
        if absent.is_empty() {
            Ok(crops)
        } else {
            Err(bad(format!(
                "no picture in the folder has the name {}",
                absent.join(", ")
            )))
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let crops: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let found = crops.format;
        if found == FORMAT {
            Ok(crops)
        } else {
            Err(format!(
                "its layout is version {found}, this program reads version {FORMAT}"
            ))
        }
    }

    /// That of a picture file.
    pub(crate) fn of_picture(&self, path: &Path) -> Option<Crop> {
        self.crops.get(path.file_name()?.to_str()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CROP: Crop = Crop {
        left: 3,
        top: 4,
        side: 50,
    };

    fn read(text: &str) -> Result<Crops> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join(CROPS_FILE), text).unwrap();
        Crops::of(folder.path(), &[folder.path().join("a.png")])
    }

    #[test]
    fn what_is_written_is_read_and_a_folder_without_has_none() {
        let text = crops_json([("a.png".to_owned(), CROP)]);
        let crops = read(&text).unwrap();
        assert_eq!(crops.of_picture(Path::new("x/a.png")), Some(CROP));
        assert_eq!(crops.of_picture(Path::new("x/b.png")), None);
        assert_eq!(crops_from_json(text.as_bytes()).unwrap()["a.png"], CROP);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Crops::of(folder.path(), &[]).unwrap(), Crops::default());
    }

    #[test]
    fn a_file_that_cannot_be_meant_is_an_error_that_says_why() {
        for (text, reason) in [
            ("{", "EOF"),
            (r#"{"format": 2, "crops": {}}"#, "version 2"),
            (r#"{"format": 1, "crops": {}, "more": 1}"#, "more"),
            (
                r#"{"format": 1, "crops": {"a.png": {"left": -1, "top": 0, "side": 8}}}"#,
                "-1",
            ),
            (
                r#"{"format": 1, "crops": {"b.png": {"left": 1, "top": 0, "side": 8}}}"#,
                "b.png",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(
                error.contains(CROPS_FILE) && error.contains(reason),
                "{error}"
            );
        }
    }
}

//! The folder of small pictures that the server makes. They go with what they show.

mod folder;

use std::path::{Path, PathBuf};

pub use folder::{Name as ThumbnailName, Thumbnails};

/// The folder below the library's.
const FOLDER: &str = "thumbnails";
/// As many digits begin their names.
const HASH_DIGITS: usize = 64;

/// Where thumbnails of the library in a folder lie.
pub fn thumbnails_folder(home: &Path) -> PathBuf {
    home.join(FOLDER)
}

/// Removes those of files whose hash nothing names. What cannot be removed is left for the next time.
pub fn sweep(home: &Path, is_named: impl Fn(&str) -> bool) {
    let entries = |folder: &Path| {
        let entries = fs_err::read_dir(folder).into_iter().flatten();
        entries.flatten().map(|entry| entry.path())
    };
    for folder in entries(&thumbnails_folder(home)) {
        for path in entries(&folder) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // Whatever else lies there is the user's, or not complete yet.
            let hash = name.get(..HASH_DIGITS).filter(|_| name.ends_with(".jpg"));
            if hash.is_some_and(|hash| !is_named(hash)) {
                let _ = fs_err::remove_file(&path);
            }
        }
    }
}

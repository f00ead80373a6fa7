//! What killed processes left beside a file or folder that they were writing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

const ENDING: &str = ".partial";
/// What is younger may still be written to by another process.
const AGE: Duration = Duration::from_hours(24);

/// A hidden name beside `path` that nobody else has, for what is not complete.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let number = Uuid::new_v4().simple();
    path.with_file_name(format!("{}{number}{ENDING}", start(path)))
}

/// Removes what [`partial`] named for this path a day ago or earlier. What cannot be removed stays.
pub(crate) fn sweep(path: &Path) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs_err::read_dir(folder.unwrap_or(Path::new(".")));
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // A database has its journal beside it.
        let is_ours = name.trim_end_matches("-journal").ends_with(ENDING);
        if name.starts_with(&start(path)) && is_ours && is_old(&entry.path()) {
            let _ = remove(&entry.path());
        }
    }
}

/// Removes everything in a folder that is not complete, however young. Nobody else may be writing there. What cannot be removed
/// stays.
pub(crate) fn sweep_within(folder: &Path) {
    for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && name.ends_with(ENDING) {
            let _ = remove(&entry.path());
        }
    }
}

/// Removes a file, or a folder with everything in it.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    if fs_err::symlink_metadata(path)?.is_dir() {
        fs_err::remove_dir_all(path)
    } else {
        fs_err::remove_file(path)
    }
}

fn start(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    format!(".{}-", name.to_string_lossy())
}

/// Whether it was last changed a day ago or earlier.
pub(crate) fn is_old(path: &Path) -> bool {
    let about = fs_err::symlink_metadata(path);
    let age = about
        .and_then(|about| about.modified())
        .map(|at| at.elapsed());
    matches!(age, Ok(Ok(age)) if age > AGE)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn old_leftovers_go_and_young_ones_and_those_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let old = SystemTime::now() - 2 * AGE;
        let made = |path: &Path, at: Option<SystemTime>| {
            fs_err::create_dir(path).unwrap();
            fs_err::write(path.join("a.png"), "half").unwrap();
            if let Some(at) = at {
                std::fs::File::open(path).unwrap().set_modified(at).unwrap();
            }
        };
        let [left, young] = [partial(&path), partial(&path)];
        assert_ne!(left, young);
        let other = partial(&folder.path().join("other"));
        made(&left, Some(old));
        made(&young, None);
        made(&other, Some(old));
        sweep(&path);
        assert!(!left.exists() && young.exists() && other.exists());
        fs_err::write(folder.path().join("out.partial"), "a user's").unwrap();
        sweep_within(folder.path());
        assert!(!young.exists() && !other.exists());
        assert!(folder.path().join("out.partial").exists());
    }
}

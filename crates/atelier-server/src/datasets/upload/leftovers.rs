//! Uploads of processes that were killed.

use std::path::Path;
use std::time::{Duration, SystemTime};

/// How the folder of an upload begins.
pub(crate) const PREFIX: &str = "upload-";
/// No upload takes so long; another process may have one under way in the same folder.
const AGE: Duration = Duration::from_hours(24);

/// Removes old ones. What cannot be removed stays.
pub(crate) fn sweep(folder: &Path) {
    let now = SystemTime::now();
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let made = entry.metadata().and_then(|about| about.modified()).ok();
        let age = made.and_then(|made| now.duration_since(made).ok());
        let is_upload = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_upload && age.is_some_and(|age| age > AGE) {
            let _ = fs_err::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_uploads_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let made = |name: &str, age: u64| {
            let path = folder.path().join(name);
            fs_err::create_dir(&path).unwrap();
            fs_err::write(path.join("0"), b"x").unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            std::fs::File::open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
            path
        };
        let old = made("upload-a", 100_000);
        let kept = [made("upload-b", 10), made("notes", 100_000)];
        sweep(folder.path());
        assert!(!old.exists() && kept.iter().all(|path| path.exists()));
    }
}

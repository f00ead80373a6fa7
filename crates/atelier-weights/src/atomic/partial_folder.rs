//! Folders that are made under hidden names, and what is left of those whose process was killed.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::File;

use super::{HIDDEN, PARTIAL, folder_of, make_hidden, publish_folder, random_numbers};
use crate::{Error, Result};

/// The file in a temporary folder that is locked as long as somebody works there.
const LOCK: &str = ".lock";
/// What is younger may still be written to by another process.
const AGE: Duration = Duration::from_hours(24);

/// A hidden folder in which something is made before it gets its name; it goes with everything that is left in it.
#[derive(Debug)]
pub struct PartialFolder {
    path: PathBuf,
    /// None where the file system has no locks. The system ends it with its process.
    lock: Option<File>,
}

impl PartialFolder {
    /// Makes a new one beside `path`, empty but for its lock, and removes what killed processes left there a day ago or
    /// earlier.
    pub fn beside(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let folder = folder_of(path);
        sweep(folder);
        let made = make_hidden(folder, random_numbers(), |hidden| {
            fs_err::create_dir(hidden)
        });
        let failed = |error| Error::io("write", path, error);
        let (hidden, ()) = made.map_err(failed)?;
        // removed again where it gets no lock
        let mut made = Self {
            path: hidden,
            lock: None,
        };
        let lock = File::create(made.path.join(LOCK)).map_err(failed)?;
        made.lock = lock.try_lock().is_ok().then_some(lock);
        Ok(made)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, as [`publish_folder`] does, without its lock.
    pub fn publish(mut self, path: impl AsRef<Path>) -> Result<()> {
        // This is a change of the folder, which nobody sweeps for a day then.
        let removed = fs_err::remove_file(self.path.join(LOCK));
        removed.map_err(|error| Error::io("write", path.as_ref(), error))?;
        // Windows renames no folder in which a file is open.
        self.lock = None;
        publish_folder(&self.path, path)
    }
}

impl Drop for PartialFolder {
    fn drop(&mut self) {
        self.lock = None;
        let _ = fs_err::remove_dir_all(&self.path);
    }
}

/// Whether somebody works in a temporary folder, however long ago its names changed.
fn is_in_use(folder: &Path) -> bool {
    let lock = File::open(folder.join(LOCK));
    // Network file systems give no other lock on a file that is open for reading alone.
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether somebody may work still in a file or folder under a hidden name: its lock is held, or it has a temporary name of
/// this program and was changed within a day, since it has no lock before it is taken and while it gets its name.
pub fn may_be_in_use(path: &Path) -> bool {
    // in this order, since a look at a lock holds it for a moment, in which a new folder could not take it
    (is_temporary(path) && !is_old(path)) || is_in_use(path)
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(HIDDEN) && name.ends_with(PARTIAL)
}

fn is_old(path: &Path) -> bool {
    let changed = fs_err::symlink_metadata(path).and_then(|about| about.modified());
    matches!(changed.map(|at| at.elapsed()), Ok(Ok(age)) if age > AGE)
}

/// Removes temporary files and folders that nobody changed for a day or works in. What cannot be removed stays.
fn sweep(folder: &Path) {
    for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_temporary(&path) && !may_be_in_use(&path) {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let _ = if is_folder {
                fs_err::remove_dir_all(path)
            } else {
                fs_err::remove_file(path)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_leftovers_go_and_young_ones_and_those_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - 2 * AGE;
        let names = [".atelier-1.partial", ".atelier-2.partial", ".other.partial"];
        for name in names {
            let path = folder.path().join(name);
            fs_err::create_dir(&path).unwrap();
            fs_err::write(path.join("unet"), "half").unwrap();
            if name != names[1] {
                std::fs::File::open(path)
                    .unwrap()
                    .set_modified(old)
                    .unwrap();
            }
        }
        let file = folder.path().join(".atelier-3.partial");
        let file = std::fs::File::create(file).unwrap();
        file.set_modified(old).unwrap();
        let partial = PartialFolder::beside(folder.path().join("out")).unwrap();
        let made = fs_err::read_dir(partial.path()).unwrap();
        let made: Vec<_> = made.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(made, [LOCK]);
        drop(partial);
        let left = fs_err::read_dir(folder.path()).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, &names[1..]);
    }

    #[test]
    fn a_folder_in_which_somebody_works_stays_however_old_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let long = PartialFolder::beside(&out).unwrap();
        fs_err::create_dir(long.path().join("unet")).unwrap();
        let old = std::time::SystemTime::now() - 2 * AGE;
        let opened = std::fs::File::open(long.path()).unwrap();
        opened.set_modified(old).unwrap();
        let other = PartialFolder::beside(folder.path().join("other")).unwrap();
        assert!(long.path().exists() && other.path().exists());
        long.publish(&out).unwrap();
        let published = fs_err::read_dir(&out).unwrap();
        let published: Vec<_> = published.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(published, ["unet"]);
    }
}

//! The folder of bases while one is made or removed there. Work goes on under hidden names and a shared lock; what a
//! killed process left is removed by whoever gets the lock alone, so never under the hands of a process that works.

use std::io::Result;
use std::path::{Path, PathBuf};

use atelier_weights::atomic;
use fs_err::File;

use crate::lock;

/// What is made.
const PARTIAL: &str = "partial";
/// What is removed.
const REMOVED: &str = "removed";

/// A process that works in the folder. The system ends its lock with it, however that ends.
pub struct Work {
    folder: PathBuf,
    /// None where the file system has no locks: nobody can sweep there either.
    _lock: Option<File>,
}

impl Work {
    /// Begins, and removes what killed processes left. Waits only for others that do the latter.
    pub fn begin(folder: &Path) -> Result<Self> {
        atelier_weights::private::create_dir_all(folder)?;
        sweep(folder);
        let lock = lock::open(folder)?;
        let is_locked = lock.file().lock_shared().is_ok();
        Ok(Self {
            folder: folder.to_owned(),
            _lock: is_locked.then_some(lock),
        })
    }

    /// A new, empty and hidden folder in which a base is made.
    pub fn partial(&self, name: &str) -> Result<PathBuf> {
        let path = self.hidden(name, PARTIAL);
        fs_err::create_dir(&path)?;
        Ok(path)
    }

    /// Removes a base: under a hidden name first, so that no half-deleted one can be found.
    pub fn remove(&self, path: &Path) -> Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = self.hidden(&name, REMOVED);
        fs_err::rename(path, &hidden)?;
        fs_err::remove_dir_all(hidden)?;
        Ok(())
    }

    /// A hidden name that is free. Process numbers come again, and in containers that share the folder at the same time.
    fn hidden(&self, name: &str, ending: &str) -> PathBuf {
        let process = std::process::id();
        let path = |more: &str| {
            self.folder
                .join(format!(".{name}-{process}{more}.{ending}"))
        };
        let mut found = path("");
        let mut number = 1;
        while found.symlink_metadata().is_ok() {
            found = path(&format!("-{number}"));
            number += 1;
        }
        found
    }
}

/// Removes what killed processes left, unless some process works in the folder. What somebody bakes there, who does not know
/// its lock, stays, and what cannot be removed is left to the next call.
pub fn sweep(folder: &Path) {
    // A look first, so that a folder in order is only read.
    if leftovers(folder).next().is_none() {
        return;
    }
    let Ok(lock) = lock::open(folder) else { return };
    if lock.file().try_lock().is_err() {
        return;
    }
    for path in leftovers(folder) {
        let _ = fs_err::remove_dir_all(path);
    }
}

fn leftovers(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        let is_ours = name.starts_with('.') && matches!(ending, Some(PARTIAL | REMOVED));
        let is_folder = || path.symlink_metadata().is_ok_and(|about| about.is_dir());
        is_ours && is_folder() && !atomic::may_be_in_use(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != lock::NAME).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_left_goes_and_bases_and_files_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in [".a-1.partial", ".b-2.removed", "c", "d.partial", ".git"] {
            fs_err::create_dir_all(folder.join(name).join("unet")).unwrap();
        }
        fs_err::write(folder.join(".e-3.partial"), "a file").unwrap();
        sweep(folder);
        assert_eq!(names(folder), [".e-3.partial", ".git", "c", "d.partial"]);
    }

    #[test]
    fn nothing_goes_while_a_process_works() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let first = Work::begin(folder).unwrap();
        let partial = first.partial("a").unwrap();
        let second = Work::begin(folder).unwrap();
        assert_ne!(second.partial("a").unwrap(), partial);
        drop(first);
        sweep(folder);
        assert_eq!(names(folder).len(), 2);
        drop(second);
        sweep(folder);
        assert_eq!(names(folder), [""; 0]);
    }

    #[test]
    fn a_base_that_is_baked_there_stays_and_what_a_killed_bake_left_goes_later() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let make_old = |path: &Path| {
            let old = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
            std::fs::File::open(path)
                .unwrap()
                .set_modified(old)
                .unwrap();
        };
        let baked = atomic::PartialFolder::beside(folder.join("a")).unwrap();
        for name in [".atelier-1.partial", ".atelier-2.partial", ".b-1.partial"] {
            fs_err::create_dir(folder.join(name)).unwrap();
        }
        make_old(&folder.join(".atelier-1.partial"));
        fs_err::create_dir(baked.path().join("unet")).unwrap();
        make_old(baked.path());
        sweep(folder);
        assert_eq!(names(folder).len(), 2, "that and the young one");
        baked.publish(folder.join("a")).unwrap();
        sweep(folder);
        assert_eq!(names(folder), [".atelier-2.partial", "a"]);
    }

    #[test]
    fn a_folder_in_order_and_one_that_is_not_there_are_only_read() {
        let folder = tempfile::tempdir().unwrap();
        sweep(folder.path());
        sweep(&folder.path().join("absent"));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_base_is_removed_although_a_hidden_name_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let work = Work::begin(folder).unwrap();
        fs_err::create_dir_all(folder.join("a/unet")).unwrap();
        let taken = format!(".a-{}.removed/x", std::process::id());
        fs_err::create_dir_all(folder.join(taken)).unwrap();
        work.remove(&folder.join("a")).unwrap();
        assert_eq!(names(folder).len(), 1);
    }
}

//! The folder of an upload, which goes with the last one who uses it: also when the client went away while its files are
//! still being unpacked. What a killed process left is known by its lock, which the system ends with its process.

use std::io;
use std::path::Path;
use std::sync::Arc;

use atelier_core::CancelFlag;
use fs_err::File;
use tempfile::TempDir;
use tokio::runtime::Handle;

/// How the folder of an upload begins.
const PREFIX: &str = "upload-";
/// The file that is locked: in an upload's folder by the upload, beside them by who makes or removes one.
const LOCK: &str = ".lock";

/// The folder. Clones are the same one.
#[derive(Debug, Clone)]
pub struct UploadFolder {
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    /// There until it is removed.
    folder: Option<Folder>,
    given_up: CancelFlag,
}

/// Removed before its lock is let go.
#[derive(Debug)]
struct Folder {
    folder: TempDir,
    _lock: File,
}

/// What is done for somebody is given up when this goes: it stops, as far as it looks whether it should.
#[derive(Debug)]
pub struct Interest(pub(crate) CancelFlag);

impl UploadFolder {
    /// A new one, and who wants it.
    pub fn new(uploads: &Path) -> io::Result<(Self, Interest)> {
        // Nobody sweeps between the folder and its lock.
        let all = lock_in(uploads)?;
        let is_alone = all.file().lock().is_ok();
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(uploads)?;
        let lock = lock_in(folder.path())?;
        if is_alone {
            lock.file().lock()?;
        }
        let given_up = CancelFlag::default();
        let interest = Interest(given_up.clone());
        let folder = Folder {
            folder,
            _lock: lock,
        };
        let inside = Inside {
            folder: Some(folder),
            given_up,
        };
        let inside = Arc::new(inside);
        Ok((Self { inside }, interest))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        let folder = self.inside.folder.as_ref();
        folder.map_or(Path::new(""), |folder| folder.folder.path())
    }

    /// Whether nobody waits for what comes of the upload any more.
    pub fn is_given_up(&self) -> bool {
        self.inside.given_up.is_cancelled()
    }

    /// Removes it here and now, unless others use it; then the last of them does.
    pub fn close(self) {
        if let Some(mut inside) = Arc::into_inner(self.inside) {
            drop(inside.folder.take());
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else {
            return;
        };
        // Gigabytes take a while to remove, and this may be a thread that answers.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(folder))),
            Err(_) => drop(folder),
        }
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Removes the folders of uploads that no process works on. What cannot be removed stays until the next time.
pub fn sweep(uploads: &Path) -> io::Result<()> {
    let all = lock_in(uploads)?;
    if all.file().try_lock().is_err() {
        return Ok(());
    }
    let mut left = Vec::new();
    for entry in fs_err::read_dir(uploads)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Ok(lock) = lock_in(&entry.path())
            && lock.file().try_lock().is_ok()
        {
            left.push((entry.path(), lock));
        }
    }
    // They are locked now, so that others may begin.
    drop(all);
    for (path, lock) in left {
        let _ = fs_err::remove_dir_all(path);
        drop(lock);
    }
    Ok(())
}

fn lock_in(folder: &Path) -> io::Result<File> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(folder.join(LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uploads(folder: &Path) -> usize {
        let entries = fs_err::read_dir(folder).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(PREFIX)).count()
    }

    #[test]
    fn a_folder_goes_with_the_last_who_uses_it() {
        let home = tempfile::tempdir().unwrap();
        let (folder, interest) = UploadFolder::new(home.path()).unwrap();
        let unpacking = folder.clone();
        drop((folder, interest));
        assert!(unpacking.is_given_up());
        fs_err::write(unpacking.path().join("0"), b"still written").unwrap();
        assert_eq!(uploads(home.path()), 1);
        drop(unpacking);
        assert_eq!(uploads(home.path()), 0);
    }

    #[test]
    fn what_nobody_works_on_is_swept_whatever_its_age() {
        let home = tempfile::tempdir().unwrap();
        let (folder, _interest) = UploadFolder::new(home.path()).unwrap();
        let left = home.path().join("upload-of-a-killed-process");
        fs_err::create_dir(&left).unwrap();
        fs_err::write(left.join("0"), b"x").unwrap();
        let other = home.path().join("notes");
        fs_err::create_dir(&other).unwrap();
        sweep(home.path()).unwrap();
        assert!(folder.path().exists() && other.exists() && !left.exists());
        folder.close();
        assert_eq!(uploads(home.path()), 0);
    }
}

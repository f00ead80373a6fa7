//! Files and folders that appear under their final name only when they are complete and on the disk.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err::{File, OpenOptions};

use crate::{Error, Result};

/// Writes a file under a temporary name in the same folder, then renames it. On an error nothing is left behind, and
/// what was there under the final name stays as it was.
pub fn write_file(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let folder = folder_of(path);
    let mut temporary = Temporary::beside(folder);
    write_temporary(&temporary.0, path, write)
        .and_then(|()| sync_folder(folder))
        .map_err(|error| Error::io("write", path, error))?;
    temporary.0.clear();
    Ok(())
}

/// Puts a finished folder under its final name, which must be free: files to the disk, rename, parent to the disk.
/// On an error the temporary folder is removed.
pub fn publish_folder(temporary: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<()> {
    let (temporary, path) = (temporary.as_ref(), path.as_ref());
    let published = sync_tree(temporary)
        .and_then(|()| refuse_existing(path))
        .and_then(|()| fs_err::rename(temporary, path))
        .and_then(|()| sync_folder(folder_of(path)));
    published.map_err(|error| {
        let _ = fs_err::remove_dir_all(temporary);
        Error::io("write", path, error)
    })
}

fn write_temporary(
    temporary: &Path,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(temporary)?;
    let mut writer = BufWriter::with_capacity(1 << 18, file);
    write(&mut writer)?;
    let file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    drop(file);
    fs_err::rename(temporary, path)
}

/// A file that is removed unless its name was cleared.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(folder: &Path) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self(folder.join(format!(".atelier-{}-{number}.partial", std::process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs_err::remove_file(&self.0);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn refuse_existing(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it exists already",
        ));
    }
    Ok(())
}

fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// Not every system and file system can do this for a folder; one that cannot is no failure.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

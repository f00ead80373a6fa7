//! Files and folders that appear under their final name only when they are complete and on the disk.

mod partial_folder;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, BufWriter, Write};
use std::iter;
use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};

pub use self::partial_folder::{PartialFolder, may_be_in_use};
use crate::{Error, Result};

/// Temporary names that are tried before giving up.
const ATTEMPTS: usize = 16;
/// How temporary names begin and end.
const HIDDEN: &str = ".atelier-";
const PARTIAL: &str = ".partial";

/// Writes a file under a temporary name in the same folder, then renames it. On an error nothing is left behind, and
/// what was there under the final name stays as it was.
pub fn write_file(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    write_file_checked(path, write, |_| Ok(()))
}

/// [`write_file`] for what can be made again and is checked when it is read: the system may take its time to bring it to
/// the disk, so that after a loss of power the file may hold anything.
pub fn write_file_lazily(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let written = Temporary::in_folder(folder_of(path)).and_then(|(temporary, file)| {
        fill(file, write)?;
        temporary.rename(path)
    });
    written.map_err(|error| Error::io("write", path, error))
}

/// [`write_file`], with a look at the complete file before it gets its name: where `check` refuses it, nothing is left.
pub fn write_file_checked(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let folder = folder_of(path);
    let failed = |error| Error::io("write", path, error);
    let (temporary, file) = Temporary::in_folder(folder).map_err(failed)?;
    fill(file, write)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    check(&temporary.0)?;
    let named = temporary.rename(path).and_then(|()| sync_folder(folder));
    named.map_err(failed)
}

/// Has a file written under a hidden name in the same folder, and gives it its name, which must be free also at that moment:
/// what came there meanwhile stays. On an error nothing is left behind.
pub fn write_new_file<T>(
    path: impl AsRef<Path>,
    write: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let path = path.as_ref();
    let temporary = Temporary::in_folder(folder_of(path));
    let (temporary, file) = temporary.map_err(|error| Error::io("write", path, error))?;
    drop(file);
    let written = write(&temporary.0).map_err(|error| error.about(&temporary.0, path))?;
    publish_file(&temporary.0, path)?;
    Ok(written)
}

/// Puts a finished file under its final name in the same file system, which must be free also at that moment: file to the
/// disk, name, folder to the disk. On an error the temporary file stays.
pub fn publish_file(temporary: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<()> {
    let (temporary, path) = (temporary.as_ref(), path.as_ref());
    let published = sync_file(temporary)
        .and_then(|()| give_name(temporary, path))
        .and_then(|()| {
            sync_folder(folder_of(path)).inspect_err(|_| {
                let _ = fs_err::remove_file(path);
            })
        });
    published.map_err(|error| Error::io("write", path, error))
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

/// Brings a finished file to the disk. Windows does that only for those who may write it.
fn sync_file(path: &Path) -> io::Result<()> {
    let opened = OpenOptions::new()
        .read(true)
        .write(cfg!(windows))
        .open(path);
    opened?.sync_all()
}

fn fill(file: File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<File> {
    let mut writer = BufWriter::with_capacity(1 << 18, file);
    write(&mut writer)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)
}

/// A file that we created and that is removed unless it was renamed.
struct Temporary(PathBuf);

impl Temporary {
    /// Creates a file under a name that nobody else has.
    fn in_folder(folder: &Path) -> io::Result<(Self, File)> {
        Self::with_suffixes(folder, random_numbers())
    }

    fn with_suffixes(
        folder: &Path,
        suffixes: impl Iterator<Item = u64>,
    ) -> io::Result<(Self, File)> {
        let create = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
        let (path, file) = make_hidden(folder, suffixes, create)?;
        Ok((Self(path), file))
    }

    fn rename(mut self, path: &Path) -> io::Result<()> {
        fs_err::rename(&self.0, path)?;
        self.0.clear();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs_err::remove_file(&self.0);
        }
    }
}

/// Makes something under the first hidden name that nobody else has.
fn make_hidden<T>(
    folder: &Path,
    suffixes: impl Iterator<Item = u64>,
    make: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<(PathBuf, T)> {
    let mut last = io::ErrorKind::AlreadyExists.into();
    for suffix in suffixes {
        let path = folder.join(format!("{HIDDEN}{suffix:016x}{PARTIAL}"));
        match make(&path) {
            Ok(made) => return Ok((path, made)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Each state of the standard library's hash maps has keys of its own.
fn random_numbers() -> impl Iterator<Item = u64> {
    iter::repeat_with(|| RandomState::new().build_hasher().finish()).take(ATTEMPTS)
}

/// Gives a file another name, which must be free.
fn give_name(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs_err::hard_link(temporary, path) {
        Ok(()) => {
            let _ = fs_err::remove_file(temporary);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken()),
        // Not every file system lets a file have two names.
        Err(_) => take_name(temporary, path),
    }
}

/// The same without links: an empty file holds the name until the file has it.
fn take_name(temporary: &Path, path: &Path) -> io::Result<()> {
    let holder = OpenOptions::new().write(true).create_new(true).open(path);
    holder.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => taken(),
        _ => error,
    })?;
    fs_err::rename(temporary, path).inspect_err(|_| {
        let _ = fs_err::remove_file(path);
    })
}

fn taken() -> io::Error {
    let reason = "it exists already; nothing was overwritten, choose another name";
    io::Error::new(io::ErrorKind::AlreadyExists, reason)
}

impl Error {
    /// The same about `path`, where it was about the `temporary` file in its place.
    fn about(mut self, temporary: &Path, path: &Path) -> Self {
        let (Self::BadWeights { path: about, .. }
        | Self::BadBase { path: about, .. }
        | Self::NotFound { path: about }
        | Self::Overflow { path: about, .. }
        | Self::Unwritable { path: about, .. }
        | Self::Unread { path: about, .. }
        | Self::Io { path: about, .. }) = &mut self;
        if about == temporary {
            path.clone_into(about);
        }
        self
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
        return Err(taken());
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
            sync_file(&entry.path())?;
        }
    }
    sync_folder(folder)
}

/// Brings a folder with the names in it to the disk. Not every system and file system can do this; one that cannot is no failure.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_temporary_name_is_passed_over_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (first, _) = Temporary::with_suffixes(path, [1].into_iter()).unwrap();
        fs_err::write(&first.0, b"first").unwrap();
        let (second, _) = Temporary::with_suffixes(path, [1, 2].into_iter()).unwrap();
        assert_ne!(first.0, second.0);
        drop(second);
        let refused = Temporary::with_suffixes(path, [1, 1].into_iter());
        let kind = refused.map(drop).unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::AlreadyExists);
        assert_eq!(fs_err::read(&first.0).unwrap(), b"first");
        drop(first);
        assert_eq!(fs_err::read_dir(path).unwrap().count(), 0);
    }

    #[test]
    fn without_links_a_name_is_taken_only_where_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let [new, path] = ["new", "path"].map(|name| folder.path().join(name));
        fs_err::write(&new, b"new").unwrap();
        fs_err::write(&path, b"mine").unwrap();
        let refused = take_name(&new, &path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs_err::read(&path).unwrap(), b"mine");
        fs_err::remove_file(&path).unwrap();
        take_name(&new, &path).unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"new");
        // A file that is gone leaves no empty one in its place.
        fs_err::remove_file(&path).unwrap();
        assert!(take_name(&new, &path).is_err());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }
}

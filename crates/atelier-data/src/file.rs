//! Files on disk: read whole with a limit, created under a name of their own, put under their final name.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};

use crate::{Error, Result};

/// Temporary names that are tried before giving up.
const ATTEMPTS: usize = 16;

/// The content of a regular file of at most `max_bytes`; nothing else is opened, since a pipe or a device need not end.
pub(crate) fn read_limited(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let mut file = open_regular(path)?;
    let failed = |source| Error::io("read", path, source);
    let too_long = |length: u64| Error::BadPicture {
        path: path.to_owned(),
        problem: format!("it has {length} bytes, at most {max_bytes} are read"),
    };
    let length = file.metadata().map_err(failed)?.len();
    if length > max_bytes {
        return Err(too_long(length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    (&mut file)
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    match bytes.len() as u64 {
        length if length > max_bytes => Err(too_long(length)),
        _ => Ok(bytes),
    }
}

/// Opens a regular file, or a link to one.
pub(crate) fn open_regular(path: &Path) -> Result<File> {
    let failed = |source| Error::io("read", path, source);
    let about = fs_err::metadata(path).map_err(failed)?;
    if about.is_file() {
        return File::open(path).map_err(failed);
    }
    let kind = if about.is_dir() {
        "it is a folder, expected a file"
    } else {
        "it is not a regular file"
    };
    Err(Error::BadPicture {
        path: path.to_owned(),
        problem: kind.to_owned(),
    })
}

/// A file that we created and that is removed unless it gets its final name.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    /// Creates a file beside `path`, under a name that nobody else has.
    pub(crate) fn beside(path: &Path) -> io::Result<(Self, File)> {
        Self::with_suffixes(path, std::iter::repeat_with(random_number).take(ATTEMPTS))
    }

    fn with_suffixes(path: &Path, suffixes: impl Iterator<Item = u64>) -> io::Result<(Self, File)> {
        let mut taken = io::ErrorKind::AlreadyExists.into();
        for suffix in suffixes {
            let temporary = path.with_file_name(format!(".atelier-{suffix:016x}.partial"));
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&temporary)
            {
                Ok(file) => return Ok((Self(temporary), file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
                Err(error) => return Err(error),
            }
        }
        Err(taken)
    }

    /// Puts the file under its final name, in place of what is there.
    pub(crate) fn replace(self, path: &Path) -> io::Result<()> {
        self.rename(path)?;
        sync_folder_of(path)
    }

    /// Puts the file under its final name; `AlreadyExists` if there is something. Of several that try at once, one
    /// succeeds.
    pub(crate) fn publish(self, path: &Path) -> io::Result<()> {
        self.publish_with(path, |from, to| fs_err::hard_link(from, to))
    }

    /// Where a file cannot have two names, an empty file keeps the final one until the file is renamed.
    fn publish_with(
        self,
        path: &Path,
        link: impl FnOnce(&Path, &Path) -> io::Result<()>,
    ) -> io::Result<()> {
        match link(&self.0, path) {
            Ok(()) => drop(self),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {
                OpenOptions::new().write(true).create_new(true).open(path)?;
                self.rename(path).inspect_err(|_| {
                    let _ = fs_err::remove_file(path);
                })?;
            }
        }
        sync_folder_of(path)
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

/// Each state of the standard library's hash maps has keys of its own.
fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Not every system and file system can do this for a folder; one that cannot is no failure.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
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

    fn count(folder: &Path) -> usize {
        fs_err::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_taken_temporary_name_is_passed_over_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let (first, _) = Temporary::with_suffixes(&path, [1].into_iter()).unwrap();
        fs_err::write(&first.0, b"first").unwrap();
        let (second, _) = Temporary::with_suffixes(&path, [1, 2].into_iter()).unwrap();
        assert_ne!(first.0, second.0);
        drop(second);
        let refused = Temporary::with_suffixes(&path, [1, 1].into_iter());
        let kind = refused.map(drop).unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::AlreadyExists);
        assert_eq!(fs_err::read(&first.0).unwrap(), b"first");
        drop(first);
        assert_eq!(count(folder.path()), 0);
    }

    #[test]
    fn without_second_names_nothing_is_overwritten_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let publish = |content: &[u8]| {
            let (temporary, _) = Temporary::beside(&path).unwrap();
            fs_err::write(&temporary.0, content).unwrap();
            temporary.publish_with(&path, |_, _| Err(io::ErrorKind::PermissionDenied.into()))
        };
        publish(b"one").unwrap();
        let error = publish(b"two").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs_err::read(&path).unwrap(), b"one");
        assert_eq!(count(folder.path()), 1);
    }
}

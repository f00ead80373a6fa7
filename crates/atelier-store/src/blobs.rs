//! Files by the SHA-256 of their content, below `blobs/`: each is there once, read-only, and never changed.
//!
//! A file comes before the catalogue's row that names it, so one that no row names may be about to get one. Who puts files
//! and then rows holds a shared lock, and unnamed files are only removed under the whole lock.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use atelier_weights::{atomic, private, sha256_file, sha256_hex};
use fs_err::File;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::lock;
use crate::unnamed::Unnamed;

/// The folder below the library's.
pub(crate) const FOLDER: &str = "blobs";
/// Files of one folder share so many digits of their hash.
const PREFIX: usize = 2;
/// How files end that are not complete.
const PARTIAL: &str = "partial";

/// The folder of files.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
}

/// As long as this lives, no file that was put is removed for want of a row.
#[derive(Debug)]
pub struct Hold {
    /// None where the file system has no locks: nobody removes anything there.
    _lock: Option<File>,
}

/// A file while it is read.
#[derive(Debug)]
pub struct BlobReader {
    file: File,
    size_bytes: u64,
    hash: String,
    /// Of what was read so far; nothing after the end.
    hasher: Option<Sha256>,
}

impl BlobReader {
    /// Its length.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl io::Read for BlobReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        if count > 0 || into.is_empty() {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&into[..count]);
            }
            return Ok(count);
        }
        let found = self.hasher.take().map(|hasher| hex(&hasher.finalize()));
        if found.is_some_and(|found| found != self.hash) {
            let error = damaged(&self.hash, "has another content than its name says");
            return Err(io::Error::other(error));
        }
        Ok(0)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Names of files that rows have, and that rows had which went.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) kept: HashSet<String>,
    pub(crate) gone: HashSet<String>,
}

/// What [`Blobs::sweep`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that were removed.
    pub files: u64,
    /// Their size together.
    pub size_bytes: u64,
}

impl Blobs {
    pub(crate) fn open(home: &Path) -> Result<Self> {
        let folder = home.join(FOLDER);
        private::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Where the file with this hash lies, if it is there.
    pub fn path(&self, hash: &str) -> PathBuf {
        self.folder
            .join(hash.get(..PREFIX).unwrap_or(""))
            .join(hash)
    }

    /// To be held from before a file is put until after its row is written.
    pub fn hold(&self) -> Result<Hold> {
        let lock = lock::open(&self.folder)?;
        let is_locked = lock.file().lock_shared().is_ok();
        Ok(Hold {
            _lock: is_locked.then_some(lock),
        })
    }

    /// Keeps bytes and returns their hash. A damaged file of that hash is mended.
    pub fn put(&self, _hold: &Hold, bytes: &[u8]) -> Result<String> {
        let hash = sha256_hex(bytes);
        self.write(&hash, bytes.len() as u64, |to| to.write_all(bytes))?;
        Ok(hash)
    }

    /// Keeps a copy of a file; its hash and its length. A damaged file of that hash is mended.
    ///
    /// # Errors
    /// When it changes while it is copied, too.
    pub fn put_file(&self, _hold: &Hold, path: &Path) -> Result<(String, u64)> {
        let hash = sha256_file(path)?;
        let mut from = File::open(path)?;
        let size = from.metadata()?.len();
        self.write(&hash, size, |to| io::copy(&mut from, to).map(drop))?;
        Ok((hash, size))
    }

    fn write(
        &self,
        hash: &str,
        size: u64,
        write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<()> {
        if self.problem(hash, size).is_none() {
            return Ok(());
        }
        let path = self.path(hash);
        let folder = path.parent().unwrap_or(&self.folder);
        if !folder.exists() {
            private::create_dir_all(folder)?;
            atomic::sync_folder(&self.folder)?;
        }
        let written = atomic::write_file_checked(&path, write, |temporary| {
            let is_other = sha256_file(temporary)? != hash;
            // Only a safeguard against accidents; some file systems know no such thing.
            let _ = private::set_read_only(temporary);
            if is_other {
                let changed = io::Error::other("it was changed while it was copied; try again");
                return Err(atelier_weights::Error::Io {
                    action: "copy",
                    path: temporary.to_owned(),
                    source: changed,
                });
            }
            Ok(())
        });
        Ok(written?)
    }

    /// The content of a file.
    ///
    /// # Errors
    /// When it is gone, or no longer what its name says.
    pub fn read(&self, hash: &str) -> Result<Vec<u8>> {
        let path = self.path(hash);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
        match read {
            Ok(_) if sha256_hex(&bytes) == hash => Ok(bytes),
            Ok(_) => Err(damaged(hash, "has another content than its name says")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(damaged(hash, "is gone")),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a file piece by piece, in little memory.
    ///
    /// # Errors
    /// When it is gone. That it is no longer what its name says is an error at its end.
    pub fn reader(&self, hash: &str) -> Result<BlobReader> {
        match File::open(self.path(hash)) {
            Ok(file) => Ok(BlobReader {
                size_bytes: file.metadata()?.len(),
                file,
                hasher: Some(Sha256::new()),
                hash: hash.to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(damaged(hash, "is gone")),
            Err(error) => Err(error.into()),
        }
    }

    /// What is wrong with the file of a row: gone, of another length, or of another content.
    pub(crate) fn problem(&self, hash: &str, size_bytes: u64) -> Option<String> {
        let problem = file_problem(&self.path(hash), hash, size_bytes)?;
        Some(problem.to_string())
    }

    /// Removes files that went with their rows, those that no row has named for long enough, and what killed processes left,
    /// unless somebody is putting files: then nothing happens, and there is no answer. `named` is asked for when it is sure that
    /// nobody does.
    pub(crate) fn sweep(
        &self,
        unnamed: &mut Unnamed,
        named: impl FnOnce() -> Result<Named>,
    ) -> Result<Option<Swept>> {
        let lock = lock::open(&self.folder)?;
        if lock.file().try_lock().is_err() {
            return Ok(None);
        }
        let named = named()?;
        let mut swept = Swept::default();
        for (path, name) in self.files()? {
            let is_partial = path.extension().is_some_and(|ending| ending == PARTIAL);
            let is_unnamed = is_hash(&name) && !named.kept.contains(&name);
            let mut goes = || named.gone.contains(&name) || unnamed.goes(&name);
            if !(is_partial || is_unnamed && goes()) {
                continue;
            }
            let size = fs_err::metadata(&path).map_or(0, |about| about.len());
            fs_err::remove_file(&path)?;
            swept.files += 1;
            swept.size_bytes += size;
        }
        Ok(Some(swept))
    }

    /// Files that the catalogue does not name.
    pub(crate) fn unnamed(&self, named: &HashSet<String>) -> Result<Vec<PathBuf>> {
        let files = self.files()?.into_iter();
        let unnamed = files.filter(|(_, name)| !named.contains(name));
        Ok(unnamed.map(|(path, _)| path).collect())
    }

    /// Every file with its name, in order.
    fn files(&self) -> Result<Vec<(PathBuf, String)>> {
        let mut files = Vec::new();
        for folder in entries(&self.folder)? {
            if folder.is_dir() {
                let named = entries(&folder)?.into_iter().map(|path| {
                    let name = path.file_name().unwrap_or_default();
                    let name = name.to_string_lossy().into_owned();
                    (path, name)
                });
                files.extend(named);
            }
        }
        files.sort();
        Ok(files)
    }
}

/// What is wrong with a file that should have this content.
pub(crate) fn file_problem(path: &Path, hash: &str, size_bytes: u64) -> Option<FileProblem> {
    match fs_err::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(FileProblem::Gone),
        Err(error) => Some(FileProblem::Unreadable(error.to_string())),
        Ok(about) if about.len() != size_bytes => Some(FileProblem::Length {
            found: about.len(),
            expected: size_bytes,
        }),
        Ok(_) => match sha256_file(path) {
            Err(error) => Some(FileProblem::Unreadable(error.to_string())),
            Ok(found) => (found != hash).then_some(FileProblem::Content),
        },
    }
}

/// What is wrong with a file; its words follow what the file is called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FileProblem {
    /// It is not there.
    Gone,
    /// The system does not read it.
    Unreadable(String),
    /// It has another length.
    Length { found: u64, expected: u64 },
    /// It has another content.
    Content,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => to.write_str("is gone"),
            Self::Unreadable(error) => write!(to, "cannot be read: {error}"),
            Self::Length { found, expected } => {
                write!(to, "has {found} bytes, it should have {expected}")
            }
            Self::Content => to.write_str("has another content than its name says"),
        }
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs_err::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn damaged(hash: &str, problem: &str) -> Error {
    Error::DamagedBlob {
        hash: hash.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> (tempfile::TempDir, Blobs) {
        let home = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(home.path()).unwrap();
        (home, blobs)
    }

    fn named(hashes: &[&String]) -> HashSet<String> {
        hashes.iter().map(|hash| (*hash).clone()).collect()
    }

    #[test]
    fn what_is_put_is_there_once_read_only_and_under_its_hash() {
        let (home, blobs) = empty();
        let hold = blobs.hold().unwrap();
        let hash = blobs.put(&hold, b"abc").unwrap();
        assert!(hash.starts_with("ba7816bf") && hash.ends_with("15ad"));
        let path = home.path().join("blobs/ba").join(&hash);
        assert!(fs_err::metadata(&path).unwrap().permissions().readonly());
        assert_eq!(blobs.put(&hold, b"abc").unwrap(), hash);
        let file = home.path().join("file");
        fs_err::write(&file, b"abc").unwrap();
        assert_eq!(blobs.put_file(&hold, &file).unwrap(), (hash.clone(), 3));
        assert_eq!(blobs.files().unwrap().len(), 1);
        assert_eq!(blobs.read(&hash).unwrap(), b"abc");
        assert_eq!(blobs.problem(&hash, 3), None);
    }

    #[test]
    fn damage_is_found_and_mended_by_putting_the_file_again() {
        let (_home, blobs) = empty();
        let hold = blobs.hold().unwrap();
        let hash = blobs.put(&hold, b"abc").unwrap();
        fs_err::remove_file(blobs.path(&hash)).unwrap();
        assert!(
            blobs
                .read(&hash)
                .unwrap_err()
                .to_string()
                .contains("is gone")
        );
        assert_eq!(blobs.problem(&hash, 3).unwrap(), "is gone");
        fs_err::write(blobs.path(&hash), b"ab").unwrap();
        assert!(blobs.problem(&hash, 3).unwrap().contains("2 bytes"));
        blobs.put(&hold, b"abc").unwrap();
        assert_eq!(blobs.problem(&hash, 3), None);
        fs_err::remove_file(blobs.path(&hash)).unwrap();
        fs_err::write(blobs.path(&hash), b"abd").unwrap();
        assert!(blobs.problem(&hash, 3).unwrap().contains("another content"));
        let error = blobs.read(&hash).unwrap_err().to_string();
        assert!(error.contains("another content"), "{error}");
        blobs.put(&hold, b"abc").unwrap();
        assert_eq!(blobs.read(&hash).unwrap(), b"abc");
    }

    #[test]
    fn unnamed_files_go_when_nobody_is_putting_any_and_those_of_others_stay() {
        let (home, blobs) = empty();
        let hold = blobs.hold().unwrap();
        let kept = blobs.put(&hold, b"kept").unwrap();
        let unnamed = blobs.put(&hold, b"unnamed").unwrap();
        let beside = |name: &str| blobs.path(&kept).with_file_name(name);
        fs_err::write(beside(".atelier-0.partial"), b"half").unwrap();
        fs_err::write(beside("notes.txt"), b"a user's").unwrap();
        let gone = blobs.put(&hold, b"gone").unwrap();
        let sweep = |now_ms| {
            let mut since = Unnamed::open(home.path(), now_ms, 10);
            let rows = || {
                Ok(Named {
                    kept: named(&[&kept]),
                    gone: named(&[&gone]),
                })
            };
            let swept = blobs.sweep(&mut since, rows).unwrap();
            since.keep(swept.is_some()).unwrap();
            swept
        };
        assert_eq!(sweep(0), None);
        assert_eq!(blobs.unnamed(&named(&[&kept])).unwrap().len(), 4);
        drop(hold);
        let swept = |files, size_bytes| Some(Swept { files, size_bytes });
        // What was half written, and what went with its row.
        assert_eq!(sweep(5), swept(2, 8));
        assert!(!blobs.path(&gone).exists() && blobs.path(&unnamed).exists());
        assert_eq!(sweep(14), swept(0, 0));
        assert_eq!(sweep(15), swept(1, 7));
        assert!(blobs.path(&kept).exists() && beside("notes.txt").exists());
        assert!(!blobs.path(&unnamed).exists());
    }

    #[test]
    fn a_file_that_is_read_in_pieces_is_checked_at_its_end() {
        let (_home, blobs) = empty();
        let hash = blobs.put(&blobs.hold().unwrap(), b"abc").unwrap();
        let read = || {
            let mut bytes = Vec::new();
            let mut reader = blobs.reader(&hash).unwrap();
            assert_eq!(reader.size_bytes(), 3);
            reader.read_to_end(&mut bytes).map(|_| bytes)
        };
        assert_eq!(read().unwrap(), b"abc");
        fs_err::remove_file(blobs.path(&hash)).unwrap();
        fs_err::write(blobs.path(&hash), b"abd").unwrap();
        let error = read().unwrap_err().to_string();
        assert!(error.contains("another content"), "{error}");
        fs_err::remove_file(blobs.path(&hash)).unwrap();
        assert!(matches!(
            blobs.reader(&hash),
            Err(Error::DamagedBlob { .. })
        ));
    }

    #[test]
    fn a_hash_that_is_none_leads_nowhere() {
        let (_home, blobs) = empty();
        for name in ["", "a", "é", "../../etc/passwd"] {
            assert!(blobs.read(name).is_err(), "{name}");
        }
    }
}

//! The folders of runs and of waiting jobs, copied into a backup: what is complete in them. Hidden files are locks, wishes, and
//! what is being written; they stay behind.

use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};

use atelier_core::CancelFlag;
use atelier_weights::{atomic, private, sha256_file};
use fs_err::File;
use sha2::{Digest as _, Sha256};

use crate::backup::BackedUp;
use crate::blobs::{file_problem, hex};
use crate::error::{Error, Result};
use crate::runs::{CHECKPOINTS, STATE, written_files};

/// Copies folders, and counts what it does.
pub(crate) struct FolderCopy<'a> {
    pub(crate) cancel: &'a CancelFlag,
    pub(crate) done: &'a mut BackedUp,
}

impl FolderCopy<'_> {
    /// Copies the folder of a run, with its checkpoints file by file as they say that they were written.
    pub(crate) fn run(&mut self, from: &Path, to: &Path) -> Result<()> {
        for (name, path) in visible(from)? {
            let to = to.join(&name);
            if name != CHECKPOINTS {
                self.tree(&path, &to)?;
                continue;
            }
            for (name, path) in visible(&path)? {
                self.checkpoint(&path, &to.join(name))?;
            }
        }
        Ok(())
    }

    /// Copies a file, or a folder with everything in it that is not hidden. What goes meanwhile is left out.
    pub(crate) fn tree(&mut self, from: &Path, to: &Path) -> Result<()> {
        let Ok(about) = fs_err::symlink_metadata(from) else {
            return Ok(());
        };
        if about.is_file() {
            return unless_gone(self.file(from, to, None));
        }
        for (name, path) in visible(from)? {
            self.tree(&path, &to.join(name))?;
        }
        Ok(())
    }

    /// Copies a checkpoint; what says that it is complete comes last. A damaged file of it is named and left out.
    fn checkpoint(&mut self, from: &Path, to: &Path) -> Result<()> {
        let Some(written) = written_files(from) else {
            return Ok(());
        };
        for (name, hash) in &written {
            unless_gone(self.file(&from.join(name), &to.join(name), Some(hash)))?;
        }
        unless_gone(self.file(&from.join(STATE), &to.join(STATE), None))?;
        if to.exists() && !to.join(STATE).exists() {
            // It was removed while it was copied, since a later one replaced it.
            fs_err::remove_dir_all(to)?;
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path, expected: Option<&str>) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let mut file = File::open(from)?;
        let size = file.metadata()?.len();
        let is_there = |hash: &str| file_problem(to, hash, size).is_none();
        if expected.is_some_and(is_there) {
            self.count(size, true);
            return Ok(());
        }
        let mut hasher = Sha256::new();
        io::copy(&mut file, &mut hasher)?;
        let hash = hex(&hasher.finalize());
        if expected.is_some_and(|expected| expected != hash) {
            let path = from.display();
            self.done.left_out.push(format!("`{path}` is damaged"));
            return Ok(());
        }
        if is_there(&hash) {
            self.count(size, true);
            return Ok(());
        }
        file.rewind()?;
        private::create_dir_all(to.parent().unwrap_or(to))?;
        let copy = |out: &mut dyn io::Write| io::copy(&mut file, out).map(drop);
        atomic::write_file_checked(to, copy, |temporary| {
            if sha256_file(temporary)? == hash {
                return Ok(());
            }
            Err(atelier_weights::Error::Io {
                action: "copy",
                path: from.to_owned(),
                source: io::Error::other("it was changed while it was copied; try again"),
            })
        })?;
        self.count(size, false);
        Ok(())
    }

    fn count(&mut self, size_bytes: u64, is_kept: bool) {
        self.done.size_bytes += size_bytes;
        if is_kept {
            self.done.kept += 1;
        } else {
            self.done.copied += 1;
        }
    }
}

/// What lies in a folder and is not hidden, in order; nothing where there is no such folder.
fn visible(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    let found = match fs_err::read_dir(folder) {
        Ok(found) => found,
        Err(error) if is_gone(&error) => return Ok(entries),
        Err(error) => return Err(error.into()),
    };
    for entry in found {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unless_gone(copied: Result<()>) -> Result<()> {
    match copied {
        Err(Error::Io(error)) if is_gone(&error) => Ok(()),
        copied => copied,
    }
}

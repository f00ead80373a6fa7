//! The run folder: free, ours to continue, or taken.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use atelier_core::TrainRequest;

use crate::checkpoint::ADAPTER;
use crate::notes::notes_of_others;
use crate::record::RunRecord;
use crate::{Error, Result};

/// The file in it that is locked.
const LOCK: &str = ".lock";

/// The folder of a request that this process has, until this is dropped.
pub(crate) struct Claim {
    out: PathBuf,
    /// Whether the folder was made for it.
    is_new: bool,
    _lock: File,
}

/// The folder of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    out: &'a Path,
    resume: bool,
}

impl<'a> Place<'a> {
    pub(crate) fn of(request: &'a TrainRequest) -> Self {
        Self {
            out: &request.out,
            resume: request.resume,
        }
    }

    /// Whether the run may be written here, or continued; writes nothing.
    pub(crate) fn check(self, record: &RunRecord) -> Result<()> {
        let path = RunRecord::path(self.out);
        match (path.exists(), self.resume) {
            (true, true) => record.check_same(self.out),
            (true, false) => Err(Error::OutTaken {
                path: self.out.to_owned(),
            }),
            (false, _) if self.out.join("checkpoints").exists() => {
                let problem = "it is missing, but there are checkpoints beside it".to_owned();
                Err(Error::Record { path, problem })
            }
            // Notes and adapter of the run would be written over it.
            (false, _) => match self.file_of_others() {
                Some(path) => Err(Error::FileTaken {
                    out: self.out.to_owned(),
                    path,
                }),
                None => Ok(()),
            },
        }
    }

    /// What lies in the place of a file of the run, before there is one.
    fn file_of_others(self) -> Option<PathBuf> {
        let adapter = self.out.join(ADAPTER);
        notes_of_others(self.out).or_else(|| adapter.exists().then_some(adapter))
    }

    /// Takes the folder for this process, so that no other one works for a run that it cannot have.
    pub(crate) fn claim(self, record: &RunRecord) -> Result<Claim> {
        let is_new = !self.out.exists();
        let path = self.out.join(LOCK);
        let lock = loop {
            fs_err::create_dir_all(self.out)?;
            let lock = fs_err::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)?
                .into_parts()
                .0;
            match lock.try_lock() {
                // Who had it before may have removed it since it was opened here.
                Ok(()) if is_at(&lock, &path)? => break lock,
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::InUse {
                        path: self.out.to_owned(),
                    });
                }
                // Where the file system has no locks, nobody is kept out.
                Err(TryLockError::Error(_)) => break lock,
            }
        };
        let claim = Claim {
            out: self.out.to_owned(),
            is_new,
            _lock: lock,
        };
        // Another process may have had it until now.
        self.check(record)?;
        Ok(claim)
    }
}

/// Whether an open file is the one of this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let open = file.metadata()?;
    let is_same = |named: std::fs::Metadata| [named.dev(), named.ino()] == [open.dev(), open.ino()];
    Ok(fs_err::metadata(path).is_ok_and(is_same))
}

/// Elsewhere nobody removes a file that is open.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> std::io::Result<bool> {
    Ok(true)
}

impl Claim {
    /// Writes the record where there is none: from now on there is a run to go on with.
    pub(crate) fn record(&self, record: &RunRecord) -> Result<()> {
        if RunRecord::path(&self.out).exists() {
            return Ok(());
        }
        record.write(&self.out)
    }
}

impl Drop for Claim {
    /// Leaves no trace of a run that never began.
    fn drop(&mut self) {
        if !RunRecord::path(&self.out).exists() {
            drop(fs_err::remove_file(self.out.join(LOCK)));
            if self.is_new {
                // It goes only when it is empty.
                drop(fs_err::remove_dir(&self.out));
            }
        }
    }
}

//! The run folder: free, ours to continue, or taken.

use std::fs::{File, TryLockError};
use std::path::Path;

use atelier_core::TrainRequest;

use crate::record::RunRecord;
use crate::{Error, Result};

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
            (false, _) => Ok(()),
        }
    }

    /// Takes the folder for this process until the returned file is dropped, and writes the record where there is none.
    pub(crate) fn claim(self, record: &RunRecord) -> Result<File> {
        fs_err::create_dir_all(self.out)?;
        let lock = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.out.join(".lock"))?
            .into_parts()
            .0;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse {
                    path: self.out.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        self.check(record)?;
        if !RunRecord::path(self.out).exists() {
            record.write(self.out)?;
        }
        Ok(lock)
    }
}

//! The number of the attempt that may give results, in a file of the job. It is written before an attempt is begun, so that an
//! earlier one that still lives, against all appearances, finds itself superseded.

use std::path::{Path, PathBuf};

use atelier_core::{BoxedError, Permit};
use atelier_store::JobId;

use super::attempt::write_json;
use crate::error::{Error, Result};

/// The fence of a job.
#[derive(Debug, Clone)]
pub struct Fence {
    path: PathBuf,
}

impl Fence {
    /// That of a job's folder.
    pub fn of(job: &Path) -> Self {
        let path = job.join("fence");
        Self { path }
    }

    /// Lets only this attempt and later ones give results.
    pub fn raise(&self, attempt: u32) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        write_json(&self.path, &attempt)
    }

    /// The attempt that may give results; 0 where there is none.
    ///
    /// # Errors
    /// When the file cannot be read: nobody may give results then.
    pub fn read(&self) -> Result<u32> {
        let unreadable = |problem: String| Error::Unreadable {
            path: self.path.clone(),
            problem,
        };
        match fs_err::read(&self.path) {
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

/// What an attempt is told by the fence of its job.
#[derive(Debug, Clone)]
pub struct FencePermit {
    fence: Fence,
    job: JobId,
    attempt: u32,
}

impl FencePermit {
    /// That of an attempt at the job of a folder.
    pub fn new(folder: &Path, job: JobId, attempt: u32) -> Self {
        Self {
            fence: Fence::of(folder),
            job,
            attempt,
        }
    }

    /// Refuses when another attempt may give results.
    pub fn check(&self) -> Result<()> {
        let now = self.fence.read()?;
        let (job, attempt) = (self.job, self.attempt);
        if now == attempt {
            return Ok(());
        }
        Err(Error::Superseded { job, attempt, now })
    }
}

impl Permit for FencePermit {
    fn may_publish(&self) -> Result<(), BoxedError> {
        Ok(self.check()?)
    }
}

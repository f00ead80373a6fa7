//! The files that a request speaks of, copied to where only the job has them: what becomes of the user's own is no matter then.

use std::path::{Path, PathBuf};

use atelier_core::GenerateRequest;

use crate::error::{Error, Result};

/// The folder in that of a job.
pub(crate) const FOLDER: &str = "inputs";

/// Copies the start picture and its mask to the folder of a job, and names the copies instead.
pub(crate) fn copy(job: &Path, request: &mut GenerateRequest) -> Result<()> {
    let Some(start) = &mut request.start else {
        return Ok(());
    };
    let folder = job.join(FOLDER);
    fs_err::create_dir_all(&folder)?;
    start.path = copy_one(&start.path, &folder, "start")?;
    if let Some(mask) = &mut start.mask {
        *mask = copy_one(mask, &folder, "mask")?;
    }
    Ok(())
}

fn copy_one(from: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    if !from.is_file() {
        return Err(Error::Invalid {
            what: "start",
            problem: format!("`{}` is no file", from.display()),
        });
    }
    let mut to = folder.join(name);
    if let Some(ending) = from.extension() {
        to.set_extension(ending);
    }
    fs_err::copy(from, &to)?;
    fs_err::OpenOptions::new()
        .write(true)
        .open(&to)?
        .sync_all()?;
    Ok(to)
}

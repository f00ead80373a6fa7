//! The files that a request speaks of, copied to where only the job has them: what becomes of the user's own is no matter then.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use atelier_core::{GenerateRequest, StartImage};
use atelier_store::{Job, Library};
use serde::Deserialize as _;

use super::attempt::sync_folder;
use crate::error::{Error, Result};
use crate::request::{GenerationRequest, StartUse, StartUsed};

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

/// Copies a start picture of the library and its mask, and says what they are called.
pub(crate) fn copy_start(
    job: &Path,
    start: &mut StartUse,
    library: &Library,
) -> Result<StartImage> {
    let folder = job.join(FOLDER);
    fs_err::create_dir_all(&folder)?;
    let copied = |used: &mut StartUsed, name: &str| -> Result<PathBuf> {
        let picture = library.get_start_picture(used.id)?;
        let to = folder.join(name);
        lend(library, &picture.hash, &to)?;
        used.name = picture.name;
        Ok(to)
    };
    let mask = start.mask.as_mut();
    let image = StartImage {
        path: copied(&mut start.picture, "start")?,
        denoise: start.denoise,
        mask: mask.map(|mask| copied(mask, "mask")).transpose()?,
    };
    // A job that is accepted has them after a loss of power, too.
    sync_folder(&image.path)?;
    sync_folder(&folder)?;
    Ok(image)
}

/// Puts a whole file of the library, which never changes, under another name: without a copy, where the disk can.
fn lend(library: &Library, hash: &str, to: &Path) -> Result<()> {
    let bytes = library.blobs().read(hash)?;
    // One that lies there may be the library's own, which must not be written to.
    if let Err(error) = fs_err::remove_file(to)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error.into());
    }
    if fs_err::hard_link(library.blobs().path(hash), to).is_ok() {
        return Ok(());
    }
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(to)?;
    file.write_all(&bytes)?;
    Ok(file.sync_all()?)
}

/// Whether what a job draws over is there, where it draws over something. The library may lie elsewhere than when it was asked
/// for.
pub(crate) fn are_there(job: &Job) -> bool {
    let mut request = GenerationRequest::deserialize(&job.request).ok();
    if let Some(request) = &mut request {
        request.place_inputs(&job.folder);
    }
    let start = request.and_then(|request| request.request.start);
    start.is_none_or(|start| {
        let mask = start.mask.as_ref();
        start.path.is_file() && mask.is_none_or(|mask| mask.is_file())
    })
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

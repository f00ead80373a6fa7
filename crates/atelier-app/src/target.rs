//! The file or folder that a command writes: nothing is overwritten, and bad places are refused before work begins.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_core::ErrorCode;
use atelier_failure::{CodedResult as _, failed};
use atelier_weights::{Checkpoint, Error};
use fs_err::OpenOptions;

/// What files of weights are called.
const ENDING: &str = "safetensors";

/// Checks that a file of weights can be written here, and makes its folder.
pub fn prepare_file(path: &Path) -> Result<()> {
    refuse_taken(path)?;
    if path.extension().is_none_or(|ending| ending != ENDING) {
        let message = format!(
            "`--out` must name a file that ends in `.{ENDING}`, got `{}`",
            path.display()
        );
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    prepare_parent(path)
}

/// Checks that a folder can be made here.
pub fn prepare_folder(path: &Path) -> Result<()> {
    refuse_taken(path)?;
    prepare_parent(path)
}

/// Nothing is overwritten.
pub fn refuse_taken(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(_) => {
            let message = format!("`{}` exists already, name another `--out`", path.display());
            Err(failed(ErrorCode::InvalidInput, message))
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
            let message = format!("`{}` cannot be a file's name: {error}", path.display());
            Err(failed(ErrorCode::InvalidInput, message))
        }
        // Whatever else is wrong shows where something is written.
        Err(_) => Ok(()),
    }
}

/// Refuses files that would belong to a checkpoint at `path` because of their names.
pub fn refuse_companions(path: &Path) -> Result<()> {
    for companion in Checkpoint::companion_paths(path) {
        if companion.symlink_metadata().is_ok() {
            let message = format!(
                "`{}` exists already and would belong to the new base, name another `--out`",
                companion.display()
            );
            return Err(failed(ErrorCode::InvalidInput, message));
        }
    }
    Ok(())
}

/// What was written to a new place. Where somebody else took that meanwhile, the failure is a conflict.
pub fn written<T>(result: atelier_weights::Result<T>) -> Result<T> {
    match result {
        Err(error) if is_taken(&error) => Err(failed(ErrorCode::Conflict, error.to_string())),
        result => result.coded(),
    }
}

fn is_taken(error: &Error) -> bool {
    let Error::Io { source, .. } = error else {
        return false;
    };
    source.kind() == io::ErrorKind::AlreadyExists
}

/// Makes the folder around `path` and checks that it takes files.
fn prepare_parent(path: &Path) -> Result<()> {
    let parent = parent_of(path);
    let take_file = || -> Result<()> {
        fs_err::create_dir_all(&parent)?;
        let probe = parent.join(format!(".atelier-{}-probe.partial", std::process::id()));
        OpenOptions::new().write(true).create(true).open(&probe)?;
        Ok(fs_err::remove_file(probe)?)
    };
    take_file().with_context(|| format!("cannot write to `{}`", parent.display()))
}

/// The folder around `path`.
pub fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

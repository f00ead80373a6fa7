//! The folders of runs, each called by the id of its run.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{is_run, sitting};
use crate::error::Result;
use crate::library::{Library, RunId};
use crate::unnamed::Unnamed;

/// The folder of runs below the library's.
pub(crate) const FOLDER: &str = "runs";

impl Library {
    /// The folders of runs that the catalogue does not have, such as those that were removed for good.
    pub(crate) fn unnamed_run_folders(&self) -> Result<Vec<PathBuf>> {
        unnamed_folders(self.home(), |id| self.read(|view| is_run(view, id)))
    }

    /// Removes the folders of runs that the catalogue does not have: of those whose rows have `gone` now, and those that have been
    /// there for long enough. One that cannot be removed is left for the next time.
    pub(crate) fn sweep_run_folders(
        &self,
        gone: &HashSet<String>,
        unnamed: &mut Unnamed,
    ) -> Result<()> {
        for folder in self.unnamed_run_folders()? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let goes = gone.contains(&*name) || unnamed.goes(&name);
            if goes && !sitting::is_held(&folder) {
                let _ = fs_err::remove_dir_all(folder);
            }
        }
        Ok(())
    }

    pub(crate) fn run_folder(&self, id: RunId) -> PathBuf {
        self.home().join(FOLDER).join(id.to_string())
    }
}

/// The folders below the one of runs that bear the id of a run which `is_named` does not know.
pub(crate) fn unnamed_folders(
    home: &Path,
    is_named: impl Fn(RunId) -> Result<bool>,
) -> Result<Vec<PathBuf>> {
    let entries = fs_err::read_dir(home.join(FOLDER)).into_iter().flatten();
    let mut unnamed = Vec::new();
    for entry in entries.flatten() {
        // Whatever else lies there is the user's.
        let Ok(id) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        if !is_named(id)? {
            unnamed.push(entry.path());
        }
    }
    unnamed.sort();
    Ok(unnamed)
}

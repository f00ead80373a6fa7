//! Where a quickstart works: `OUT.partial` until everything is there, then `OUT`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_core::{ErrorCode, TrainConfig};
use atelier_failure::failed;
use atelier_weights::atomic;
use serde::{Deserialize, Serialize};

use crate::made::{self, Contents, Paths};

/// The file by which a folder is known as one that a quickstart made.
pub(crate) const MARKER_FILE: &str = "quickstart.json";
const FORMAT: &str = "atelier-quickstart";
/// Files of others that a refusal names.
const SHOWN: usize = 3;

/// What the marker says: from what the folder is made, and of what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Marker {
    format: String,
    base_hash: String,
    config: TrainConfig,
    /// Everything that was made; of a finished quickstart alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made: Option<Paths>,
}

impl Marker {
    pub(crate) fn new(base_hash: &str, config: &TrainConfig) -> Self {
        Self {
            format: FORMAT.to_owned(),
            base_hash: base_hash.to_owned(),
            config: config.clone(),
            made: None,
        }
    }

    /// Whether both are of the same work.
    fn is_of_same(&self, other: &Self) -> bool {
        self.base_hash == other.base_hash && self.config == other.config
    }

    fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        Ok(atomic::write_file(folder.join(MARKER_FILE), |to| {
            to.write_all(&text)
        })?)
    }

    fn read(folder: &Path) -> Option<Self> {
        let text = fs_err::read_to_string(folder.join(MARKER_FILE)).ok()?;
        let marker: Self = serde_json::from_str(&text).ok()?;
        (marker.format == FORMAT).then_some(marker)
    }
}

/// The folders of a quickstart.
#[derive(Debug)]
pub(crate) struct Place {
    /// The final folder.
    pub(crate) out: PathBuf,
    /// Where the work goes on.
    pub(crate) partial: PathBuf,
    previous: PathBuf,
}

impl Place {
    /// Checks that nothing foreign is in the way; changes nothing, except that it puts back an earlier quickstart whose
    /// replacement was interrupted.
    pub(crate) fn check(out: &Path) -> Result<Self> {
        let name = out.file_name().map(|name| name.to_string_lossy());
        let Some(name) = name else {
            let message = format!(
                "`{}` has no name of its own, name a new folder",
                out.display()
            );
            return Err(failed(ErrorCode::InvalidInput, message));
        };
        let place = Self {
            out: out.to_owned(),
            partial: out.with_file_name(format!("{name}.partial")),
            previous: out.with_file_name(format!("{name}.previous")),
        };
        if out.is_symlink() {
            let message = format!(
                "`{}` is a link, which would be replaced; name the folder that it leads to with `--out`",
                out.display()
            );
            return Err(failed(ErrorCode::InvalidInput, message));
        }
        for folder in [&place.out, &place.partial, &place.previous] {
            refuse_foreign(folder)?;
        }
        if is_filled(&place.previous)? && !is_filled(&place.out)? {
            remove(&place.out)?;
            fs_err::rename(&place.previous, &place.out)?;
        }
        Ok(place)
    }

    /// Makes the working folder; whether it continues an interrupted quickstart.
    pub(crate) fn begin(&self, marker: &Marker) -> Result<bool> {
        if Marker::read(&self.partial).is_some_and(|begun| begun.is_of_same(marker)) {
            // Ended while it was put in its place, it says that everything was made, and more may be from here on.
            marker.write(&self.partial)?;
            return Ok(true);
        }
        remove(&self.partial)?;
        fs_err::create_dir_all(&self.partial)?;
        marker.write(&self.partial)?;
        Ok(false)
    }

    /// Puts the finished work under its final name, in place of an earlier quickstart. What others put beside that meanwhile stays
    /// there; where the new one has a file of the same name, in the folder with `.previous` behind its name.
    pub(crate) fn publish(&self) -> Result<()> {
        remove(&self.previous)?;
        if let Some(marker) = Marker::read(&self.partial) {
            let made = Contents::of(&self.partial, None)?.made;
            let finished = Marker {
                made: Some(made),
                ..marker
            };
            finished.write(&self.partial)?;
        }
        let replaces = self.out.exists();
        if replaces {
            fs_err::rename(&self.out, &self.previous)?;
        }
        let moved = fs_err::rename(&self.partial, &self.out);
        if moved.is_err() && replaces {
            fs_err::rename(&self.previous, &self.out)?;
        }
        moved.context("cannot put the finished quickstart in its place")?;
        if replaces {
            let foreign = contents(&self.previous)?.foreign;
            made::carry(&self.previous, &self.out, &foreign)?;
        }
        remove(&self.previous)
    }
}

fn refuse_foreign(folder: &Path) -> Result<()> {
    let is_foreign = if folder.is_dir() {
        is_filled(folder)? && Marker::read(folder).is_none()
    } else {
        folder.symlink_metadata().is_ok()
    };
    let folder_name = folder.display();
    if is_foreign {
        let message = format!(
            "`{folder_name}` exists and was not made by a quickstart, name another folder with `--out`"
        );
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let foreign = contents(folder)?.foreign;
    if foreign.is_empty() {
        return Ok(());
    }
    let names = foreign.iter().take(SHOWN).map(|path| format!("`{path}`"));
    let names = names.collect::<Vec<_>>().join(", ");
    let more = match foreign.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "`{folder_name}` holds what no quickstart made: {names}{more}; move that elsewhere, or name another folder with `--out`"
    );
    Err(failed(ErrorCode::InvalidInput, message))
}

/// What is in a folder, if it is there: made by the quickstart that the marker names, or not.
fn contents(folder: &Path) -> Result<Contents> {
    if !folder.is_dir() {
        return Ok(Contents::default());
    }
    let Some(marker) = Marker::read(folder) else {
        return Contents::of(folder, Some(&Paths::new()));
    };
    Contents::of(folder, marker.made.as_ref())
}

/// Whether something is in a folder beside a file that a killed process had begun to write.
fn is_filled(folder: &Path) -> Result<bool> {
    if !folder.is_dir() {
        return Ok(false);
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_begun = made::is_begun(&name.to_string_lossy());
        if !is_begun || !entry.file_type()?.is_file() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what a quickstart made of a folder, its marker last: what is left of it when that is interrupted is known by it, and
/// nobody goes on from it. What others put there stays, in a folder without a marker.
fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    if let Some(marker) = Marker::read(folder) {
        let of_nothing = Marker {
            base_hash: String::new(),
            ..marker
        };
        // A disk without room for it is no reason to keep the rest.
        drop(of_nothing.write(folder));
    }
    let Contents { mut made, foreign } = contents(folder)?;
    let has_marker = made.remove(MARKER_FILE);
    made::remove(folder, &made)?;
    if has_marker {
        fs_err::remove_file(folder.join(MARKER_FILE))?;
    }
    if foreign.is_empty() {
        fs_err::remove_dir(folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

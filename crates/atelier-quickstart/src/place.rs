//! Where a quickstart works: `OUT.partial` until everything is there, then `OUT`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_core::{ErrorCode, TrainConfig};
use atelier_failure::failed;
use atelier_weights::atomic;
use serde::{Deserialize, Serialize};

/// The file by which a folder is known as one that a quickstart made.
const MARKER_FILE: &str = "quickstart.json";
const FORMAT: &str = "atelier-quickstart";

/// What the marker says: from what the folder is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Marker {
    format: String,
    base_hash: String,
    config: TrainConfig,
}

impl Marker {
    pub(crate) fn new(base_hash: &str, config: &TrainConfig) -> Self {
        Self {
            format: FORMAT.to_owned(),
            base_hash: base_hash.to_owned(),
            config: config.clone(),
        }
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
        if Marker::read(&self.partial).as_ref() == Some(marker) {
            return Ok(true);
        }
        remove(&self.partial)?;
        fs_err::create_dir_all(&self.partial)?;
        marker.write(&self.partial)?;
        Ok(false)
    }

    /// Puts the finished work under its final name, in place of an earlier quickstart.
    pub(crate) fn publish(&self) -> Result<()> {
        remove(&self.previous)?;
        let replaces = self.out.exists();
        if replaces {
            fs_err::rename(&self.out, &self.previous)?;
        }
        let moved = fs_err::rename(&self.partial, &self.out);
        if moved.is_err() && replaces {
            fs_err::rename(&self.previous, &self.out)?;
        }
        moved.context("cannot put the finished quickstart in its place")?;
        remove(&self.previous)
    }
}

fn refuse_foreign(folder: &Path) -> Result<()> {
    let is_foreign = if folder.is_dir() {
        is_filled(folder)? && Marker::read(folder).is_none()
    } else {
        folder.symlink_metadata().is_ok()
    };
    if !is_foreign {
        return Ok(());
    }
    let message = format!(
        "`{}` exists and was not made by a quickstart, name another folder with `--out`",
        folder.display()
    );
    Err(failed(ErrorCode::InvalidInput, message))
}

/// Whether something is in a folder beside a file that a killed process had begun to write.
fn is_filled(folder: &Path) -> Result<bool> {
    if !folder.is_dir() {
        return Ok(false);
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_begun = name.starts_with(".atelier-") && name.ends_with(".partial");
        if !is_begun || !entry.file_type()?.is_file() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes a folder, its marker last: what is left of it when that is interrupted is known by it, and nobody goes on from it.
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
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs_err::remove_dir_all(entry.path())?;
        } else if entry.file_name() != MARKER_FILE {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(fs_err::remove_dir_all(folder)?)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use atelier_failure::code_of;

    fn marker(epochs: usize) -> Marker {
        let config = TrainConfig {
            epochs,
            ..TrainConfig::default()
        };
        Marker::new("hash", &config)
    }

    /// A finished quickstart that holds one file.
    fn finished(out: &Path, content: &str) {
        let place = Place::check(out).unwrap();
        place.begin(&marker(1)).unwrap();
        fs_err::write(place.partial.join("file"), content).unwrap();
        place.publish().unwrap();
    }

    #[test]
    fn an_earlier_quickstart_stays_until_the_new_one_is_complete() {
        let folder = TempDir::new().unwrap();
        let out = folder.path().join("out");
        finished(&out, "old");
        let place = Place::check(&out).unwrap();
        assert!(!place.begin(&marker(1)).unwrap());
        assert_eq!(fs_err::read_to_string(out.join("file")).unwrap(), "old");
        drop(place);
        finished(&out, "new");
        assert_eq!(fs_err::read_to_string(out.join("file")).unwrap(), "new");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_interrupted_one_goes_on_only_with_the_same_settings() {
        let folder = TempDir::new().unwrap();
        let place = Place::check(&folder.path().join("out")).unwrap();
        assert!(!place.begin(&marker(1)).unwrap());
        assert!(place.begin(&marker(1)).unwrap());
        assert!(!place.begin(&marker(2)).unwrap());
    }

    #[test]
    fn an_interrupted_replacement_is_put_back() {
        let folder = TempDir::new().unwrap();
        let out = folder.path().join("out");
        finished(&out, "old");
        fs_err::rename(&out, folder.path().join("out.previous")).unwrap();
        Place::check(&out).unwrap();
        assert_eq!(fs_err::read_to_string(out.join("file")).unwrap(), "old");
    }

    #[test]
    fn what_an_end_in_between_leaves_is_no_strangers() {
        let folder = TempDir::new().unwrap();
        let out = folder.path().join("out");
        let partial = folder.path().join("out.partial");
        fs_err::create_dir(&partial).unwrap();
        fs_err::write(partial.join(".atelier-1.partial"), "{").unwrap();
        let place = Place::check(&out).unwrap();
        assert!(!place.begin(&marker(1)).unwrap());
        assert!(Marker::read(&partial).is_some());
        finished(&out, "done");
        // What a removal has left before its end.
        let place = Place::check(&out).unwrap();
        place.begin(&marker(1)).unwrap();
        let of_nothing = Marker {
            base_hash: String::new(),
            ..marker(1)
        };
        of_nothing.write(&partial).unwrap();
        assert!(!Place::check(&out).unwrap().begin(&marker(1)).unwrap());
        finished(&out, "again");
        assert_eq!(fs_err::read_to_string(out.join("file")).unwrap(), "again");
    }

    #[test]
    fn folders_of_others_are_refused_and_empty_ones_taken() {
        let folder = TempDir::new().unwrap();
        let out = folder.path().join("out");
        fs_err::create_dir(&out).unwrap();
        finished(&out, "new");
        for name in ["other", "x.partial"] {
            fs_err::create_dir(folder.path().join(name)).unwrap();
            fs_err::write(folder.path().join(name).join("mine.txt"), "mine").unwrap();
        }
        for (name, own) in [("film", "film.partial"), ("draft", "quickstart.json")] {
            fs_err::create_dir(folder.path().join(name)).unwrap();
            fs_err::write(folder.path().join(name).join(own), "mine").unwrap();
        }
        for bad in ["other", "x", "other/mine.txt", "film", "draft"] {
            let error = Place::check(&folder.path().join(bad)).unwrap_err();
            assert_eq!(code_of(&error), ErrorCode::InvalidInput, "{bad}");
        }
        assert!(Place::check(Path::new("..")).is_err());
    }
}

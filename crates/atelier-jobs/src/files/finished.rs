//! Pictures that attempts at a job finished, each with a note beside its file, so that a later attempt need not draw them again.

use std::path::Path;

use super::attempt::{AttemptFiles, write_json};
use super::manifest::ManifestFile;
use crate::error::Result;

/// Ends the name of a note, after that of its picture.
const NOTE: &str = ".json";

impl AttemptFiles {
    /// Takes note of a finished picture, whose file lies in [`Self::pictures`].
    pub fn note_finished(&self, file: &ManifestFile) -> Result<()> {
        write_json(&self.note(&file.name), file)
    }

    fn note(&self, name: &str) -> std::path::PathBuf {
        self.pictures().join(format!("{name}{NOTE}"))
    }

    /// The names of the noted pictures.
    fn finished(&self) -> Vec<String> {
        let entries = fs_err::read_dir(self.pictures()).into_iter();
        let names = entries.flatten().flatten().filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = name.strip_suffix(NOTE)?;
            (!name.starts_with('.')).then(|| name.to_owned())
        });
        names.collect()
    }

    /// Moves a finished picture of an earlier attempt here, where it is still what was noted.
    fn take(&self, from: &Self, name: &str) -> Result<Option<ManifestFile>> {
        let note: ManifestFile = serde_json::from_slice(&fs_err::read(from.note(name))?)
            .map_err(std::io::Error::other)?;
        let folder = from.pictures();
        note.check_name(&folder)?;
        if note.name != name || ManifestFile::of(&folder, name, note.drawn.clone())? != note {
            return Ok(None);
        }
        fs_err::create_dir_all(self.pictures())?;
        fs_err::rename(folder.join(name), self.pictures().join(name))?;
        self.note_finished(&note)?;
        fs_err::remove_file(from.note(name))?;
        Ok(Some(note))
    }
}

/// How many pictures the attempts at a job have finished.
pub(crate) fn count(job: &Path, attempts: u32) -> u64 {
    let finished = (1..=attempts).map(|number| AttemptFiles::of(job, number).finished());
    finished.map(|names| names.len() as u64).sum()
}

/// Takes over what earlier attempts finished, as far as that can be done; the rest is drawn again.
pub(crate) fn take_over(job: &Path, attempt: u32) -> Vec<ManifestFile> {
    let own = AttemptFiles::of(job, attempt);
    let mut taken: Vec<ManifestFile> = Vec::new();
    for number in (1..attempt).rev() {
        let from = AttemptFiles::of(job, number);
        for name in from.finished() {
            if taken.iter().any(|file| file.name == name) {
                continue;
            }
            taken.extend(own.take(&from, &name).ok().flatten());
        }
    }
    taken.sort_by(|one, other| one.name.cmp(&other.name));
    taken
}

/// Removes the pictures of all attempts at a job.
pub(crate) fn remove(job: &Path, attempts: u32) {
    for number in 1..=attempts {
        let pictures = AttemptFiles::of(job, number).pictures();
        if pictures.exists() {
            let _ = fs_err::remove_dir_all(pictures);
        }
    }
}

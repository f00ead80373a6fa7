//! `notes.json`: what a run has to tell a person. It is told when it is known and kept with the run, however that ends.

use std::path::{Path, PathBuf};

use atelier_core::ProgressSink;
use atelier_data::Skipped;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::memory::NO_PREVIEWS;
use crate::record::{read_json, write_json};

/// Version of [`Kept`].
const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Those of all sittings, each once, in the order in which they arose; what follows from the memory of the moment is that of
    /// the newest.
    notes: Vec<String>,
}

impl Kept {
    fn path(out: &Path) -> PathBuf {
        out.join("notes.json")
    }

    /// That of a run in a folder, where there is one.
    fn read(out: &Path) -> Option<Self> {
        let kept = read_json::<Self>(&Self::path(out)).ok();
        kept.filter(|kept| kept.version == VERSION)
    }
}

/// A file of that name in a folder that no run wrote.
pub(crate) fn notes_of_others(out: &Path) -> Option<PathBuf> {
    let path = Kept::path(out);
    (path.exists() && Kept::read(out).is_none()).then_some(path)
}

/// The notes of a run in a sitting.
pub(crate) struct Notes<'a> {
    out: &'a Path,
    progress: &'a dyn ProgressSink,
    /// Those of this sitting and of those before.
    all: Vec<String>,
    /// Those of this sitting, without the pictures that were left out, which are listed beside them.
    said: Vec<String>,
    /// Whether there is a run by now that keeps them.
    has_run: bool,
    /// Whether the file has some that hold no longer.
    is_outdated: bool,
}

impl<'a> Notes<'a> {
    /// Those of sittings before that still hold, of a run in a folder where there is one.
    pub(crate) fn of(out: &'a Path, progress: &'a dyn ProgressSink) -> Self {
        let mut all = Kept::read(out).map_or_else(Vec::new, |kept| kept.notes);
        let count = all.len();
        all.retain(|note| !note.starts_with(NO_PREVIEWS));
        Self {
            out,
            progress,
            is_outdated: all.len() < count,
            all,
            said: Vec::new(),
            has_run: false,
        }
    }

    /// Tells which pictures were left out.
    pub(crate) fn leave_out(&mut self, skipped: &[Skipped]) {
        for skipped in skipped {
            self.tell(&format!("left out {skipped}"));
        }
    }

    /// Tells more of them.
    pub(crate) fn add(&mut self, notes: impl IntoIterator<Item = String>) -> Result<()> {
        let before = self.all.len();
        for note in notes {
            self.tell(&note);
            self.said.push(note);
        }
        if self.has_run && self.all.len() > before {
            self.write()?;
        }
        Ok(())
    }

    /// Keeps them with the run, which is there from now on.
    pub(crate) fn keep(&mut self) -> Result<()> {
        self.has_run = true;
        if self.all.is_empty() && !self.is_outdated {
            return Ok(());
        }
        self.write()
    }

    /// What reports list.
    pub(crate) fn into_said(self) -> Vec<String> {
        self.said
    }

    fn tell(&mut self, note: &str) {
        self.progress.note(note);
        if !self.all.iter().any(|known| known == note) {
            self.all.push(note.to_owned());
        }
    }

    fn write(&self) -> Result<()> {
        let kept = Kept {
            version: VERSION,
            notes: self.all.clone(),
        };
        write_json(&Kept::path(self.out), &kept)
    }
}

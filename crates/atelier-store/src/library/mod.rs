//! The library: a catalogue in `SQLite` and the files that it speaks of. One thread of each process changes the catalogue;
//! reading goes on beside it. Several processes may have the same library open.

mod ask;
mod connection;
mod ids;
mod migrations;
mod names;
mod readers;
mod viewer;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use atelier_core::Clock;
use rusqlite::Transaction;

use crate::blobs::{self, Blobs};
use crate::error::{Error, Result};
use crate::private;
use crate::runs::unnamed_folders;
use readers::Readers;
use writer::Writer;

pub(crate) use ask::Ask;
pub(crate) use connection::open_to_read;
pub use ids::{
    AccountId, DatasetId, ImageId, JobId, ModelId, PictureId, RunId, StartPictureId, TokenId,
};
pub(crate) use migrations::{Layout, layout, newest_layout};
pub use names::composed;
pub(crate) use names::{is_format, name_key};
pub use viewer::Viewer;
pub(crate) use viewer::check_own;

/// The file of the catalogue below the library's folder.
pub const CATALOGUE: &str = "atelier.db";

/// The open library, as somebody sees it. Clones are the same one.
#[derive(Clone)]
pub struct Library {
    shared: Arc<Shared>,
    viewer: Viewer,
}

struct Shared {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    blobs: Blobs,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Library").field(&self.shared.path).finish()
    }
}

impl Library {
    /// Opens the library in a folder, and makes it where there is none.
    ///
    /// # Errors
    /// When the folder cannot be written, or the catalogue there is damaged, gone while its files are there, another program's,
    /// or a newer program's.
    pub fn open(home: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        private::create_dir_all(home)?;
        let path = home.join(CATALOGUE);
        refuse_lost(home, &path)?;
        // Its log and its index get the same mode.
        private::create_file(&path)?;
        let connection = connection::open_to_write(&path);
        let connection = connection.map_err(|error| error.at("change", &path))?;
        Ok(Self {
            viewer: Viewer::Machine,
            shared: Arc::new(Shared {
                writer: Writer::start(connection, path.clone())?,
                readers: Readers::new(path.clone()),
                blobs: Blobs::open(home)?,
                path,
                clock,
            }),
        })
    }

    /// The same library as somebody sees it: what they may not see is not found, and what they make is theirs.
    #[must_use]
    pub fn seen_by(&self, viewer: Viewer) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            viewer,
        }
    }

    /// Who sees it so.
    pub fn viewer(&self) -> Viewer {
        self.viewer
    }

    /// Opens the library in a folder, and makes none.
    ///
    /// # Errors
    /// Those of [`Self::open`], and when there is no library.
    pub fn open_existing(home: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        if !home.join(CATALOGUE).exists() {
            let home = home.to_owned();
            return Err(Error::NoLibrary { home });
        }
        Self::open(home, clock)
    }

    /// The file of the catalogue.
    pub fn catalogue(&self) -> &Path {
        &self.shared.path
    }

    /// The folder of the library.
    pub(crate) fn home(&self) -> &Path {
        self.shared.path.parent().unwrap_or(Path::new("."))
    }

    /// The files that the catalogue speaks of.
    pub fn blobs(&self) -> &Blobs {
        &self.shared.blobs
    }

    /// Which library this is. Its backups have the same id.
    pub fn id(&self) -> Result<String> {
        self.read(|view| Ok(view.ask("SELECT id FROM library", [], |row| row.get(0))?))
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        (self.shared.clock.unix_secs() * 1e3) as i64
    }

    /// Reads what was there at one moment.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let read = self.shared.readers.read(self.viewer, work);
        read.map_err(|error| error.at("read", &self.shared.path))
    }

    /// Changes the catalogue: wholly, or where `work` fails not at all.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if !self.viewer.may_change() {
            return Err(Error::ReadOnly);
        }
        let written = self.shared.writer.write(self.viewer, |change| {
            // From now on it is a library of its own, which no backup replaces.
            change.execute("UPDATE library SET is_copy = 0 WHERE is_copy = 1", [])?;
            work(change)
        });
        written.map_err(|error| error.at("change", &self.shared.path))
    }
}

/// Refuses to begin a library among the files of one: to a new catalogue, all of them would be nobody's.
fn refuse_lost(home: &Path, catalogue: &Path) -> Result<()> {
    let is_new = || fs_err::metadata(catalogue).map_or(true, |about| about.len() == 0);
    if !is_new() {
        return Ok(());
    }
    // Files lie by the beginnings of their hashes, runs by their ids; whatever else lies there is the user's.
    let entries = |folder: &Path| fs_err::read_dir(folder).into_iter().flatten().flatten();
    let blobs = home.join(blobs::FOLDER);
    let mut prefixes = entries(&blobs);
    let holds_blobs = prefixes.any(|prefix| entries(&prefix.path()).next().is_some());
    let files = if holds_blobs {
        Some(blobs)
    } else {
        let runs = unnamed_folders(home, |_| Ok(false))?;
        runs.into_iter().next()
    };
    // looked at once more, since another process may have begun it and its files meanwhile
    match files {
        Some(files) if is_new() => Err(Error::LostCatalogue {
            path: catalogue.to_owned(),
            files,
        }),
        _ => Ok(()),
    }
}

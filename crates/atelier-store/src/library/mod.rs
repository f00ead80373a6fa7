//! The library: a catalogue in `SQLite` and the files that it speaks of. One thread of each process changes the catalogue;
//! reading goes on beside it. Several processes may have the same library open.

mod ask;
mod connection;
mod ids;
mod migrations;
mod names;
mod readers;
pub(crate) mod still;
mod viewer;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atelier_core::Clock;
use atelier_weights::private;
use rusqlite::Transaction;

use crate::blobs::{self, Blobs};
use crate::error::{Error, Result};
use crate::runs::unnamed_folders;
use readers::Readers;
use still::Still;
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
    /// Who changes it, or why it is only read.
    writer: Result<Writer>,
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
                writer: Ok(Writer::start(connection, path.clone())?),
                readers: Readers::new(path.clone(), None),
                blobs: Blobs::open(home)?,
                path,
                clock,
            }),
        })
    }

    /// Opens the library in a folder for a look: as [`Self::open`] does, or where nothing can be written, such as on a full disk, so
    /// that it is only read. Then [`Self::obstacle`] says why, and every change fails with that.
    ///
    /// # Errors
    /// Those of [`Self::open`], where it cannot be read without writing either.
    pub fn open_to_look(home: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        match Self::open(home, Arc::clone(&clock)) {
            Err(obstacle) if obstacle.keeps_from_writing() => {
                Self::open_still(home, clock, obstacle)
            }
            opened => opened,
        }
    }

    fn open_still(home: &Path, clock: Arc<dyn Clock>, obstacle: Error) -> Result<Self> {
        let path = home.join(CATALOGUE);
        let Some(as_it_is) = Still::of(&path) else {
            return Err(obstacle);
        };
        let found = still::open(&path).and_then(|connection| layout(&connection, &path));
        let is_todays = found.is_ok_and(|found| found == Layout::Done(newest_layout()));
        let (true, Ok(blobs)) = (is_todays, Blobs::open(home)) else {
            return Err(obstacle);
        };
        Ok(Self {
            viewer: Viewer::Machine,
            shared: Arc::new(Shared {
                writer: Err(obstacle),
                readers: Readers::new(path.clone(), Some(as_it_is)),
                blobs,
                path,
                clock,
            }),
        })
    }

    /// Why the library is only read, where it is.
    pub fn obstacle(&self) -> Option<&Error> {
        self.shared.writer.as_ref().err()
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
        let catalogue = home.join(CATALOGUE);
        if !catalogue.exists() {
            refuse_lost(home, &catalogue)?;
            let home = home.to_owned();
            return Err(Error::NoLibrary { home });
        }
        Self::open(home, clock)
    }

    /// Words as everybody may read them, without the folders around the library and the user's own.
    pub fn told(&self, words: &str) -> String {
        let told = words.replace(&format!("{}/", self.home().display()), "");
        match std::env::home_dir().filter(|home| home.parent().is_some()) {
            Some(home) => told.replace(&format!("{}/", home.display()), "~/"),
            None => told,
        }
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
        let writer = self.shared.writer.as_ref().map_err(again)?;
        let written = writer.write(self.viewer, |change| {
            // From now on it is a library of its own, which no backup replaces.
            change.execute("UPDATE library SET is_copy = 0 WHERE is_copy = 1", [])?;
            work(change)
        });
        written.map_err(|error| error.at("change", &self.shared.path))
    }
}

/// The failure that made a library one that is only read, for a change.
fn again(obstacle: &Error) -> Error {
    match obstacle {
        Error::Full { action, path } => Error::Full {
            action,
            path: path.clone(),
        },
        Error::Io(error) => io::Error::new(error.kind(), error.to_string()).into(),
        other => io::Error::other(other.to_string()).into(),
    }
}

/// Refuses to begin a library among the files of one: to a new catalogue, all of them would be nobody's.
pub(crate) fn refuse_lost(home: &Path, catalogue: &Path) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::about::About;

    struct Stopped;

    impl Clock for Stopped {
        fn unix_secs(&self) -> f64 {
            0.0
        }
    }

    fn open(home: &Path) -> Library {
        Library::open(home, Arc::new(Stopped)).unwrap()
    }

    fn look(home: &Path, obstacle: Error) -> Result<Library> {
        Library::open_still(home, Arc::new(Stopped), obstacle)
    }

    fn full() -> Error {
        Error::Full {
            action: "change",
            path: PathBuf::from("a"),
        }
    }

    fn about(name: &str) -> About {
        About {
            name: name.to_owned(),
            ..About::default()
        }
    }

    #[test]
    fn a_library_where_nothing_can_be_written_is_read_and_changes_say_why_not() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let refused = look(home, full()).unwrap_err();
        assert!(refused.is_full(), "there is none: {refused}");
        open(home).create_dataset(about("faces")).unwrap();
        let library = look(home, full()).unwrap();
        assert_eq!(library.list_datasets().unwrap().len(), 1);
        assert!(library.obstacle().is_some_and(Error::is_full));
        assert!(library.create_dataset(about("more")).unwrap_err().is_full());
        let denied = io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "no");
        let library = look(home, denied.into()).unwrap();
        let refused = library.create_dataset(about("more")).unwrap_err();
        assert_eq!(refused.to_string(), "no");
        assert_eq!(library.find_dataset("faces").unwrap().about.name, "faces");
        let whole = Library::open_to_look(home, Arc::new(Stopped)).unwrap();
        assert!(whole.obstacle().is_none());
    }

    #[test]
    fn what_changes_under_a_look_is_said_and_never_read_by_halves() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        open(home).create_dataset(about("faces")).unwrap();
        let looking = look(home, full()).unwrap();
        assert_eq!(looking.list_datasets().unwrap().len(), 1);
        let library = open(home);
        library.create_dataset(about("more")).unwrap();
        let refused = looking.list_datasets().unwrap_err();
        assert!(matches!(refused, Error::Busy { .. }), "{refused}");
        // What lies in its log only would be missed.
        assert!(look(home, full()).is_err());
        drop(library);
        let looking = look(home, full()).unwrap();
        assert_eq!(looking.list_datasets().unwrap().len(), 2);
    }
}

//! What can go wrong with the library.

mod code;

use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in the library.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the library.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing under this name or number.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// What was looked for, such as `dataset`.
        what: &'static str,
        /// The name or number.
        name: String,
    },
    /// A dataset has no such version.
    #[error("dataset `{dataset}` has no version {number}, its newest is {newest}")]
    NoVersion {
        /// The dataset.
        dataset: String,
        /// The version that was asked for.
        number: u32,
        /// The newest one.
        newest: u32,
    },
    /// What is in the trash is not changed.
    #[error("{what} `{name}` is in the trash; {} first", taken_back(what))]
    Trashed {
        /// What it is, such as `dataset`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A thing is seen that belongs to somebody else.
    #[error("{what} `{name}` is somebody else's; it can be looked at and used, and not changed")]
    NotOwn {
        /// What it is, such as `dataset`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Whoever asks changes nothing at all.
    #[error("this account only looks; it makes and changes nothing")]
    ReadOnly,
    /// Without an owner, nobody could say who has an account.
    #[error(
        "`{name}` is the last account with the role `owner` that can be used; make another one first"
    )]
    LastOwner {
        /// The account.
        name: String,
    },
    /// A name that may be there only once is there.
    #[error("there is {} {what} `{name}` already", article(what))]
    Exists {
        /// What has the name, such as `dataset`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A value cannot be kept.
    #[error("{what} `{value}`: {problem}")]
    Invalid {
        /// What was given, such as `name`.
        what: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody else changed a dataset in the meantime.
    #[error(
        "dataset `{name}` is at version {newest}, and the change was made to version {expected}"
    )]
    Conflict {
        /// The dataset.
        name: String,
        /// Its newest version.
        newest: u32,
        /// The version that the change began from.
        expected: u32,
    },
    /// A process works on a run.
    #[error("run `{name}` is being trained; stop it first")]
    RunInUse {
        /// The run.
        name: String,
    },
    /// No process works on a run.
    #[error("run `{name}` is not being trained")]
    RunNotInUse {
        /// The run.
        name: String,
    },
    /// A job of a run is in the queue.
    #[error("run `{name}` is in the queue; cancel its job first: `atelier job cancel {job}`")]
    RunQueued {
        /// The run.
        name: String,
        /// The job.
        job: String,
    },
    /// A job is not in a state in which this can be done.
    #[error("job `{id}` is {state}, so that it cannot be {what}")]
    JobNotSo {
        /// The job.
        id: String,
        /// Its state.
        state: &'static str,
        /// What was wanted, such as `paused`.
        what: &'static str,
    },
    /// An attempt is not the newest of its job any more, or the job has ended.
    #[error(
        "attempt {attempt} at job `{job}` may change nothing any more: another one took its place, or the job has ended"
    )]
    Superseded {
        /// The job.
        job: String,
        /// The attempt.
        attempt: u32,
    },
    /// A run has no such checkpoint.
    #[error("run `{run}` has no checkpoint of epoch {epoch}; it has {}", listed(.has))]
    NoCheckpoint {
        /// The run.
        run: String,
        /// The epoch that was asked for.
        epoch: usize,
        /// The epochs that there are.
        has: Vec<usize>,
    },
    /// Another process has the library for itself for longer than is waited.
    #[error("another process is changing the library `{}`; try again", path.display())]
    Busy {
        /// The catalogue.
        path: PathBuf,
    },
    /// Pictures cannot be used.
    #[error(transparent)]
    Pictures(#[from] atelier_data::Error),
    /// A file that the library keeps is gone or has another content.
    #[error("the library's file `{hash}` {problem}")]
    DamagedBlob {
        /// The SHA-256 that it should have.
        hash: String,
        /// What was found.
        problem: String,
    },
    /// A backup was made without files that are damaged in the library.
    #[error("the backup in `{}` is complete but for what is damaged: {}", folder.display(), first_of(.damaged))]
    Incomplete {
        /// The backup.
        folder: PathBuf,
        /// What is not in it, in words.
        damaged: Vec<String>,
    },
    /// The catalogue is damaged.
    #[error("the catalogue `{}` is damaged: {problem}", path.display())]
    DamagedCatalogue {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// The catalogue is no catalogue of ours, or none that this program can use.
    #[error("cannot use the catalogue `{}`: {problem}", path.display())]
    OtherCatalogue {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// An earlier program's layout, where only today's can be read.
    #[error(
        "the catalogue `{}` has the layout of an earlier program, version {layout}; another command, such as \
         `atelier dataset list`, brings it to version {newest}",
        path.display()
    )]
    OldCatalogue {
        /// The file.
        path: PathBuf,
        /// Its layout.
        layout: usize,
        /// Today's.
        newest: usize,
    },
    /// The catalogue is gone or empty, and what it spoke of is there.
    #[error(
        "the catalogue `{}` is gone or empty, and files of its library lie in `{}`; put the catalogue of a backup back, with no \
         `-wal` and `-shm` file of the lost one beside it, or move that folder away to begin anew", path.display(), files.display()
    )]
    LostCatalogue {
        /// The file.
        path: PathBuf,
        /// The folder with files.
        files: PathBuf,
    },
    /// There is no library where one was expected.
    #[error("there is no library in `{}`", home.display())]
    NoLibrary {
        /// The folder.
        home: PathBuf,
    },
    /// The catalogue could not be read or changed.
    #[error("cannot {action} the catalogue `{}`: {source}", path.display())]
    Catalogue {
        /// What was attempted: `read` or `change`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason of the database.
        source: rusqlite::Error,
    },
    /// The disk has no room for what the database writes beside the catalogue, which it does for reading too.
    #[error("cannot {action} the catalogue `{}`: its disk is full", path.display())]
    Full {
        /// What was attempted: `read` or `change`.
        action: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The same before it is known with what file it happened.
    #[error("the catalogue: {0}")]
    Query(#[from] rusqlite::Error),
    /// The system refused to read or write; its words name the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file could not be written or hashed.
    #[error(transparent)]
    File(#[from] atelier_weights::Error),
    /// The work was asked to stop; nothing of it is kept.
    #[error("stopped")]
    Cancelled,
    /// A change of the catalogue ended in a condition that it never expects.
    #[error("a change of the catalogue `{}` stopped at a condition that it never expects", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
}

/// The database's own number for what happened.
fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

/// Damaged files that a message names.
const MOST_NAMED: usize = 20;

/// As many of them as a message names.
fn first_of(damaged: &[String]) -> String {
    let named = damaged.iter().take(MOST_NAMED);
    let named = named.map(String::as_str).collect::<Vec<_>>().join("; ");
    match damaged.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named}; and {more} more, which `atelier db check` names"),
    }
}

/// Numbers in words.
fn listed(numbers: &[usize]) -> String {
    if numbers.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    words.join(", ")
}

impl Error {
    /// Whether there is no room on the disk.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Io(error) | Self::File(atelier_weights::Error::Io { source: error, .. }) => {
                Self::is_without_room(error)
            }
            _ => false,
        }
    }

    /// Whether the system refused since a disk, or somebody's part of it, is full.
    pub fn is_without_room(error: &io::Error) -> bool {
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }

    pub(crate) fn not_found(what: &'static str, name: impl std::fmt::Display) -> Self {
        let name = format!("{name}");
        Self::NotFound { what, name }
    }

    pub(crate) fn invalid(
        what: &'static str,
        value: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            what,
            value: value.into(),
            problem: problem.into(),
        }
    }

    /// Whether it may be that nothing can be written, as on a full disk or one that is only read, and that what is there can be
    /// read all the same.
    pub(crate) fn keeps_from_writing(&self) -> bool {
        matches!(
            self,
            Self::Io(_) | Self::Full { .. } | Self::Catalogue { .. }
        )
    }

    /// The same with the catalogue's file, where it lacks that.
    pub(crate) fn at(self, action: &'static str, path: &Path) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DiskFull, NotADatabase};
        use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
        let Self::Query(source) = self else {
            return self;
        };
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(DatabaseBusy) => Self::Busy { path },
            Some(DiskFull) => Self::Full { action, path },
            // The index of its log cannot grow.
            Some(_) if extended_code(&source) == Some(SQLITE_IOERR_SHMSIZE) => {
                Self::Full { action, path }
            }
            Some(DatabaseCorrupt | NotADatabase) => Self::DamagedCatalogue {
                path,
                problem: source.to_string(),
            },
            _ => Self::Catalogue {
                action,
                path,
                source,
            },
        }
    }

    /// What the database said to a name that may be there only once.
    pub(crate) fn taken(what: &'static str, name: &str, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::ConstraintViolation;
        if source.sqlite_error_code() == Some(ConstraintViolation) {
            let name = name.to_owned();
            return Self::Exists { what, name };
        }
        source.into()
    }
}

/// How something comes back from the trash; pictures do on the pages and by the API alone.
fn taken_back(what: &str) -> String {
    match what {
        "picture" => "restore it".to_owned(),
        what => format!("take it back with `atelier {what} restore`"),
    }
}

/// The article of what has a name.
fn article(what: &str) -> &'static str {
    if what.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, ffi};

    use super::*;

    #[test]
    fn a_message_names_some_of_many_damaged_files_and_counts_the_others() {
        let damaged: Vec<_> = (0..22).map(|number| format!("file {number}")).collect();
        assert_eq!(first_of(&damaged[..2]), "file 0; file 1");
        let named = first_of(&damaged);
        let end = "; file 19; and 2 more, which `atelier db check` names";
        assert!(named.ends_with(end), "{named}");
    }

    #[test]
    fn a_full_disk_is_told_from_one_that_fails() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("PRAGMA max_page_count = 4; CREATE TABLE t (x)")
            .unwrap();
        let full = connection.execute("INSERT INTO t VALUES (zeroblob(100000))", []);
        let log = ffi::Error::new(ffi::SQLITE_IOERR_SHMSIZE);
        for error in [full.unwrap_err(), rusqlite::Error::SqliteFailure(log, None)] {
            let error = Error::Query(error).at("change", Path::new("/a.db"));
            assert!(matches!(error, Error::Full { .. }), "{error:?}");
            assert!(error.is_full());
        }
        for (kind, is_full) in [
            (io::ErrorKind::StorageFull, true),
            (io::ErrorKind::QuotaExceeded, true),
            (io::ErrorKind::PermissionDenied, false),
        ] {
            let file = atelier_weights::Error::Io {
                action: "write",
                path: PathBuf::from("/a"),
                source: kind.into(),
            };
            assert_eq!(Error::File(file).is_full(), is_full, "{kind}");
            assert_eq!(Error::Io(kind.into()).is_full(), is_full, "{kind}");
        }
        let other = ffi::Error::new(ffi::SQLITE_IOERR_READ);
        let other = rusqlite::Error::SqliteFailure(other, None);
        let error = Error::Query(other).at("read", Path::new("/a.db"));
        assert!(matches!(error, Error::Catalogue { .. }), "{error:?}");
    }
}

//! What can go wrong with the library.

use std::io;
use std::path::{Path, PathBuf};

use atelier_core::{Coded, ErrorCode};

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
    /// A name that may be there only once is there.
    #[error("there is a {what} `{name}` already")]
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
    /// The catalogue is no catalogue of ours, or a damaged one.
    #[error("cannot use the catalogue `{}`: {problem}", path.display())]
    BadCatalogue {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
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
    /// The same before it is known with what file it happened.
    #[error("the catalogue: {0}")]
    Query(#[from] rusqlite::Error),
    /// The system refused to read or write.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was attempted, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file could not be written or hashed.
    #[error(transparent)]
    File(#[from] atelier_weights::Error),
    /// A change of the catalogue ended in a condition that it never expects.
    #[error("a change of the catalogue `{}` stopped at a condition that it never expects", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Self {
        let name = name.to_string();
        Self::NotFound { what, name }
    }

    /// The same with the catalogue's file, where it lacks that.
    pub(crate) fn at(self, action: &'static str, path: &Path) -> Self {
        match self {
            Self::Query(source) => Self::catalogue(action, path, source),
            other => other,
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

    /// What the database said, as far as it is about the file and not about what was asked.
    pub(crate) fn catalogue(action: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::BadCatalogue {
                path,
                problem: format!("{source}; `atelier db check` says what is left of it"),
            },
            _ => Self::Catalogue {
                action,
                path,
                source,
            },
        }
    }
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::Exists { .. } | Self::Invalid { .. } => ErrorCode::InvalidInput,
            Self::Conflict { .. } => ErrorCode::Conflict,
            Self::Pictures(error) => error.code(),
            Self::File(error) => error.code(),
            Self::DamagedBlob { .. } | Self::BadCatalogue { .. } => ErrorCode::DamagedLibrary,
            Self::Catalogue { .. } | Self::Query(_) | Self::Io { .. } => ErrorCode::Io,
            Self::Stopped { .. } => ErrorCode::Internal,
        }
    }
}

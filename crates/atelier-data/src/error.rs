//! What can go wrong with pictures and folders of pictures.

use std::io;
use std::path::{Path, PathBuf};

use atelier_core::{Coded, ErrorCode};

use crate::Skipped;

/// A failure with a picture or a folder of pictures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The picture is damaged, of another format, or outside the limits.
    #[error("cannot use picture `{}`: {problem}", path.display())]
    BadPicture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Some pictures of a folder, or their captions, cannot be used.
    #[error("cannot use {} of {total} pictures in `{}`: {}", bad.len(), folder.display(), list(bad))]
    BadPictures {
        /// The folder.
        folder: PathBuf,
        /// Every picture that cannot be used.
        bad: Vec<Skipped>,
        /// Number of all pictures in the folder.
        total: usize,
    },
    /// The file with the crops of a folder's pictures cannot be used.
    #[error("cannot use `{}`: {problem}", path.display())]
    BadCrops {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder has no picture.
    #[error("no pictures in `{}`: {problem}", folder.display())]
    DatasetEmpty {
        /// The folder.
        folder: PathBuf,
        /// What was looked for.
        problem: String,
    },
    /// There is nothing at this path.
    #[error("`{}` does not exist", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// There is something under the name of a picture to be written.
    #[error("cannot write `{}`: it exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A text cannot stand in a PNG file.
    #[error("cannot write text `{keyword}` into `{}`: {problem}", path.display())]
    BadText {
        /// The file.
        path: PathBuf,
        /// The keyword of the text.
        keyword: String,
        /// What is wrong with it.
        problem: String,
    },
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
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::BadPicture { .. } | Self::BadPictures { .. } => ErrorCode::BadPicture,
            Self::DatasetEmpty { .. } => ErrorCode::DatasetEmpty,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::BadText { .. } | Self::BadCrops { .. } => ErrorCode::InvalidInput,
            Self::Exists { .. } | Self::Io { .. } => ErrorCode::Io,
        }
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        let source = plain_reason(source);
        match source.kind() {
            io::ErrorKind::NotFound if action == "read" => Self::NotFound { path },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }

    /// The reason without the path, for a list whose entries name the path already.
    pub(crate) fn into_reason(self) -> String {
        match self {
            Self::BadPicture { problem, .. } => problem,
            Self::NotFound { .. } => "it does not exist".to_owned(),
            Self::Io { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }
}

/// Strips the path that `fs_err` puts into its errors, since ours name the path already.
fn plain_reason(error: io::Error) -> io::Error {
    let reason = error
        .get_ref()
        .and_then(|inner| inner.source())
        .map(ToString::to_string);
    match reason {
        Some(reason) => io::Error::new(error.kind(), reason),
        None => error,
    }
}

fn list(bad: &[Skipped]) -> String {
    let lines: Vec<_> = bad.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

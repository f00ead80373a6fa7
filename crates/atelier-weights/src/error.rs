//! What can go wrong with weights on disk.

use std::io;
use std::path::{Path, PathBuf};

use atelier_core::{Coded, ErrorCode};

/// A failure with a weights file, a model folder or a file being written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not a sound safetensors file, or not the adapter that it should be.
    #[error("cannot use weights file `{}`: {problem}", path.display())]
    BadWeights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder is not a complete base model.
    #[error("cannot use base model `{}`: {problem}", path.display())]
    BadBase {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing at this path.
    #[error("`{}` does not exist", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A value does not fit the number format it is to be stored in.
    #[error("cannot write `{}`: value {value} of tensor `{tensor}` does not fit {format}", path.display())]
    Overflow {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
        /// The number format.
        format: &'static str,
    },
    /// The tensors to be written contradict themselves.
    #[error("cannot write `{}`: tensor `{tensor}` {problem}", path.display())]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Programs that should read a written adapter would not.
    #[error("cannot write `{}`: {reader} would not use tensor `{tensor}`: {reason}", path.display())]
    Unread {
        /// The file that was to be written.
        path: PathBuf,
        /// The program.
        reader: &'static str,
        /// The tensor.
        tensor: String,
        /// Why the program does not use it.
        reason: String,
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
            Self::BadWeights { .. } => ErrorCode::BadWeights,
            Self::BadBase { .. } => ErrorCode::BadBase,
            Self::NotFound { .. } => ErrorCode::NotFound,
            // A strength or a scale too large for the format.
            Self::Overflow { .. } => ErrorCode::InvalidInput,
            Self::Unwritable { .. } => ErrorCode::Internal,
            Self::Unread { .. } => ErrorCode::AdapterMismatch,
            Self::Io { .. } => ErrorCode::Io,
        }
    }
}

impl Error {
    /// The file has a problem.
    pub fn bad_weights(path: &Path, problem: impl Into<String>) -> Self {
        Self::BadWeights {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }

    pub(crate) fn bad_base(path: &Path, problem: impl Into<String>) -> Self {
        Self::BadBase {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }

    /// The system refused an action, in the words that errors of files have; a file that is not there to be read is not found.
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
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

/// The first few of many names, for a message.
pub fn first_names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let count = names.len();
    let shown: Vec<_> = names.take(SHOWN).map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    match count.saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

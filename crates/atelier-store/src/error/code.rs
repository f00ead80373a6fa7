//! The stable code of every failure.

use atelier_core::{Coded, ErrorCode};

use super::Error;

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. }
            | Self::NoVersion { .. }
            | Self::NoCheckpoint { .. }
            | Self::NoLibrary { .. } => ErrorCode::NotFound,
            Self::Exists { .. }
            | Self::Invalid { .. }
            | Self::Trashed { .. }
            | Self::LastOwner { .. }
            | Self::RunNotInUse { .. } => ErrorCode::InvalidInput,
            Self::Conflict { .. }
            | Self::Busy { .. }
            | Self::RunInUse { .. }
            | Self::RunQueued { .. }
            | Self::JobNotSo { .. }
            | Self::OldCatalogue { .. }
            | Self::Superseded { .. } => ErrorCode::Conflict,
            Self::NotOwn { .. } | Self::ReadOnly => ErrorCode::Forbidden,
            Self::Pictures(error) => error.code(),
            Self::File(error) => error.code(),
            Self::DamagedBlob { .. }
            | Self::Incomplete { .. }
            | Self::DamagedCatalogue { .. }
            | Self::LostCatalogue { .. } => ErrorCode::DamagedLibrary,
            Self::OtherCatalogue { .. } => ErrorCode::OtherLibrary,
            Self::Catalogue { .. } | Self::Full { .. } | Self::Query(_) | Self::Io(_) => {
                ErrorCode::Io
            }
            // Callers that can be asked to stop look for this one before they ask for its code.
            Self::Cancelled | Self::Stopped { .. } => ErrorCode::Internal,
        }
    }
}

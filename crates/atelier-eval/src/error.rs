//! What cannot be measured.

use atelier_core::{Coded, ErrorCode};
use atelier_data::RgbPicture;

/// Why pictures, or sets of them, have no measure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Pictures that are compared pixel by pixel differ in size.
    #[error("cannot compare a picture of {}x{} pixels with one of {}x{}", a[0], a[1], b[0], b[1])]
    SizesDiffer {
        /// Width and height of the first.
        a: [usize; 2],
        /// Width and height of the second.
        b: [usize; 2],
    },
    /// Pictures have no room for the window of structural similarity.
    #[error("cannot compare the structure of pictures of {}x{} pixels, needs at least {required}x{required}", size[0], size[1])]
    PicturesTooSmall {
        /// Width and height of both.
        size: [usize; 2],
        /// The least width and height.
        required: usize,
    },
    /// A set of pictures is too small for its kernel inception distance to another.
    #[error("cannot compare a set of {rows} rows of features, needs at least {required}")]
    TooFewRows {
        /// Rows in the set, or asked for in a subset.
        rows: usize,
        /// The least number of rows.
        required: usize,
    },
    /// No subsets were asked for, which have no mean.
    #[error("cannot take the mean over 0 subsets, needs at least 1")]
    NoSubsets,
    /// Rows of features were not made by one network.
    #[error("a row of features has {got} numbers, expected {expected}")]
    RowLength {
        /// Numbers in the row.
        got: usize,
        /// Numbers in the first row of the first set, and at least 1.
        expected: usize,
    },
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::PicturesTooSmall { .. } => ErrorCode::BadPicture,
            Self::SizesDiffer { .. }
            | Self::TooFewRows { .. }
            | Self::NoSubsets
            | Self::RowLength { .. } => ErrorCode::InvalidInput,
        }
    }
}

/// Fails for pictures that cannot be laid over each other.
pub(crate) fn same_size(a: &RgbPicture, b: &RgbPicture) -> Result<(), Error> {
    let (a, b) = ([a.width, a.height], [b.width, b.height]);
    if a == b {
        return Ok(());
    }
    Err(Error::SizesDiffer { a, b })
}

//! Pictures that drawings can start from, and masks of them: sent for that, or taken from the library. Each stays as long as a
//! drawing is there that started from it.

pub(crate) mod files;
pub(crate) mod from_library;
pub(crate) mod keep;
pub(crate) mod receive;
pub(crate) mod views;

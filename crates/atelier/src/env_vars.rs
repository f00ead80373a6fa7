//! Every environment variable that the program reads.

/// The folder for everything that the program keeps.
pub(crate) const ATELIER_HOME: &str = "ATELIER_HOME";
/// Where programs keep data, by the XDG base directory specification.
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// The user's folder.
pub(crate) const HOME: &str = "HOME";

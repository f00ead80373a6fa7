//! Files that are locked, and never hold anything. The system ends a lock with its process, however that ends.

use std::io;
use std::path::Path;

use fs_err::{File, OpenOptions};

/// The file's name in the folder that it is for.
pub(crate) const NAME: &str = ".lock";

/// Opens the file in a folder, and makes it where there is none.
pub(crate) fn open(folder: &Path) -> io::Result<File> {
    open_file(&folder.join(NAME))
}

/// Opens a file to lock, and makes it where there is none.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path)
}

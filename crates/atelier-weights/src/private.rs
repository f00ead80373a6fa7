//! Folders and files that only their owner can read. What exists keeps its mode.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;

use fs_err::OpenOptions;

/// Makes a folder that only its owner can read, and those above it that are not there. What exists keeps its mode.
///
/// # Errors
/// When the system refuses; its words name the folder.
pub fn create_dir_all(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(|error| {
        let problem = format!("failed to create directory `{}`: {error}", folder.display());
        io::Error::new(error.kind(), problem)
    })
}

/// Makes an empty file that only its owner can read, where there is none.
///
/// # Errors
/// When the system refuses.
pub fn create_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}

/// Makes a file one that its owner alone can read, and that nobody writes.
///
/// # Errors
/// When the system refuses.
pub fn set_read_only(path: &Path) -> io::Result<()> {
    let mut permissions = fs_err::metadata(path)?.permissions();
    permissions.set_readonly(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        permissions.set_mode(0o400);
    }
    fs_err::set_permissions(path, permissions)
}

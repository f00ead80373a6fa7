//! Whether somebody lives: a file that they lock. The system ends a lock with the process that has it, however that ends, so
//! that no number of a process has to be believed.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use fs_err::OpenOptions;

/// How often a lock is tried that somebody may have only for a moment, and the time between.
const GLANCES: u32 = 20;
const GLANCE: Duration = Duration::from_millis(10);

/// Opens a file to lock, and makes it where there is none.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    Ok(options.open(path)?.into_parts().0)
}

/// Locks a file for as long as the answer is open; nothing when somebody else has it.
pub(crate) fn take(path: &Path) -> io::Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The same for a lock that somebody may have only for a moment: who looks at it, or a process that is about to become another
/// program and then forgets it.
pub(crate) fn take_patiently(path: &Path) -> io::Result<Option<File>> {
    for _ in 0..GLANCES {
        if let Some(lock) = take(path)? {
            return Ok(Some(lock));
        }
        thread::sleep(GLANCE);
    }
    Ok(None)
}

/// Whether somebody has the lock of a file.
pub(crate) fn is_taken(path: &Path) -> bool {
    // Shared, so that two that look do not take each other for one that has it.
    path.exists() && open(path).is_ok_and(|file| is_locked(&file))
}

fn is_locked(file: &File) -> bool {
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Whether the standard input of this process is the file, whose lock it then has from the process that started it.
#[cfg(unix)]
pub(crate) fn is_inherited(path: &Path) -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;

    let input = io::stdin().as_fd().try_clone_to_owned();
    let input = input.and_then(|input| File::from(input).metadata());
    let (Ok(input), Ok(file)) = (input, fs_err::metadata(path)) else {
        return false;
    };
    (input.dev(), input.ino()) == (file.dev(), file.ino())
}

/// Other systems give no locks from one process to the next.
#[cfg(not(unix))]
pub(crate) fn is_inherited(_: &Path) -> bool {
    false
}

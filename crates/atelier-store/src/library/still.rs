//! A catalogue where nothing can be written: it is read without the files that `SQLite` keeps beside it, as long as nobody
//! changes it.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};

use crate::error::Result;

/// How the name of the log ends.
const LOG: &str = "-wal";

/// What the catalogue's file was when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Still {
    size_bytes: u64,
    modified: SystemTime,
}

impl Still {
    /// That of a catalogue that holds everything; nothing where changes lie in the log beside it, or it cannot be looked at.
    pub(crate) fn of(catalogue: &Path) -> Option<Self> {
        let mut log = catalogue.as_os_str().to_owned();
        log.push(LOG);
        match fs_err::metadata(PathBuf::from(log)) {
            Ok(about) if about.len() == 0 => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => return None,
        }
        let about = fs_err::metadata(catalogue).ok()?;
        Some(Self {
            size_bytes: about.len(),
            modified: about.modified().ok()?,
        })
    }

    /// Whether nobody changed the catalogue since.
    pub(crate) fn holds(self, catalogue: &Path) -> bool {
        Self::of(catalogue) == Some(self)
    }
}

/// A connection that only reads, and looks neither for locks nor for a log.
pub(crate) fn open(catalogue: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(address(catalogue), flags)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// The file as `SQLite` takes it for one that does not change.
///
/// # Source
/// <https://sqlite.org/uri.html>.
fn address(path: &Path) -> String {
    let mut address = "file:".to_owned();
    if path.has_root() {
        address.push_str(if cfg!(windows) { "///" } else { "//" });
    }
    for &byte in path.as_os_str().as_encoded_bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        if is_plain {
            address.push(char::from(byte));
        } else if cfg!(windows) && byte == b'\\' {
            address.push('/');
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address.push_str("?immutable=1");
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(catalogue: &Path, value: u32) {
        let connection = Connection::open(catalogue).unwrap();
        let mode = connection.pragma_update(None, "journal_mode", "WAL");
        mode.unwrap();
        let text = format!("CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES ({value})");
        connection.execute_batch(&text).unwrap();
    }

    fn sum(catalogue: &Path) -> u32 {
        let connection = open(catalogue).unwrap();
        let sum = connection.query_row("SELECT sum(x) FROM t", [], |row| row.get(0));
        assert!(connection.execute("INSERT INTO t VALUES (9)", []).is_err());
        sum.unwrap()
    }

    #[test]
    fn what_is_opened_is_read_whatever_its_folder_is_called_and_nothing_comes_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("a b?c#d%41é&x=1");
        fs_err::create_dir(&home).unwrap();
        let catalogue = home.join("a.db");
        write(&catalogue, 3);
        assert_eq!(sum(&catalogue), 3);
        assert_eq!(fs_err::read_dir(&home).unwrap().count(), 1);
    }

    #[test]
    fn a_catalogue_is_still_until_it_or_its_log_changes() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = folder.path().join("a.db");
        assert_eq!(Still::of(&catalogue), None);
        write(&catalogue, 1);
        let still = Still::of(&catalogue).unwrap();
        let log = folder.path().join("a.db-wal");
        fs_err::write(&log, "").unwrap();
        assert!(still.holds(&catalogue));
        fs_err::write(&log, "a change").unwrap();
        assert!(!still.holds(&catalogue));
        fs_err::remove_file(&log).unwrap();
        assert!(still.holds(&catalogue));
        let later = still.modified + std::time::Duration::from_secs(1);
        let file = fs_err::OpenOptions::new().write(true).open(&catalogue);
        file.unwrap().file().set_modified(later).unwrap();
        assert!(!still.holds(&catalogue));
    }
}

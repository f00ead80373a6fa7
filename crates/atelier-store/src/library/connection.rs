//! Connections to the catalogue, and what each has to be told.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::viewer::{Told, hide};
use super::{migrations, names, still};
use crate::error::{Error, Result};

/// How long a connection waits for a change of another process.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it looks where `SQLite` does not wait by itself.
const GLANCE: Duration = Duration::from_millis(20);
/// Questions that a connection keeps in the form in which `SQLite` answers them.
const UNDERSTOOD: usize = 64;

/// A connection, and to whom it belongs at the moment.
pub(super) struct Line {
    pub(super) connection: Connection,
    pub(super) told: Told,
}

impl Line {
    /// One that shows everything, or with `is_partial` what may be seen.
    pub(super) fn new(connection: Connection, is_partial: bool) -> Result<Self> {
        let told = Told::register(&connection)?;
        if is_partial {
            hide(&connection)?;
        }
        connection.set_prepared_statement_cache_capacity(UNDERSTOOD);
        // Else it looks anew at a question that it has understood whenever it is given other values.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Self { connection, told })
    }
}

/// A connection that changes the catalogue, which is made or brought to today's layout first.
pub(super) fn open_to_write(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    names::register(&connection)?;
    // Before anything is written, since the file may be another program's.
    migrations::layout(&connection, path)?;
    let mode = write_ahead(&connection)?;
    if mode != "wal" {
        let path = path.to_owned();
        let problem = format!(
            "its file system cannot share it among programs (journal mode `{mode}`, needed is `wal`); set ATELIER_HOME to a \
             folder on a local disk"
        );
        return Err(Error::OtherCatalogue { path, problem });
    }
    // A change that was answered is on the disk, also after a loss of power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    migrations::run(&mut connection, path)?;
    Ok(connection)
}

/// A connection that only reads: everything, or with `is_partial` what may be seen. With `is_still`, of a catalogue beside which
/// nothing can be written.
pub(super) fn line_to_read(path: &Path, (is_still, is_partial): (bool, bool)) -> Result<Line> {
    let connection = if is_still {
        still::open(path)?
    } else {
        open_unguarded(path)?
    };
    let line = Line::new(connection, is_partial)?;
    line.connection.pragma_update(None, "query_only", true)?;
    Ok(line)
}

/// A connection that only reads, for the program itself.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection> {
    let connection = open_unguarded(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open_unguarded(path: &Path) -> Result<Connection> {
    // Without the right to write, a log that a crash left could not be read.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Turns the log on, and says which journal there is then. `SQLite` does not wait here, although another process may be doing
/// the same.
fn write_ahead(connection: &Connection) -> rusqlite::Result<String> {
    let start = Instant::now();
    loop {
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        match mode {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < PATIENCE =>
            {
                thread::sleep(GLANCE);
            }
            mode => return mode,
        }
    }
}

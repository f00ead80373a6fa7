//! From the layout of an older program to today's, one numbered step after the other.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Result};

/// The steps; the number of a layout is how many of them were done.
const STEPS: &[&str] = &[include_str!("../../migrations/001_datasets.sql")];
/// Says in the file's header that the catalogue is ours.
const APPLICATION: i32 = i32::from_be_bytes(*b"Atel");

/// Brings the catalogue to today's layout, wholly or not at all.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<()> {
    let migrated = migrate(connection, path);
    migrated.map_err(|error| error.at("change", path))
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let bad = |problem: String| Error::BadCatalogue {
        path: path.to_owned(),
        problem,
    };
    // Alone, since another process may be doing the same.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number =
        |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, done) = (number("application_id")?, number("user_version")?);
    let count = "SELECT count(*) FROM sqlite_schema";
    let tables: u32 = transaction.query_row(count, [], |row| row.get(0))?;
    if application != APPLICATION && tables > 0 {
        return Err(bad("it is another program's".to_owned()));
    }
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    let Some(steps) = STEPS.get(done..) else {
        let known = STEPS.len();
        return Err(bad(format!(
            "its layout is version {done}, and this program knows versions up to {known}; use the program that wrote it, \
             or a newer one"
        )));
    };
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", STEPS.len() as i32)?;
    Ok(transaction.commit()?)
}

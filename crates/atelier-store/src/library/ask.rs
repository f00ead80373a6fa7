//! Questions with one answer.

use rusqlite::{Connection, Params, Row};

/// Asks for one row. `SQLite` takes longer to understand most questions than to answer them, so a connection keeps what it
/// has understood.
pub(crate) trait Ask {
    /// The first row of the answer.
    ///
    /// # Errors
    /// Those of `SQLite`; `QueryReturnedNoRows` when the answer has none.
    fn ask<T>(
        &self,
        question: &str,
        params: impl Params,
        of_row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T>;
}

impl Ask for Connection {
    fn ask<T>(
        &self,
        question: &str,
        params: impl Params,
        of_row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.prepare_cached(question)?.query_row(params, of_row)
    }
}

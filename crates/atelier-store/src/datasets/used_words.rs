//! Which trigger words the library has already.

use crate::error::Result;
use crate::library::{DatasetId, Library};

impl Library {
    /// The trigger words of the datasets outside the trash, each after its dataset's name, without those of `except`.
    pub fn used_trigger_words(&self, except: Option<DatasetId>) -> Result<Vec<(String, String)>> {
        let query = "SELECT name, trigger_word FROM dataset WHERE trashed_ms IS NULL AND trigger_word <> '' \
                     AND id IS NOT ? ORDER BY name";
        self.read(|view| {
            let mut statement = view.prepare_cached(query)?;
            let rows = statement.query_map([except], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

//! Which trigger words the library has already.

use crate::error::Result;
use crate::library::{DatasetId, Library};

impl Library {
    /// The trigger words of the datasets and models outside the trash, each after what has it in words, such as
    /// `` dataset `faces` ``; without those of `except` and its models. A model that has the word of its dataset is not named
    /// beside it.
    pub fn used_trigger_words(&self, except: Option<DatasetId>) -> Result<Vec<(String, String)>> {
        let query = "SELECT 'dataset `' || name || '`' AS owner, trigger_word FROM dataset \
                     WHERE trashed_ms IS NULL AND trigger_word <> '' AND id IS NOT ?1 \
                     UNION ALL \
                     SELECT 'model `' || m.name || '`', m.trigger_word FROM model m \
                     LEFT JOIN run r ON r.id = m.run LEFT JOIN dataset d ON d.id = r.dataset \
                     WHERE m.trashed_ms IS NULL AND m.trigger_word <> '' AND (?1 IS NULL OR d.id IS NOT ?1) \
                     AND (d.id IS NULL OR d.trashed_ms IS NOT NULL OR d.trigger_word <> m.trigger_word) \
                     ORDER BY owner";
        self.read(|view| {
            let mut statement = view.prepare_cached(query)?;
            let rows = statement.query_map([except], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
